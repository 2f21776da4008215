import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Synchronization
import Testing

/// A run in an image that it can write, which goes on line by line of its standard input.
struct WritingRun: Sendable {
    let id: AttemptID
    let sink: MemorySink
    private let task: Task<AttemptResult, Never>
    private let input: Int32
    private let harness: CellHarness

    /// The script says `ready` before it reads its first line.
    init(
        _ harness: CellHarness, _ image: TestImage, _ script: String, number: Int = 1, limits: CellLimits = .beside,
        isWritable: Bool = true
    ) async throws {
        let id = AttemptID(job: JobID.make(at: Timestamp(microseconds: 0)), number: number, nonce: UInt64(number))
        let sink = MemorySink()
        let ends = try Descriptor.pipe()
        (self.id, self.sink, self.harness, input) = (id, sink, harness, ends.second)
        task = Task {
            defer { close(ends.first) }
            return await harness.run(
                ["/bin/sh", "-c", script], limits: limits, rootfs: image.name, isWritable: isWritable,
                input: .descriptor(ends.first), sink: sink, id: id
            ).result
        }
        #expect(await KeptCells.eventually { sink.output.contains("ready") }, "\(sink.error)")
    }

    func freeze() async throws { try await harness.executor.freeze(id) }
    func thaw() async throws { try await harness.executor.thaw(id) }

    func copy(maximumBytes: Int = 1 << 30) async throws -> (archive: Archive, copied: CopiedRoot) {
        let path = harness.folder.appending(path: "copy-\(UUID().uuidString)").path
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(file) }
        let copied = try await harness.executor.copyRoot(of: id, into: file, maximumBytes: maximumBytes)
        #expect(lseek(file, 0, SEEK_CUR) == copied.bytes)
        return (try Archive(path), copied)
    }

    /// Lets it read a line and come to its end.
    func end() async -> AttemptResult {
        _ = "\n".withCString { write(input, $0, 1) }
        close(input)
        return await task.value
    }

    /// Its end, whatever it does.
    func cancelled() async -> AttemptResult {
        await harness.executor.cancel(id)
        close(input)
        return await task.value
    }
}

/// A tar archive as Python reads it.
struct Archive {
    struct Member: Codable {
        var name: String
        var kind: String
        var mode: Int
        var owner: [Int]
        var target: String
        var text: String
        var time: Int
    }
    let members: [Member]

    init(_ path: String) throws {
        let script = """
            import json, sys, tarfile
            found = []
            with tarfile.open(sys.argv[1]) as archive:
                for entry in archive:
                    text = archive.extractfile(entry).read(64).decode("latin-1") if entry.isreg() else ""
                    kind = {b"0": "file", b"1": "hard", b"2": "link", b"5": "folder"}.get(entry.type, "?")
                    found.append(dict(
                        name=entry.name, kind=kind, mode=entry.mode, owner=[entry.uid, entry.gid], target=entry.linkname,
                        text=text, time=int(entry.mtime)))
            print(json.dumps(found))
            """
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-c", script, path]
        process.standardOutput = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        members = try JSONDecoder().decode([Member].self, from: output)
        #expect(members.allSatisfy { $0.owner == [0, 0] && $0.mode & 0o6000 == 0 })
    }

    /// One line for each: what it is called, what it is, where it leads or what it holds.
    var lines: [String] {
        members.map { member in
            let rest = member.kind == "file" ? member.text.replacing("\n", with: "|") : member.target
            return "\(member.name) \(member.kind)\(rest.isEmpty ? "" : " \(rest)")"
        }
    }
}

/// Copies of what frozen programs have changed in their roots.
extension LiveCells {
    @Suite(.serialized) struct RootCopyTests {
        private static let changes = """
            set -e
            mkdir -p /usr/local; echo one > /usr/local/one; echo changed > /etc/own; busybox rm /opt/old
            busybox rm -r /usr/share/d; mkdir /usr/share/d; echo anew > /usr/share/d/f; busybox ln -s ../one /usr/local/link
            busybox ln /usr/local/one /usr/local/same; chmod 6751 /usr/local/one; busybox rm -r /work; mkdir /work
            echo out > /work/out; echo elsewhere > /tmp/no; busybox mkfifo /opt/fifo; busybox touch -d @86400 /usr/local/one
            echo ready; read line; echo more > /opt/more; cat /etc/own; exit 6
            """

