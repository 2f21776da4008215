import Foundation
import PanalCore
import Testing

@testable import PanalRootfs

/// An image out of another one and of what a job has changed in it.
@Suite struct DerivedImageTests {
    private static var base: TestTar {
        var tar = TestTar.smallest
        tar.add("etc/motd", "old")
        tar.add("opt/a", "a", mode: 0o755)
        tar.add("opt/b/c", "c")
        tar.add("opt/hard", kind: .hardLink, link: "opt/a")
        tar.link("opt/link", to: "a")
        return tar
    }

    private static func number(_ name: String, _ site: ImageSite, _ facts: RootfsFacts) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: "\(site.tree(facts))/\(name)")[.systemFileNumber] as? Int
    }

    private static func names(_ facts: RootfsFacts, _ site: ImageSite) throws -> [String] {
        try site.listing(facts).filter { !$0.hasPrefix("etc") }
    }

    @Test func aLayerAddsReplacesAndTakesAway() throws {
        let site = try ImageSite()
        let base = try site.build(Self.base.finished).facts
        let before = try site.listing(base)
        var layer = TestTar()
        layer.add("etc/motd", "new")
        layer.add("opt/.wh.a", "")
        layer.add("opt/b/.wh..wh..opq", "")
        layer.add("opt/b/d", "d")
        layer.add("work/result", "42")
        let (facts, created) = try site.derive(from: base, layer.finished)
        #expect(created)
        #expect(try site.text("etc/motd", facts) == "new")
        #expect(
            try Self.names(facts, site) == [
                "opt 755", "opt/b 755", "opt/b/d 644", "opt/hard 755", "opt/link -> a", "work 755", "work/result 644",
            ])
        #expect(facts.layers.map(\.digest) == base.layers.map(\.digest) + [hash(layer.finished)])
        // The base is what it was, and what nobody touched is there once.
        #expect(try site.listing(base) == before)
        #expect(try site.text("etc/motd", base) == "old")
        for name in ["etc/passwd", "opt/hard"] {
            #expect(try Self.number(name, site, facts) == Self.number(name, site, base))
        }
        #expect(try Self.number("etc/motd", site, facts) != Self.number("etc/motd", site, base))
    }

    /// The same files have the same name, however they came.
    @Test func itIsTheImageThatItsFilesMake() throws {
        let site = try ImageSite()
        let base = try site.build(Self.base.finished).facts
        var layer = TestTar()
        layer.add("usr/x", "x", mode: 0o755)
        layer.add("usr/y", kind: .hardLink, link: "opt/a")
        let derived = try site.derive(from: base, layer.finished).facts
        var whole = Self.base
        whole.add("usr/x", "x", mode: 0o755)
        whole.add("usr/y", kind: .hardLink, link: "opt/a")
        #expect(try ImageSite().build(whole.finished).facts.digest == derived.digest)
        #expect(try site.build(whole.finished).created == false)
        #expect(try Self.number("usr/y", site, derived) == Self.number("opt/a", site, base))
        #expect(derived.files == 5)
    }

    @Test func aLayerOfNothingIsTheBase() throws {
        let site = try ImageSite()
        let base = try site.build(Self.base.finished).facts
        let (facts, created) = try site.derive(from: base, TestTar().finished)
        #expect(facts.digest == base.digest && !created)
        #expect(try site.derive(from: base, []).created == false)
    }

    @Test func itStaysWhenItsBaseGoes() throws {
        let site = try ImageSite()
        let base = try site.build(Self.base.finished).facts
        var layer = TestTar()
        layer.add("new", "1")
        let facts = try site.derive(from: base, layer.finished).facts
        try FileManager.default.removeItem(atPath: "\(site.path)/rootfs/\(base.digest.hex)")
        #expect(try site.text("opt/a", facts) == "a")
        // And another one can be made of it.
        var next = TestTar()
        next.add(".wh.new", "")
        #expect(try site.derive(from: facts, next.finished).facts.digest == base.digest)
    }

    /// A base that is a layered image keeps what its documents say.
    @Test func theConfigurationIsKept() throws {
        let site = try ImageSite()
        var image = TestLayout([TestTar.smallest.finished])
        image.start = ["Env": ["A=1"], "Cmd": ["x"]]
        let base = try site.build(try image.archive(), as: .layout).facts
        var layer = TestTar()
        layer.add("suid", "x", mode: 0o4755)
        let facts = try site.derive(from: base, layer.finished).facts
        #expect(facts.settings == base.settings && facts.settings.environment == ["A=1"])
        #expect(facts.layers.count == 2 && facts.manifest == nil)
        #expect(facts.neutralised.privileged == ["suid"])
        #expect(try site.listing(facts).contains("suid 755"))
    }

    // MARK: Dangers

    /// Layers as a program could make them, and why they are refused.
    static let hostile: [(@Sendable (inout TestTar) -> Void, String)] = [
        ({ $0.add("../x", "1") }, "leads out of its folder"),
        ({ $0.add("/etc/x", "1") }, "is an absolute name"),
        ({ $0.link("proc", to: "/etc") }, "is a symbolic link, and has to be a folder or missing"),
        (
            {
                $0.add(".wh.etc", "")
                $0.link("etc", to: "/opt")
            }, "is a symbolic link, and has to be a folder or missing"
        ),
        ({ $0.add("x", kind: .hardLink, link: "../../etc/shadow") }, "leads out of its folder"),
        ({ $0.add("x", kind: .hardLink, link: "etc/none") }, "is no file of the image"),
        ({ $0.add("opt/a/b", "1") }, "lies in what is no folder of the image"),
        ({ $0.add("big", String(repeating: "x", count: 5_000)) }, "its files have more than"),
        ({ for number in 0..<200 { $0.add("n/\(number)", "") } }, "more than 100 entries"),
        ({ $0.add("opt/.wh...", "") }, "takes nothing away that has a name"),
    ]

    @Test(arguments: hostile.indices) func hostileLayersAreRefused(number: Int) throws {
        let (fill, reason) = Self.hostile[number]
        let site = try ImageSite()
        let base = try site.build(Self.base.finished).facts
        let before = site.left
        var layer = TestTar()
        fill(&layer)
        site.limits.bytes = 4_000
        site.limits.entries = 100
        let error = #expect(throws: ArchiveError.self) { try site.derive(from: base, layer.finished) }
        #expect(error?.sentence.contains(reason) == true, "\(error?.sentence ?? "")")
        #expect(site.left == before)
    }

    /// A link of the base that leads out is followed inside of the image, as the program saw it.
    @Test func linksOfTheBaseLeadNowhereElse() throws {
        let outside = NSTemporaryDirectory() + "panal-outside-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: outside) }
        let site = try ImageSite()
        var tar = Self.base
        tar.link("out", to: outside)
        tar.link("top", to: "/opt")
        let base = try site.build(tar.finished).facts
        var layer = TestTar()
        layer.add("top/new", "1")
        let facts = try site.derive(from: base, layer.finished).facts
        #expect(try site.text("opt/new", facts) == "1")
        #expect(try site.listing(base).contains { $0.hasPrefix("opt/new") } == false)
        var bad = TestTar()
        bad.add("out/x", "1")
        #expect(throws: ArchiveError.self) { try site.derive(from: base, bad.finished) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside).isEmpty)
    }

    @Test func aBaseThatWasChangedIsRefused() throws {
        let site = try ImageSite()
        let base = try site.build(Self.base.finished).facts
        try Data("other".utf8).write(to: URL(fileURLWithPath: site.tree(base) + "/etc/motd"))
        let error = #expect(throws: ArchiveError.self) { try site.derive(from: base, TestTar().finished) }
        #expect(error?.sentence == "the files of the image that it began in are not what they were")
    }

    @Test func aLayerCutOffAnywhereLeavesNothing() throws {
        let site = try ImageSite()
        let base = try site.build(Self.base.finished).facts
        let before = site.left
        var layer = TestTar()
        layer.add("opt/.wh.a", "")
        layer.add("opt/x", String(repeating: "y", count: 700))
        let whole = layer.bytes
        // Behind an entry's last byte the archive may end: what was told until there is then the layer.
        let ends = Set([0, 512, whole.count])
        for count in stride(from: 1, to: whole.count, by: 17) where !ends.contains(count) && count != 512 + 512 + 700 {
            do {
                _ = try site.derive(from: base, Array(whole[..<count]))
                // Padding alone may be missing.
                #expect(count > 1_024 + 700, "\(count) of \(whole.count)")
                try FileManager.default.removeItem(
                    atPath: "\(site.path)/rootfs/"
                        + #require(site.left.first { $0.count == 64 && $0 != base.digest.hex }))
            } catch is ArchiveError {
                #expect(site.left == before)
            }
        }
    }

    @Test func whoeverStopsItFindsNothing() throws {
        struct Stop: Error {}
        let site = try ImageSite()
        let base = try site.build(Self.base.finished).facts
        let before = site.left
        var layer = TestTar()
        layer.add("opt/x", "1")
        var (stopsAt, count) = (0, 0)
        repeat {
            (stopsAt, count) = (stopsAt + 1, 0)
            do {
                _ = try site.derive(from: base, layer.finished) {
                    count += 1
                    if count == stopsAt { throw Stop() }
                }
                break
            } catch is Stop {
                #expect(site.left == before, "stopped at \(stopsAt)")
            }
        } while stopsAt < 10_000
        #expect(stopsAt > 20)
        #expect(count < stopsAt)
    }

    /// Files have as many names as their file system allows, and one more as a copy.
    @Test func aFileWithAllNamesThatItMayHaveIsCopied() throws {
        let site = try ImageSite()
        var tar = TestTar.smallest
        for name in ["etc/a", "etc/b"] { tar.add(name, kind: .hardLink, link: "etc/passwd") }
        let base = try site.build(tar.finished).facts
        let file = site.tree(base) + "/etc/passwd"
        let names = site.path + "/names"
        try FileManager.default.createDirectory(atPath: names, withIntermediateDirectories: true)
        var number = 0
        while number < 70_000, link(file, "\(names)/\(number)") == 0 { number += 1 }
        // File systems without such a bound have nothing to be tested.
        guard number < 70_000, errno == EMLINK else { return }
        var layer = TestTar()
        layer.add("x", "1")
        let facts = try site.derive(from: base, layer.finished).facts
        #expect(try site.text("etc/passwd", facts) == site.text("etc/passwd", base))
        #expect(try Self.number("etc/passwd", site, facts) != Self.number("etc/passwd", site, base))
        let times = try [base, facts].map {
            try FileManager.default.attributesOfItem(atPath: site.tree($0) + "/etc/passwd")[.modificationDate] as? Date
        }
        #expect(times[0] == times[1])
        // One copy has all the names.
        for name in ["etc/a", "etc/b"] {
            #expect(try Self.number(name, site, facts) == Self.number("etc/passwd", site, facts))
        }
    }
}

