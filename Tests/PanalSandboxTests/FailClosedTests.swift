import Foundation
import Glibc
import PanalCore
import PanalSandbox
import PanalSeccomp
import Testing

/// A protection or a file that is not as it must be: the program has not run, and the step is named.
extension LiveCells {
    @Suite(.serialized) struct FailClosedTests {
        private func expect(_ step: String, _ run: (result: AttemptResult, sink: MemorySink)) {
            guard case .systemError(let error) = run.result.outcome else {
                Issue.record("\(step): \(run.result.outcome)")
                return
            }
            #expect(error.step == step, "\(error)")
            #expect(run.sink.starts == 0)
            #expect(run.sink.output == "")
        }

        /// A filter that hides whether it is active cannot be read back.
        @Test func aFilterThatDoesNotReadBack() async throws {
            let policy = """
                {"defaultAction": "SCMP_ACT_ERRNO",
                 "syscalls": [{"names": ["write", "close", "execve", "exit_group"], "action": "SCMP_ACT_ALLOW"}]}
                """
            let filter = try SeccompPolicy(parsing: Data(policy.utf8), name: "blind").compiled()
            try await CellHarness.with(filters: [filter]) { harness in
                expect("seccomp.read-back", await harness.run(["/bin/echo", "ran"], seccomp: "blind"))
            }
        }

        /// Root that may not do all that it has to, as in a container: nothing starts, and what is missing is named. Without the right to
        /// end cells they would else be started all the same.
        @Test func aRootWithoutARightThatIsNeeded() throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "panal-rights-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let script = folder.appending(path: "launcher").path
            for right in ["kill", "sys_chroot", "sys_nice"] {
                try Data(
                    """
                    #!/bin/sh
                    exec /usr/bin/setpriv --bounding-set=-\(right) --inh-caps=-all \(CellHarness.built)

                    """.utf8
                ).write(to: URL(filePath: script))
                chmod(script, 0o755)
                let error = try #require(throws: SystemError.self) { try CellHarness(launcher: script) }
                #expect(error.step == "launcher.capabilities" && error.detail.contains("CAP_\(right.uppercased()) "))
            }
        }

        @Test func aProgramOrInputThatIsNotThere() async throws {
            let missing = try #require(ContentHash(hex: String(repeating: "a", count: 64)))
            try await CellHarness.with { harness in
                expect("program.open", await harness.run(["/bin/echo", "ran"], program: missing))
                let input = InputFile(field: "f", name: "x", content: missing)
                expect("input.open", await harness.run(["/bin/echo", "ran"], inputs: [input]))
            }
        }

        /// Links and set-id files in the data folder, as a taken-over server could leave them, lead nowhere.
        @Test func linksInTheDataFolder() async throws {
            let hash = try #require(ContentHash(hex: String(repeating: "b", count: 64)))
            try await CellHarness.with { harness in
                let blob = harness.folder.appending(path: ContentLayout.blob(hash))
                try FileManager.default.createDirectory(
                    at: blob.deletingLastPathComponent(), withIntermediateDirectories: true)
                try FileManager.default.createSymbolicLink(atPath: blob.path, withDestinationPath: "/etc/shadow")
                let input = InputFile(field: "f", name: "x", content: hash)
                expect("input.open", await harness.run(["/bin/echo", "ran"], inputs: [input]))
                let program = harness.folder.appending(path: ContentLayout.program(hash))
                try FileManager.default.createSymbolicLink(atPath: program.path, withDestinationPath: "/etc")
                expect("program.open", await harness.run(["/bin/echo", "ran"], program: hash))
            }
        }

        @Test func policyRootfsAndCoresThatAreNotThere() async throws {
            try await CellHarness.with { harness in
                expect("plan.network", await harness.run(["/bin/echo", "ran"], network: .loopback))
                expect("plan.seccomp", await harness.run(["/bin/echo", "ran"], seccomp: "no-such-policy"))
                expect("plan.cores", await harness.run(["/bin/echo", "ran"], cores: []))
                expect("request.check", await harness.run(["/bin/echo", "ran"], cores: [1_000]))
            }
        }

        /// More memory than the table allows, as a server that does not keep its own books would ask for.
        @Test func moreMemoryThanTheMachineHas() async throws {
            try await CellHarness.with { harness in
                let limits = CellLimits.test.with(\.memory, harness.executor.capacity.memory + 4_096)
                expect("request.check", await harness.run(["/bin/echo", "ran"], limits: limits))
            }
        }

        @Test func argumentsThatDoNotFitAreNamed() async throws {
            try await CellHarness.with { harness in
                let long = String(repeating: "x", count: 100_000)
                expect("plan.arguments", await harness.run(["/bin/echo", long, long]))
                let (fits, sink) = await harness.run(
                    ["/bin/echo", long], limits: .test.with(\.outputBytes, 200_000))
                #expect(fits.outcome == .exited(code: 0))
                #expect(sink.output.utf8.count == 100_001)
            }
        }

        /// Two launchers of one instance would share control groups.
        @Test func anInstanceRunsOnce() async throws {
            try await CellHarness.with { harness in
                #expect(throws: SystemError.self) { try CellHarness(instance: harness.instance) }
            }
        }
    }
}