        /// With v1 controllers an ordinary user's cells cannot be frozen.
        private static func isPossible(_ harness: CellHarness) -> Bool {
            #expect(harness.executor.canCopyRoots == harness.executor.canFreeze)
            return harness.executor.canCopyRoots || CellHarness.place == nil
        }

        @Test func aCopyHasTheChangesAndNothingElse() async throws {
            try await CellHarness.withWritableRoots { harness in
                guard Self.isPossible(harness) else { return }
                let image = try harness.ownImage("copied")
                let before = try image.listing()
                let run = try await WritingRun(harness, image, Self.changes)
                try await run.freeze()
                for _ in 0..<2 {
                    let (archive, copied) = try await run.copy()
                    #expect(
                        archive.lines == [
                            "etc folder", "etc/own file changed|", "opt folder", "opt/.wh.old file", "usr folder",
                            "usr/local folder", "usr/local/link link ../one", "usr/local/one file one|",
                            "usr/local/same hard usr/local/one", "usr/share folder", "usr/share/d folder",
                            "usr/share/d/.wh..wh..opq file", "usr/share/d/f file anew|", "work folder",
                            "work/.wh..wh..opq file", "work/out file out|",
                        ], "\(archive.lines)")
                    #expect(copied.skipped == ["opt/fifo: it is a FIFO"])
                    #expect(copied.bytes % 512 == 0)
                    let one = archive.members.first { $0.name == "usr/local/one" }
                    #expect(one?.mode == 0o751 && one?.time == 86_400)
                }
                #expect(try image.listing() == before)
                // It still stands still, and then goes on as if nothing had been.
                #expect(run.sink.output == "ready\n")
                try await run.thaw()
                let result = await run.end()
                #expect(result.outcome == .exited(code: 6), "\(result.outcome) \(run.sink.error)")
                #expect(run.sink.output == "ready\nchanged\n")
                #expect(result.files.map(\.path) == ["out"])
            }
        }

        /// The step at which a copy is refused, or fails; nil where it is made.
        private static func step(_ body: () async throws -> Void) async -> String? {
            do {
                try await body()
                return nil
            } catch {
                return (error as? SystemError)?.step ?? "\(error)"
            }
        }

