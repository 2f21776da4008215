import Foundation
import PanalCore
import Testing

@testable import PanalRootfs

/// Images that attack whoever imports them; each is refused and leaves nothing behind.
@Suite struct HostileImageTests {
    @Test(arguments: [
        ("../x", "leads out"), ("a/../../x", "leads out"), ("/etc/x", "is an absolute name"),
        ("..", "leads out"), (String(repeating: "n", count: 256), "longer than 255"),
        (String(repeating: "d/", count: 65) + "x", "deeper than"),
        (String(repeating: "long/", count: 500), "more than 2048"),
    ]) func namesAreRefused(name: String, reason: String) throws {
        for kind in [TestTar.Kind.file, .folder, .link, .fifo] {
            var tar = TestTar.smallest
            tar.add(name, kind: kind, link: "x")
            let site = try ImageSite()
            let refusal = site.refusal(tar.finished)
            #expect(refusal?.contains(reason) == true, "\(kind): \(refusal ?? "taken")")
        }
    }

    @Test func aNameHasToBeText() throws {
        var tar = TestTar.smallest
        tar.add([0x61, 0xFF, 0xFE], [])
        #expect(try ImageSite().refusal(tar.finished)?.contains("not UTF-8") == true)
    }

    @Test(arguments: ["/etc/passwd", "../../../../etc/passwd", "nothing", "etc", "out/shadow"])
    func hardLinksReachTheImageAlone(target: String) throws {
        var tar = TestTar.smallest
        tar.link("out", to: "/")
        tar.add("x", kind: .hardLink, link: target)
        #expect(try ImageSite().refusal(tar.finished) != nil)
    }

    @Test(arguments: ["..", ".", ""]) func whiteoutsNameSomething(hidden: String) throws {
        var tar = TestTar()
        tar.add("etc/.wh." + hidden)
        let layout = try TestLayout([TestTar.smallest.finished, tar.finished]).archive()
        #expect(try ImageSite().refusal(layout, as: .layout)?.contains("takes nothing away") == true)
    }

    @Test func emptyLinksAreRefused() throws {
        var tar = TestTar.smallest
        tar.link("x", to: "")
        #expect(try ImageSite().refusal(tar.finished) != nil)
    }

    // MARK: Bombs

    @Test func bytesAreBounded() throws {
        let site = try ImageSite()
        site.limits.bytes = 100_000
        var tar = TestTar.smallest
        tar.add("a", String(repeating: "x", count: 60_000))
        _ = try site.build(tar.finished)
        tar.add("b", String(repeating: "x", count: 60_000))
        let other = try ImageSite()
        other.limits.bytes = 100_000
        #expect(other.refusal(tar.finished)?.contains("its files have more than") == true)
    }

    @Test func entriesAreBounded() throws {
        let site = try ImageSite()
        site.limits.entries = 100
        var tar = TestTar.smallest
        for _ in 0..<100 { tar.add("again") }
        #expect(site.refusal(tar.finished)?.contains("more than 100 entries") == true)
    }

    /// They are in memory until the image is whole, those that a later entry takes the place of among them.
    @Test(arguments: [TestTar.Kind.file, .folder, .link]) func namesAreBounded(kind: TestTar.Kind) throws {
        let site = try ImageSite()
        site.limits.nameBytes = 10_000
        var tar = TestTar.smallest
        let long = String(repeating: "n", count: kind == .link ? 4 : 200)
        for number in 0..<110 { tar.add("\(long)\(number % 60)", kind: kind, link: String(repeating: "t", count: 95)) }
        #expect(site.refusal(tar.finished)?.contains("its names and links have more than") == true)
        site.limits.nameBytes = 100_000
        _ = try site.build(tar.finished)
    }

    /// Files that hold nothing take room all the same.
    @Test func theDiskIsBounded() throws {
        let site = try ImageSite()
        site.limits.diskBytes = 60 * 4_096
        var tar = TestTar.smallest
        for number in 0..<50 { tar.add("d/\(number)") }
        _ = try site.build(tar.finished)
        for number in 50..<60 { tar.add("d/\(number)") }
        let other = try ImageSite()
        other.limits.diskBytes = 60 * 4_096
        #expect(other.refusal(tar.finished)?.contains("of the disk, its names among them") == true)
    }

