import Foundation
import Glibc
import PanalCore
import PanalSandbox
import Testing

/// The process that will be a program loads its filter before it has its order, where that is known.
extension LiveCells {
    @Suite(.serialized) struct AheadTests {
        /// The processes in cells of this process's launchers that wait to become a program.
        private static var waiting: [HostProcess] {
            HostProcess(id: getpid()).descendants.filter { process in
                process.field("NSpid").last == "2" && process.field("Seccomp") == ["2"]
                    && process.text("cmdline").contains("panal-launcher")
            }
        }

        @Test func whatWaitsForAnOrderHasNoRightsAndItsFilter() async throws {
            try await CellHarness.with { harness in
                #expect(await harness.run(["/bin/true"]).result.outcome == .exited(code: 0))
                #expect(await KeptCells.eventually { !Self.waiting.isEmpty })
                for process in Self.waiting {
                    for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                        #expect(process.field(name) == ["0000000000000000"])
                    }
                    #expect(process.field("NoNewPrivs") == ["1"] && process.field("Groups") == [])
                    let users = process.field("Uid")
                    #expect(users.count == 4 && Set(users).count == 1 && users.first != "0")
                }
            }
        }

        /// A cell whose filter another run needs is not given to it.
        @Test func eachRunHasItsOwnPolicy() async throws {
            try await CellHarness.with { harness in
                // The strict policy refuses the shell its fork.
                let order = [
                    "default", "strict", "strict", "strict", "default", "strict", "default", "default", "strict",
                ]
                for (number, policy) in order.enumerated() {
                    let run = await harness.run(["/bin/sh", "-c", "(exit 3); exit $?"], seccomp: policy)
                    #expect(
                        run.result.outcome == .exited(code: policy == "strict" ? 2 : 3),
                        "run \(number): \(run.sink.error)")
                    let status = await harness.run(["/bin/cat", "/proc/self/status"], seccomp: policy)
                    #expect(status.sink.output.contains("Seccomp:\t2\nSeccomp_filters:\t1\n"), "\(status.sink.output)")
                }
            }
        }

        @Test func runsWithDifferentPoliciesAtOnceAllCome() async throws {
            try await CellHarness.with { harness in
                await withTaskGroup(of: Void.self) { runs in
                    for number in 1...12 {
                        let id = AttemptID(job: .make(at: Timestamp(microseconds: 0)), number: number, nonce: 1)
                        let limits = CellLimits.test.with(\.cpu, .shared(millicores: 100))
                        runs.addTask {
                            let policy = number % 3 == 0 ? "strict" : "default"
                            let run = await harness.run(
                                ["/bin/sh", "-c", "(exit 3); exit $?"], limits: limits, seccomp: policy, id: id)
                            #expect(run.result.outcome == .exited(code: policy == "strict" ? 2 : 3))
                        }
                    }
                }
            }
        }

        /// Its order finds nobody: the run is told so, and the next ones have other cells.
        @Test func aProcessThatIsGoneBeforeItsOrderIsNoneOfTheProgram() async throws {
            try await CellHarness.with { harness in
                #expect(await harness.run(["/bin/true"]).result.outcome == .exited(code: 0))
                #expect(await KeptCells.eventually { !Self.waiting.isEmpty })
                let gone = Self.waiting.count { $0.end() }
                var outcomes: [Outcome] = []
                for _ in 0..<(gone + 4) { outcomes.append(await harness.run(["/bin/true"]).result.outcome) }
                for case .systemError(let error) in outcomes { #expect(error.step == "program.start", "\(error)") }
                #expect(outcomes.filter { $0 != .exited(code: 0) }.count <= gone)
                #expect(outcomes.last == .exited(code: 0))
            }
        }
    }
}
