import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Testing

/// Cells for real, as root on this machine: what a program gets, and what comes back.
extension LiveCells {
    @Suite(.serialized) struct CellTests {
        @Test func aProgramRunsAndItsOutputComesBack() async throws {
            try await CellHarness.with { harness in
                let (result, sink) = await harness.shell("echo hello; echo oops >&2; exit 3")
                #expect(result.outcome == .exited(code: 3))
                #expect(sink.output == "hello\n")
                #expect(sink.error == "oops\n")
                #expect(result.output == StreamState(bytes: 6, truncated: false))
                #expect(sink.starts == 1)
                #expect(result.usage.wallMicroseconds > 0)
                #expect(result.usage.peakMemoryBytes > 0)
            }
        }

        @Test func inputsStandardInputAndProgramFolderAreThere() async throws {
            try await CellHarness.with { harness in
                let program = try harness.program(
                    "show",
                    "#!/bin/sh\ncat; cat \"$1\"; cat \"$2\"; touch \"$1\" /program/x /input/y 2>&1 | wc -l; pwd; ls -A\n"
                )
                let one = InputFile(field: "imagen", name: "mi foto.png", content: try harness.blob("first\n"))
                let two = InputFile(field: "imagen", name: "otra.png", content: try harness.blob("second\n"))
                let (result, sink) = await harness.run(
                    ["/program/show", one.path, two.path], program: program, inputs: [one, two],
                    standardInput: try harness.blob("typed\n"))
                #expect(result.outcome == .exited(code: 0))
                // Every attempt to write is refused; the work folder is the current one, and empty.
                #expect(sink.output == "typed\nfirst\nsecond\n3\n/work\n")
            }
        }

        /// What a run brings with it can be read and nothing else, as the program itself sees it.
        @Test func inputsAndProgramAreSealed() async throws {
            try await CellHarness.with { harness in
                let program = try harness.program("list", "#!/bin/sh\ncut -d' ' -f5,6 /proc/self/mountinfo\n")
                let input = InputFile(field: "f", name: "x", content: try harness.blob("text\n"))
                let (result, sink) = await harness.run(["/program/list"], program: program, inputs: [input])
                try #require(result.outcome == .exited(code: 0), "\(sink.error)")
                let found = sink.output.split(separator: "\n").map { $0.split(separator: " ") }
                for (place, flags) in [
                    ("/program", ["ro", "nosuid", "nodev"]), ("/input", ["ro", "nosuid", "nodev", "noexec"]),
                    ("/input/f/x", ["ro", "nosuid", "nodev"]),
                ] {
                    let mount = try #require(found.first { $0.count == 2 && $0[0] == place }, "\(place)")
                    let has = mount[1].split(separator: ",").map(String.init)
                    #expect(flags.allSatisfy(has.contains), "\(place) has \(has)")
                }
            }
        }

        @Test func regularFilesOfTheWorkFolderAreTheResult() async throws {
            try await CellHarness.with { harness in
                let (result, sink) = await harness.shell(
                    "mkdir -p a/b; echo one > a/b/one.txt; echo two > two.txt; : > empty; echo x > /tmp/not-taken")
                #expect(result.files.map(\.path) == ["a/b/one.txt", "empty", "two.txt"])
                #expect(result.files.map { sink.file($0.content) } == ["one\n", "", "two\n"])
                #expect(result.skipped == [])
            }
        }

        /// Many results are looked for beside the launcher, and are told of in the same way.
        @Test func manyResultsAreAllThere() async throws {
            try await CellHarness.with { harness in
                let limits = CellLimits.test.with(\.collectedFiles, 1_000).with(\.scratchFiles, 4_000)
                let script = """
                    import os
                    for folder in "ab":
                        os.mkdir(folder)
                        for number in range(900): open(f"{folder}/{number:03}", "w").write(f"{folder}{number}")
                    os.symlink("/etc/passwd", "c")
                    """
                for _ in 0..<3 {
                    let (result, sink) = await harness.run(["/usr/bin/python3", "-c", script], limits: limits)
                    #expect(result.outcome == .exited(code: 0))
                    let names = ["a", "b"].flatMap { folder in
                        (0..<900).map { "\(folder)/\(String(repeating: "0", count: 3 - "\($0)".count))\($0)" }
                    }
                    #expect(result.files.map(\.path) == Array(names.prefix(1_000)))
                    #expect(result.files.first.map { sink.file($0.content) } == "a0")
                    #expect(result.skipped.count == 20)
                }
                // Nothing of what looked for them, or took them down, is in the way of the next, and none of it stays.
                let isReaped = await KeptCells.eventually {
                    let next = await harness.run(["/bin/true"])
                    #expect(next.result.outcome == .exited(code: 0))
                    return HostProcess(id: getpid()).descendants.allSatisfy { $0.field("State").first != "Z" }
                }
                #expect(isReaped)
            }
        }