    /// Each name is short; folders that it implies count all the same.
    @Test func impliedFoldersAreEntries() throws {
        let site = try ImageSite()
        site.limits.entries = 100
        var tar = TestTar.smallest
        for number in 0..<5 { tar.add("\(number)/" + String(repeating: "d/", count: 30) + "x") }
        #expect(site.refusal(tar.finished)?.contains("more than 100 entries") == true)
    }

    /// Links lead entries further down than their names say.
    @Test func depthCountsBehindLinks() throws {
        var tar = TestTar.smallest
        let way = String(repeating: "d/", count: 30)
        tar.add("a/\(way)x")
        tar.link("l0", to: "a/\(way)")
        for number in 0..<5 {
            tar.add("l\(number)/\(way)x")
            tar.link("l\(number + 1)", to: "l\(number)/\(way)")
        }
        #expect(try ImageSite().refusal(tar.finished)?.contains("links followed, deeper than") == true)
    }

    /// 300 MiB of zeros in 300 KB.
    @Test func zerosAreBoundedByTheirRatio() throws {
        let site = try ImageSite()
        let file = site.path + "/zeros.tar.gz"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "head -c 314572800 /dev/zero | gzip -1 > \(file)"]
        try process.run()
        process.waitUntilExit()
        let bomb = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
        #expect(bomb.count < 2 << 20)
        site.limits.ratio = 20
        #expect(site.refusal(bomb)?.contains("unpacks to more than 20 times") == true)
    }

    @Test func severalLayersOfCompressionAreRefused() throws {
        let site = try ImageSite()
        let file = site.path + "/twice"
        try Data(TestTar.smallest.finished).write(to: URL(fileURLWithPath: file))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "gzip -c \(file) | gzip -c > \(file).gz"]
        try process.run()
        process.waitUntilExit()
        let twice = Array(try Data(contentsOf: URL(fileURLWithPath: file + ".gz")))
        #expect(site.refusal(twice)?.contains("compressed more than once") == true)
    }

    @Test func aSizeThatIsNotThereIsDamage() throws {
        var tar = TestTar.smallest
        tar.add("x", "short", claims: 5_000_000)
        #expect(try ImageSite().refusal(tar.finished) != nil)
    }

    // MARK: Documents that lie

    @Test func digestsAndSizesAreHeldAgainstTheBytes() throws {
        let layer = TestTar.smallest.finished
        var lies: [(TestLayout, String)] = []
        func lie(_ reason: String, _ change: (inout TestLayout) -> Void) {
            var layout = TestLayout([layer])
            change(&layout)
            lies.append((layout, reason))
        }
        lie("is not what its digest says") { $0.layerDigest = hash([1]) }
        lie("by its descriptor") { $0.layerSize = layer.count + 1 }
        lie("by its descriptor") { $0.layerSize = -1 }
        lie("is missing") { $0.leavesOutLayers = true }
        lie("is not what the configuration says") { $0.unpackedDigests = [hash([1])] }
        lie("2 by its configuration") { $0.unpackedDigests = [hash(layer), hash(layer)] }
        lie("this machine is") { $0.architecture = "s390x" }
        lie("not for Linux") { $0.system = "windows" }
        lie("a layer's kind is") { $0.mediaType = "application/vnd.oci.image.layer.v1.tar+encrypted" }
        lie("a layer's kind is") { $0.mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" }
        for (layout, reason) in lies {
            let refusal = try ImageSite().refusal(layout.archive(), as: .layout)
            #expect(refusal?.contains(reason) == true, "\(reason): \(refusal ?? "taken")")
        }
    }

    @Test(arguments: [
        ("index.json", "[]"), ("index.json", "{"), ("index.json", #"{"manifests": []}"#),
        ("index.json", #"{"manifests": [{"digest": "sha256:00", "size": 1}]}"#),
        ("index.json", #"{"manifests": [{"digest": "md5:00", "size": 1}]}"#),
        ("index.json", #"{"manifests": [{"digest": "sha256:../../../../etc/passwd", "size": 1}]}"#),
    ]) func brokenDocumentsAreNamed(name: String, text: String) throws {
        var tar = TestTar()
        tar.add("oci-layout", "{}")
        tar.add(name, text)
        #expect(try ImageSite().refusal(tar.finished, as: .any) != nil)
    }

    @Test func largeDocumentsAreNotRead() throws {
        let site = try ImageSite()
        site.limits.documentBytes = 100
        #expect(
            try site.refusal(TestLayout([TestTar.smallest.finished]).archive(), as: .layout)?
                .contains("has more than") == true)
    }

    // MARK: Trees that attack the set-up of a cell

    @Test(arguments: RootfsCheck.mountPoints) func mountPointsAreNoLinks(place: String) throws {
        for target in ["/", "/etc", "../../host", "self"] {
            var tar = TestTar()
            tar.add("home/x", "y")
            tar.link(place, to: target)
            let refusal = try ImageSite().refusal(tar.finished)
            #expect(refusal?.contains("/\(place)’ is a symbolic link") == true, "\(refusal ?? "taken")")
        }
        var tar = TestTar()
        tar.add(place, "a file")
        #expect(try ImageSite().refusal(tar.finished)?.contains("is a file") == true)
    }

    @Test func anEmptyTreeIsNoImage() throws {
        var tar = TestTar()
        tar.folder("etc")
        #expect(try ImageSite().refusal(tar.finished)?.contains("holds no file") == true)
        #expect(try ImageSite().refusal([]) != nil)
        #expect(try ImageSite().refusal(Array("no archive at all".utf8)) != nil)
    }

    /// ELF64 with one header that names a loader.
    private static func program(machine: UInt8, loader: String) -> [UInt8] {
        var bytes: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 113)
        bytes[18] = machine
        bytes[32] = 64
        bytes[54] = 56
        bytes[56] = 1
        bytes[64] = 3
        bytes[64 + 8] = 120
        bytes[64 + 32] = UInt8(loader.utf8.count + 1)
        return bytes + loader.utf8 + [0]
    }

    @Test func programsNeedTheirLoader() throws {
        let machine = UInt8(Architecture.current.machine)
        var tar = TestTar.smallest
        tar.add(Array("usr/bin/sh".utf8), Self.program(machine: machine, loader: "/lib64/ld.so"), mode: 0o755)
        tar.link("lib64", to: "usr/lib64")
        #expect(
            try ImageSite().refusal(tar.finished)
                == "‘/usr/bin/sh’ is loaded by /lib64/ld.so, which is not in the image")
        tar.link("usr/lib64/ld.so", to: "../lib/ld-2.so")
        tar.add("usr/lib/ld-2.so", "loader", mode: 0o644)
        #expect(try ImageSite().refusal(tar.finished)?.contains("not executable") == true)
        tar.add("usr/lib/ld-2.so", "loader", mode: 0o755)
        #expect(try ImageSite().build(tar.finished).created)
    }

    @Test func programsOfOtherProcessorsAreRefused() throws {
        var tar = TestTar.smallest
        tar.add(Array("bin/sh".utf8), Self.program(machine: 22, loader: "/ld"), mode: 0o755)
        #expect(try ImageSite().refusal(tar.finished)?.contains("another processor (ELF machine 22)") == true)
    }

    /// Every prefix of a program, and each of its bytes changed: nothing is read beyond its end.
    @Test func anyHeadIsRead() throws {
        let whole = Self.program(machine: 62, loader: "/lib64/ld.so")
        #expect(ProgramHead(whole)?.loader == "/lib64/ld.so")
        for count in 0...whole.count { _ = ProgramHead(Array(whole.prefix(count))) }
        for place in whole.indices {
            for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
                var changed = whole
                changed[place] = value
                _ = ProgramHead(changed)
            }
        }
    }

    // MARK: Work without end

    /// Few bytes that make much work: marks that look at the same names again and again, and links of many steps.
    @Test(arguments: ["marks", "links"]) func workIsBounded(kind: String) throws {
        let site = try ImageSite()
        site.limits.steps = 20_000
        var tar = TestTar.smallest
        if kind == "marks" {
            for number in 0..<150 { tar.add("d/\(number)") }
            for _ in 0..<150 { tar.add("d/.wh..wh..opq") }
        } else {
            tar.folder("far")
            for number in 0..<20 {
                tar.link(
                    "l\(number)", to: String(repeating: "far/../", count: 12) + (number == 0 ? "far" : "l\(number - 1)")
                )
            }
            for number in 0..<100 { tar.add("l19/\(number)") }
        }
        let layout = try TestLayout([tar.finished]).archive()
        #expect(site.refusal(layout, as: .layout)?.contains("more than 20000 steps") == true)
        #expect(try ImageSite().refusal(layout, as: .layout) == nil)
    }

    @Test func whatFollowsTheEndIsBounded() throws {
        let site = try ImageSite()
        site.limits.tailBytes = 20_000
        let layer = TestTar.smallest.finished
        for (count, isTaken) in [(10_240, true), (600_000, false)] {
            let archive = try TestLayout([layer + [UInt8](repeating: 0, count: count)]).archive()
            let refusal = site.refusal(archive, as: .layout)
            #expect(isTaken ? refusal == nil : refusal?.contains("behind its end") == true, "\(refusal ?? "taken")")
            try? FileManager.default.removeItem(atPath: site.path + "/rootfs")
            try FileManager.default.createDirectory(atPath: site.path + "/rootfs", withIntermediateDirectories: true)
        }
    }

    @Test func furtherNamesCount() throws {
        var tar = TestTar.smallest
        let plain = try ImageSite().build(tar.finished).facts
        for number in 0..<10 { tar.add("n\(number)", kind: .hardLink, link: "etc/passwd") }
        let facts = try ImageSite().build(tar.finished).facts
        #expect(facts.files == plain.files && facts.furtherNames == 10)
        #expect(facts.diskBytes == plain.diskBytes + 10 * RootfsFacts.bytesOfAName)
    }

    // MARK: Cut off

    @Test func anArchiveCutOffAnywhereLeavesNothing() throws {
        var second = TestTar()
        second.add("opt/x", String(repeating: "y", count: 700))
        let whole = try TestLayout([TestTar.smallest.finished, second.finished]).archive()
        // Zeros at the end are the end, of which nothing need be there.
        let last = try #require(whole.lastIndex { $0 != 0 })
        for count in stride(from: 0, to: last, by: 131) {
            #expect(try ImageSite().refusal(Array(whole[..<count]), as: .any) != nil, "\(count) of \(whole.count)")
        }
    }

    /// Damage at any place: refused, or the same image, and never half of one.
    @Test func anArchiveDamagedAnywhereIsRefusedOrTheSame() throws {
        let whole = try TestLayout([TestTar.smallest.finished]).archive()
        let right = try ImageSite().build(whole, as: .layout).facts.digest
        for place in stride(from: 0, to: whole.count, by: 61) {
            var damaged = whole
            damaged[place] ^= 0x41
            let site = try ImageSite()
            do {
                #expect(try site.build(damaged, as: .layout).facts.digest == right, "at \(place)")
            } catch is ArchiveError {
                #expect(site.left.isEmpty)
            }
        }
    }

    @Test func whoeverStopsItFindsNothing() throws {
        struct Stop: Error {}
        let site = try ImageSite()
        let archive = try TestLayout([TestTar.smallest.finished]).archive()
        try Data(archive).write(to: URL(fileURLWithPath: site.path + "/archive"))
        var count = 0
        var stopsAt = 0
        repeat {
            stopsAt += 1
            count = 0
            let builder = RootfsBuilder(images: site.path + "/rootfs", temporary: site.path + "/temporary/1") {
                count += 1
                if count == stopsAt { throw Stop() }
            }
            do {
                _ = try builder.build(site.path + "/archive", as: .layout, digest: hash(archive))
                break
            } catch is Stop {
                #expect(site.left.isEmpty, "stopped at \(stopsAt)")
            }
        } while stopsAt < 10_000
        #expect(stopsAt > 5)
        #expect(count < stopsAt)
    }
}