/// The library's own bounds and its line.
@Suite struct DerivedImageFolderTests {
    private static func place(_ bytes: [UInt8], _ site: ImageSite) throws -> ContentHash {
        let content = hash(bytes)
        let path = site.path + "/" + ContentLayout.blob(content)
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return content
    }

    @Test func whatIsAddedIsBounded() async throws {
        let site = try ImageSite()
        let library = try RootfsFolder(dataFolder: site.path)
        var tar = TestTar.smallest
        tar.add("usr/much", String(repeating: "x", count: 100_000))
        let archive = try Self.place(tar.finished, site)
        let base = try await library.make(
            from: archive, as: .tree, tag: nil, configuration: RootfsConfiguration(), maximumBytes: .max
        ).facts
        var layer = TestTar()
        layer.add("new", String(repeating: "y", count: 10_000))
        let content = try Self.place(layer.finished, site)
        await #expect(throws: ArchiveError.self) {
            _ = try await library.derive(from: base.digest, layer: content, maximumBytes: 9_999)
        }
        // Its bytes have room, its name has none.
        await #expect(throws: ArchiveError.self) {
            _ = try await library.derive(from: base.digest, layer: content, maximumBytes: 14_000)
        }
        #expect(try await library.images() == [base.digest])
        let derived = try await library.derive(from: base.digest, layer: content, maximumBytes: 14_096).facts
        #expect(derived.diskBytes == base.diskBytes + 14_096)
        _ = try await library.derive(from: base.digest, layer: content, maximumBytes: .max)
        try await library.remove(base.digest)
        #expect(try await library.images() == [derived.digest])
        await #expect(throws: BlobError.missing(base.digest)) {
            _ = try await library.derive(from: base.digest, layer: content, maximumBytes: .max)
        }
        await #expect(throws: BlobError.missing(archive)) {
            try FileManager.default.removeItem(atPath: site.path + "/" + ContentLayout.blob(archive))
            _ = try await library.derive(from: derived.digest, layer: archive, maximumBytes: .max)
        }
    }

    @Test func whoeverIsGoneGetsNothing() async throws {
        let site = try ImageSite()
        let library = try RootfsFolder(dataFolder: site.path)
        let archive = try Self.place(TestTar.smallest.finished, site)
        let base = try await library.make(
            from: archive, as: .tree, tag: nil, configuration: RootfsConfiguration(), maximumBytes: .max
        ).facts
        var layer = TestTar()
        layer.add("new", "1")
        let content = try Self.place(layer.finished, site)
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await library.derive(from: base.digest, layer: content, maximumBytes: .max)
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        #expect(try await library.images() == [base.digest])
    }
}