        /// What a hostile work folder holds: none of it is taken, each is named, nothing blocks, and the honest file is there.
        @Test func whatIsNoRegularFileStaysBehind() async throws {
            try await CellHarness.with { harness in
                let (result, sink) = await harness.shell(
                    """
                    ln -s /etc/passwd link; ln -s / dir; mkfifo pipe; echo honest > honest
                    echo twice > hard1; ln hard1 hard2; truncate -s 5M sparse
                    mkdir deep; cd deep; for i in $(seq 40); do mkdir d; cd d; done; cd /work
                    mkdir locked; echo in > locked/file; chmod 000 locked; chmod 000 honest
                    printf x > "$(printf 'bad\\377name')"
                    """)
                #expect(result.outcome == .exited(code: 0))
                #expect(result.files.map(\.path) == ["honest", "locked/file"])
                #expect(result.files.first.map { sink.file($0.content) } == "honest\n")
                for name in ["link", "dir", "pipe", "hard1", "hard2", "sparse", "deep/", "bad"] {
                    #expect(result.skipped.contains { $0.hasPrefix(name) }, "\(name) is not named in \(result.skipped)")
                }
            }
        }

        @Test func moreFilesThanAllowedAreNamed() async throws {
            try await CellHarness.with { harness in
                let (result, _) = await harness.shell("for i in 1 2 3 4 5 6 7 8 9; do echo $i > f$i; done")
                #expect(result.files.count == 8)
                #expect(result.skipped == ["f9: over the limit of 8 files"])
            }
        }

        /// More entries than are looked at: that is said, and the launcher's other cells do not wait for all of them.
        @Test func entriesThatAreNotLookedAtAreMentioned() async throws {
            try await CellHarness.with { harness in
                let limits = CellLimits.test.with(\.scratchFiles, 150_000).with(\.scratchBytes, 64 << 20)
                    .with(\.memory, 1 << 30)
                let script = "import os\nfor i in range(101000): os.mkfifo('/work/%d' % i)"
                let (result, _) = await harness.run(["/usr/bin/python3", "-c", script], limits: limits)
                #expect(result.outcome == .exited(code: 0))
                #expect(result.skipped.first == ".: more than 100000 entries: some were not looked at")
                #expect(result.skipped.count == 20)
            }
        }

        /// What can be wrong with a program, and the words that its author gets.
        @Test(
            arguments: [
                ("#!/usr/bin/no-such-interpreter\n", 0o555, "interpreter"),
                ("\u{7f}ELF not really", 0o555, "architecture"),
                ("echo no shebang\n", 0o555, "#! line"),
                ("#!/bin/sh\n", 0o444, "not executable"),
            ] as [(String, mode_t, String)])
        func aProgramThatCannotStartIsExplained(text: String, mode: mode_t, word: String) async throws {
            try await CellHarness.with { harness in
                let program = try harness.program("it", text, mode: mode)
                let (result, sink) = await harness.run(["/program/it"], program: program)
                guard case .notStarted(let reason) = result.outcome else {
                    Issue.record("\(result.outcome)")
                    return
                }
                #expect(reason.contains(word), "\(reason)")
                #expect(sink.starts == 0)
            }
        }

        /// Scripts write to `/dev/stderr` and read `/dev/stdin` by name; nothing of the host's paths shows behind them. A
        /// program that reads its own output away only loses it.
        @Test func streamsCanBeOpenedByName() async throws {
            try await CellHarness.with { harness in
                let (result, sink) = await harness.run(
                    [
                        "/bin/sh", "-c",
                        "cat /dev/stdin > /dev/stdout; echo oops > /dev/stderr; readlink /proc/self/fd/0 | cut -c1-6",
                    ], standardInput: try harness.blob("typed\n"))
                #expect(result.outcome == .exited(code: 0))
                #expect(sink.output == "typed\npipe:[\n")
                #expect(sink.error == "oops\n")
                let (own, _) = await harness.shell("echo lost; exec timeout 1 cat < /dev/stdout > /dev/null")
                #expect(own.outcome == .exited(code: 0))
            }
        }

        @Test func aMissingCommandIsNamed() async throws {
            try await CellHarness.with { harness in
                let (result, _) = await harness.run(["no-such-command"])
                #expect(result.outcome == .notStarted(reason: "there is no ‘no-such-command’ in the cell"))
            }
        }

        @Test func cellsRunSideBySideAndOneCanBeCancelled() async throws {
            try await CellHarness.with { harness in
                let limits = CellLimits.test.with(\.cpu, .shared(millicores: 500))
                let id = AttemptID(job: JobID.make(at: Timestamp(microseconds: 7)), number: 1, nonce: 7)
                let sink = MemorySink()
                async let long = harness.run(["/bin/sleep", "9"], limits: limits, sink: sink, id: id)
                while sink.starts == 0 { try await Task.sleep(for: .milliseconds(5)) }
                let (short, _) = await harness.run(["/bin/true"], limits: limits)
                #expect(short.outcome == .exited(code: 0))
                await harness.executor.cancel(id)
                await harness.executor.cancel(id)
                #expect(await long.result.outcome == .cancelled)
            }
        }

        @Test func twoCellsNeverShareAnExclusiveCore() async throws {
            try await CellHarness.with { harness in
                let sink = MemorySink()
                async let long = harness.run(["/bin/sleep", "1"], sink: sink)
                while sink.starts == 0 { try await Task.sleep(for: .milliseconds(5)) }
                let (second, secondSink) = await harness.run(["/bin/true"])
                guard case .systemError(let error) = second.outcome else {
                    Issue.record("\(second.outcome)")
                    return
                }
                #expect(error.step == "core.lock")
                #expect(secondSink.starts == 0)
                #expect(await long.result.outcome == .exited(code: 0))
            }
        }
    }
}
