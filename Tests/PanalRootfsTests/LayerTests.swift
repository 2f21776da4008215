import Foundation
import PanalCore
import Testing

@testable import PanalRootfs

/// What layers say of each other (OCI image specification, layer.md).
@Suite struct LayerTests {
    private func build(_ layers: TestTar...) throws -> (ImageSite, RootfsFacts) {
        let site = try ImageSite()
        return (site, try site.build(TestLayout(layers.map(\.finished)).archive(), as: .layout).facts)
    }

    @Test func aLayerAddsReplacesAndTakesAway() throws {
        var first = TestTar.smallest
        first.add("etc/motd", "old")
        first.add("opt/a", "a")
        first.add("opt/b/c", "c")
        var second = TestTar()
        second.add("etc/motd", "new")
        second.add("opt/.wh.a", "")
        second.add("opt/.wh.b", "")
        let (site, facts) = try build(first, second)
        #expect(try site.text("etc/motd", facts) == "new")
        #expect(try site.listing(facts) == ["etc 755", "etc/motd 644", "etc/passwd 644", "opt 755"])
        #expect(facts.files == 2)
    }

    /// Marks are about earlier layers, wherever they stand in their own.
    @Test(arguments: [true, false]) func whiteoutsTakeNothingOfTheirOwnLayer(marksFirst: Bool) throws {
        var first = TestTar.smallest
        first.add("d/old", "1")
        first.add("f", "1")
        var second = TestTar()
        func marks() {
            second.add("d/.wh..wh..opq")
            second.add(".wh.f")
        }
        if marksFirst { marks() }
        second.add("d/new", "2")
        second.add("f", "2")
        if !marksFirst { marks() }
        let (site, facts) = try build(first, second)
        #expect(try site.listing(facts).filter { !$0.hasPrefix("etc") } == ["d 755", "d/new 644", "f 644"])
        #expect(try site.text("f", facts) == "2")
    }

    /// As umoci leaves a layer: nothing behind the last file's bytes.
    @Test func aLayerMayEndWithItsLastFile() throws {
        var second = TestTar()
        second.add("last", "one")
        let site = try ImageSite()
        let bare = Array(second.bytes.prefix(512 + 3))
        let facts = try site.build(TestLayout([TestTar.smallest.finished, bare]).archive(), as: .layout).facts
        #expect(try site.text("last", facts) == "one")
        // What has no digest to be held against may as well be damaged.
        #expect(throws: ArchiveError.self) { try site.build(bare) }
    }

    @Test func aWhiteoutOfWhatIsNotThereIsNothing() throws {
        var second = TestTar()
        second.add("no/such/.wh.thing")
        second.add(".wh..wh.plnk")
        second.add("none/.wh..wh..opq")
        let (site, facts) = try build(TestTar.smallest, second)
        #expect(try site.listing(facts) == ["etc 755", "etc/passwd 644"])
    }

    /// In an archive that is a tree itself these are names like any other.
    @Test func aTreeHasNoWhiteouts() throws {
        let site = try ImageSite()
        var tar = TestTar.smallest
        tar.add("etc/.wh.passwd", "x")
        let facts = try site.build(tar.finished).facts
        #expect(try site.listing(facts) == ["etc 755", "etc/.wh.passwd 644", "etc/passwd 644"])
    }

    @Test func hardLinksAreOneFile() throws {
        var first = TestTar.smallest
        first.add("usr/lib/x", "content")
        first.add("usr/lib/y", kind: .hardLink, link: "usr/lib/x")
        var second = TestTar()
        second.add("usr/z", kind: .hardLink, link: "./usr/lib/y")
        second.add("usr/lib/.wh.x")
        let (site, facts) = try build(first, second)
        let numbers = try ["usr/lib/y", "usr/z"].map {
            try FileManager.default.attributesOfItem(atPath: "\(site.tree(facts))/\($0)")[.systemFileNumber] as? Int
        }
        #expect(numbers[0] == numbers[1])
        #expect(try site.text("usr/z", facts) == "content")
        #expect(facts.files == 2)
    }