        @Test func whatCannotBeCopiedIsRefused() async throws {
            try await CellHarness.withWritableRoots { harness in
                guard Self.isPossible(harness) else { return }
                let image = try harness.ownImage("refused")
                let script = "echo x > /work/x 2>/dev/null; echo ready; read line; exit 3"
                let run = try await WritingRun(harness, image, script)
                let sealed = try await WritingRun(harness, image, script, number: 2, isWritable: false)
                #expect(await Self.step { _ = try await run.copy() } == "cell.copy")
                try await run.freeze()
                try await sealed.freeze()
                #expect(await Self.step { _ = try await sealed.copy() } == "cell.copy")
                let other = AttemptID(job: run.id.job, number: 9, nonce: 9)
                #expect(
                    await Self.step {
                        _ = try await harness.executor.copyRoot(of: other, into: 1, maximumBytes: 1 << 20)
                    }
                        == "cell.copy")
                // Files that are none, or that only the kernel has.
                for path in ["/dev/null", "/dev/full", "/proc/self/oom_score_adj", "/tmp"] {
                    let file = open(path, path == "/tmp" ? O_RDONLY : O_WRONLY)
                    defer { close(file) }
                    #expect(
                        await Self.step {
                            _ = try await harness.executor.copyRoot(of: run.id, into: file, maximumBytes: 1 << 20)
                        } == "copy.file", "\(path)")
                }
                let own = harness.folder.appending(path: "own").path
                _ = FileManager.default.createFile(atPath: own, contents: Data("own".utf8))
                let sealedFile = open(own, O_RDONLY)
                #expect(
                    await Self.step {
                        _ = try await harness.executor.copyRoot(of: run.id, into: sealedFile, maximumBytes: 1 << 20)
                    } == "copy.file")
                close(sealedFile)
                #expect(await Self.step { _ = try await run.copy(maximumBytes: 1_024) } == "copy.size")
                #expect(try await run.copy(maximumBytes: 4_096).archive.lines == ["work folder", "work/x file x|"])
                try await run.thaw()
                #expect(await Self.step { _ = try await run.copy() } == "cell.copy")
                #expect(await run.end().outcome == .exited(code: 3))
                #expect(await Self.step { _ = try await run.copy() } == "cell.copy")
                try await sealed.thaw()
                #expect(await sealed.end().outcome == .exited(code: 3))
            }
        }

        /// A file system of 1 MiB for the copy: that it is full is told, and which.
        @Test func aFullDiskIsNamed() async throws {
            try await CellHarness.withWritableRoots { harness in
                let small = harness.folder.appending(path: "small").path
                try Folders.make(small, mode: 0o700)
                try #require(mount("small", small, "tmpfs", 0, "size=1m") == 0)
                defer { umount2(small, Int32(MNT_DETACH)) }
                let image = try harness.ownImage("full")
                let run = try await WritingRun(
                    harness, image, "head -c 3000000 /dev/zero > /opt/large; echo ready; read line; exit 3")
                try await run.freeze()
                let file = open("\(small)/copy", O_RDWR | O_CREAT, 0o600)
                let error = await #expect(throws: SystemError.self) {
                    _ = try await harness.executor.copyRoot(of: run.id, into: file, maximumBytes: 1 << 30)
                }
                close(file)
                #expect(error?.step == "copy.write" && error?.errno == Int(ENOSPC), "\(error.map { "\($0)" } ?? "")")
                #expect(try await run.copy().archive.lines.first == "opt folder")
                try await run.thaw()
                #expect(await run.end().outcome == .exited(code: 3))
            }
        }

        /// Names that a program may choose: told or copied as they are, and nothing else comes of them.
        @Test func hostileNames() async throws {
            try await CellHarness.withWritableRoots { harness in
                guard Self.isPossible(harness) else { return }
                let image = try harness.ownImage("names") { tree in
                    let python = "/usr/bin/perl"
                    try TestImage.copy(python, to: tree, as: "bin/perl")
                }
                let long = String(repeating: "ñ", count: 120)
                let script = """
                    perl -e '
                    sub put { open(my $f, ">", $_[0]) or die "$_[0]: $!"; print $f "x"; close $f; }
                    chdir "/work"; put("a\\nb"); put("\\xff\\xfe"); put(".wh.x"); put(".wh..wh..opq"); put("n" x 255); put("\(long)");
                    put("-rf"); put(" "); put("\\x01"); symlink("t" x 3000, "far"); symlink("\\xff", "bad"); symlink("/etc/shadow", "shadow");
                    mkdir "deep"; chdir "deep"; for (1..80) { mkdir "d"; chdir "d"; } put("bottom");
                    chdir "/work"; mkdir "p" x 150; for (95..105, 249, 250) { put("p" x 150 . "/" . "q" x $_); put("r" x $_); }
                    chdir "/work"; mkdir "long"; chdir "long"; for (1..9) { mkdir "l" x 250; chdir "l" x 250; } put("bottom");
                    ' && echo ready && read line; exit 3
                    """
                let run = try await WritingRun(harness, image, script, limits: .beside.with(\.scratchFiles, 1_024))
                try await run.freeze()
                let (archive, copied) = try await run.copy()
                let names = archive.members.map(\.name)
                for name in ["a\nb", String(repeating: "n", count: 255), long, "-rf", " ", "\u{1}", "shadow", "far"] {
                    #expect(names.contains("work/\(name)"), "\(name)")
                }
                // Where a path stops fitting into the fields that tar has for it.
                for length in Array(95...105) + [249, 250] {
                    let names = ["\(String(repeating: "p", count: 150))/\(String(repeating: "q", count: length))"]
                    for name in names + [String(repeating: "r", count: length)] {
                        #expect(archive.members.first { $0.name == "work/\(name)" }?.text == "x", "\(length)")
                    }
                }
                #expect(archive.members.first { $0.name == "work/far" }?.target == String(repeating: "t", count: 3_000))
                #expect(archive.members.first { $0.name == "work/shadow" }?.kind == "link")
                #expect(!names.contains { $0.contains(".wh.") || $0.contains("bottom") })
                #expect(names.contains { $0.hasPrefix("work/deep/d/d/d") })
                #expect(copied.skipped.count == 6, "\(copied.skipped)")
                #expect(copied.skipped.allSatisfy { !$0.contains("\n") })
                for words in ["not UTF-8", "marks in an image", "folders deep", "bytes", "a link to a place"] {
                    #expect(copied.skipped.contains { $0.contains(words) }, "\(words)")
                }
                try await run.thaw()
                #expect(await run.end().outcome == .exited(code: 3))
            }
        }

        /// Sizes and numbers: a file with a hole of a tebibyte, a hundred thousand files.
        @Test func manyAndLarge() async throws {
            try await CellHarness.withWritableRoots { harness in
                let image = try harness.ownImage("many")
                var limits = CellLimits.test.with(\.scratchFiles, 120_000).with(\.memory, 512 << 20)
                limits = limits.with(\.fileBytes, 1 << 40).with(\.wallTime, .seconds(600)).with(
                    \.cpuTime, .seconds(300))
                let hole = try await WritingRun(
                    harness, image, "busybox truncate -s 1099511627776 /opt/hole; echo ready; read line; exit 3",
                    limits: limits)
                try await hole.freeze()
                let start = ContinuousClock.now
                #expect(await Self.step { _ = try await hole.copy() } == "copy.size")
                #expect(ContinuousClock.now - start < .seconds(5))
                try await hole.thaw()
                #expect(await hole.end().outcome == .exited(code: 3))
                let script = """
                    mkdir /many; cd /many; i=0; while [ $i -lt 100000 ]; do : > $i; i=$((i+1)); done
                    echo ready; read line; exit 3
                    """
                let plain = try await WritingRun(harness, image, script, number: 2, limits: limits)
                try await plain.freeze()
                let (archive, copied) = try await plain.copy()
                #expect(archive.members.count == 100_001)
                #expect(copied.bytes == 100_001 * 512 + 1_024 && copied.skipped == [])
                try await plain.thaw()
                #expect(await plain.end().outcome == .exited(code: 3))
            }
        }

        /// A copy that takes long, by a file of 150 MB: no deadline waits for it, and what ends it is told.
        @Test func aCopyEndsWithItsRunAndWithItsThaw() async throws {
            try await CellHarness.withWritableRoots { harness in
                let image = try harness.ownImage("long")
                let limits = CellLimits.test.with(\.scratchBytes, 200 << 20).with(\.memory, 300 << 20)
                    .with(\.fileBytes, 180 << 20)
                let script = "head -c 150000000 /dev/zero > /opt/large; echo ready; read line; exit 3"
                for number in 1...2 {
                    let run = try await WritingRun(harness, image, script, number: number, limits: limits)
                    try await run.freeze()
                    let first = Task { await Self.step { _ = try await run.copy() } }
                    try await Task.sleep(for: .milliseconds(20))
                    let second = Task { await Self.step { _ = try await run.copy() } }
                    let answers: [String?]
                    if number == 1 {
                        let result = await run.cancelled()
                        #expect(result.outcome == .cancelled)
                        answers = [await first.value, await second.value]
                    } else {
                        #expect(await second.value != "copy.size")
                        try await run.thaw()
                        answers = [await first.value, await second.value]
                        #expect(await run.end().outcome == .exited(code: 3))
                    }
                    // A fast machine may be done before.
                    #expect(answers.allSatisfy { $0 == nil || $0 == "cell.copy" }, "\(answers)")
                }
                #expect(await harness.shell("echo next").sink.output == "next\n")
            }
        }
    }
}