    /// `lib` is a link to `usr/lib` in most distributions, and archives name files below either.
    @Test func aNameBelowALinkLiesWhereItLeads() throws {
        var first = TestTar.smallest
        first.folder("usr/lib")
        first.link("lib", to: "usr/lib")
        first.link("opt", to: "/../../usr/../usr/lib")
        var second = TestTar()
        second.add("lib/a", "1")
        second.add("opt/b", "2")
        let (site, facts) = try build(first, second)
        #expect(
            try site.listing(facts).filter { !$0.hasPrefix("etc") } == [
                "lib -> usr/lib", "opt -> /../../usr/../usr/lib", "usr 755", "usr/lib 755", "usr/lib/a 644",
                "usr/lib/b 644",
            ])
    }

    /// A link to the host's own folders, and a file below it: it lands in the image's.
    @Test func aNameBelowALinkNeverLeavesTheImage() throws {
        let victim = NSTemporaryDirectory() + "panal-victim-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: victim, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: victim) }
        var tar = TestTar.smallest
        tar.folder(String(victim.dropFirst()))
        tar.link("out", to: victim)
        tar.add("out/file", "x")
        tar.link("up", to: "../../../../../../../../..")
        tar.add("up/file", "y")
        let site = try ImageSite()
        let facts = try site.build(tar.finished).facts
        #expect(try FileManager.default.contentsOfDirectory(atPath: victim).isEmpty)
        #expect(try site.text("file", facts) == "y")
        #expect(try site.text(String(victim.dropFirst()) + "/file", facts) == "x")
    }

    @Test func linksThatChaseEachOtherEnd() throws {
        var tar = TestTar.smallest
        tar.link("a", to: "b")
        tar.link("b", to: "a")
        tar.add("a/file", "x")
        let site = try ImageSite()
        #expect(site.refusal(tar.finished)?.contains("lies in what is no folder") == true)
    }

    @Test func aFileMayTakeAFoldersPlaceAndTheOtherWayRound() throws {
        var first = TestTar.smallest
        first.add("a/b/c", "1")
        first.add("f", "1")
        var second = TestTar()
        second.add("a", "2")
        var third = TestTar()
        third.folder("f")
        third.add("f/g", "3")
        let (site, facts) = try build(first, second, third)
        #expect(try site.text("a", facts) == "2")
        #expect(try site.text("f/g", facts) == "3")
        // Nobody has said that the file goes.
        var wrong = TestTar()
        wrong.add("f/g", "2")
        let refusal = try ImageSite().refusal(TestLayout([first.finished, wrong.finished]).archive(), as: .layout)
        #expect(refusal?.contains("lies in what is no folder") == true)
    }

    @Test func bitsAreThoseOfTheOwnerForAll() throws {
        var tar = TestTar.smallest
        tar.folder("secret", mode: 0o700)
        tar.add("secret/key", "k", mode: 0o600)
        tar.add("usr/run", "r", mode: 0o711)
        tar.add("usr/sudo", "s", mode: 0o4755)
        tar.add("usr/wall", "w", mode: 0o2555)
        tar.folder("tmp", mode: 0o1777)
        let site = try ImageSite()
        let facts = try site.build(tar.finished).facts
        #expect(
            try site.listing(facts).filter { !$0.hasPrefix("etc") } == [
                "secret 755", "secret/key 644", "tmp 755", "usr 755", "usr/run 755", "usr/sudo 755", "usr/wall 555",
            ])
        #expect(facts.neutralised.privileged == ["usr/sudo", "usr/wall"])
    }

    @Test func devicesAreLeftOutAndTold() throws {
        var tar = TestTar.smallest
        tar.add("dev/mem", kind: .characterDevice)
        tar.add("disk", kind: .blockDevice)
        tar.add("pipe", kind: .fifo)
        let site = try ImageSite()
        let facts = try site.build(tar.finished).facts
        #expect(facts.neutralised.skipped == ["dev/mem: character device", "disk: block device", "pipe: FIFO"])
        #expect(try site.listing(facts) == ["etc 755", "etc/passwd 644"])
    }

    @Test func timesAreKeptWithinReason() throws {
        var tar = TestTar.smallest
        tar.add("a", "1", time: 1_234_567_890)
        tar.add("b", "1", time: 0o77777777777)
        let site = try ImageSite()
        let facts = try site.build(tar.finished).facts
        let times = try ["a", "b"].map {
            try FileManager.default.attributesOfItem(atPath: "\(site.tree(facts))/\($0)")[.modificationDate] as? Date
        }
        #expect(times == [Date(timeIntervalSince1970: 1_234_567_890), Date(timeIntervalSince1970: 8_589_934_591)])
    }

    // MARK: Digests

    @Test func theSameTreeHasTheSameDigestHoweverItCame() throws {
        var other = TestTar()
        other.folder("etc", mode: 0o700)
        other.add("b", "2", mode: 0o640, time: 5)
        other.add("./etc/passwd", "root:x:0:0::/:/bin/sh\n", mode: 0o600)
        other.add("a", kind: .hardLink, link: "b")
        var first = TestTar.smallest
        first.add("b", "wrong")
        first.add("gone", "x")
        var second = TestTar()
        second.add(".wh.gone")
        second.add("b", "2")
        second.add("a", "2")
        let (_, layered) = try build(first, second)
        let site = try ImageSite()
        let plain = try site.build(other.finished)
        #expect(plain.facts.digest == layered.digest)
        #expect(plain.created)
        #expect(try !site.build(other.finished).created)
    }

    /// Any of these makes another tree.
    @Test(arguments: ["name", "content", "mode", "kind", "target", "more"])
    func anotherTreeHasAnotherDigest(what: String) throws {
        func digest(_ what: String) throws -> ContentHash {
            var tar = TestTar.smallest
            tar.add(what == "name" ? "b" : "a", what == "content" ? "2" : "1", mode: what == "mode" ? 0o755 : 0o644)
            tar.link("l", to: what == "target" ? "b" : "a")
            if what == "kind" { tar.folder("l") }
            if what == "more" { tar.folder("more") }
            return try ImageSite().build(tar.finished).facts.digest
        }
        #expect(try digest(what) != digest("nothing"))
    }

    /// Written down, so that a change of the form is seen: names of images are kept for ever.
    @Test func theDigestIsThatOfTheListing() throws {
        var tree = RootfsTree()
        let passwd = RootfsTree.Content(bytes: 1, hash: hash([65]), isExecutable: true)
        try tree.addFile(Array("etc/x".utf8), number: 1, passwd)
        try tree.addLink(Array("a".utf8), to: Array("etc/x".utf8))
        let listing =
            "panal-rootfs 1\nd 755 \0\0\nl 777 a\0etc/x\0\nd 755 etc\0\0\nf 755 etc/x\0\(hash([65]).hex)\0\n"
        #expect(RootfsDigest.of(tree) == hash(Array(listing.utf8)))
    }
}
