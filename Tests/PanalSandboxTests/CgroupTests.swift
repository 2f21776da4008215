import Foundation
import Glibc
import PanalCore
import PanalLinux
import Testing

/// Control groups without cells: what this host's driver does when something is not as it must be.
extension LiveCells {
    @Suite(.serialized) struct CgroupTests {
        private let driver: any CgroupDriver
        private let instance = "test-\(getpid())-groups"

        init() throws {
            driver = try CgroupLayout.driver(instance: instance, mounts: try CgroupMount.list())
        }

        /// The folder of `group` in the hierarchy of `controller`.
        private func folder(_ group: String, _ controller: String) throws -> String {
            let mounts = try CgroupMount.list()
            let mount = try #require(
                mounts.first { driver.keepsGroups ? $0.controllers.contains(controller) : $0.isUnified })
            return "\(mount.path)/panal-\(instance)/\(group)"
        }

        /// Hands the instance's empty groups to `body`; nothing of them is left afterwards.
        private func with(_ body: () throws -> Void) throws {
            try driver.prepare()
            defer { #expect(throws: Never.self) { try driver.sweep() } }
            try body()
        }

        /// Hands a process that sleeps to `body`, and ends it.
        private func withSleeper(_ body: (Int32) throws -> Void) throws {
            var process: pid_t = 0
            let words: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/sleep"), strdup("60"), nil]
            defer { for word in words { free(word) } }
            #expect(posix_spawn(&process, "/bin/sleep", nil, nil, words, nil) == 0)
            defer {
                kill(process, SIGKILL)
                waitpid(process, nil, 0)
            }
            try body(process)
        }

        private func place(_ process: Int32, in group: GroupName) throws {
            if driver.keepsGroups { return try driver.attach(group, process: process) }
            try KernelFile.write("\(folder(group.text, ""))/cgroup.procs", String(process))
        }

        private func step(_ body: () throws -> Void) throws -> String {
            try #require(throws: StepFailure.self, performing: body).step
        }

        /// On v2 a group above may have fewer cores than a group below asks for, and the kernel says nothing.
        @Test func coresThatAGroupAboveDoesNotHave() throws {
            let cores = try HostTopology.affinity()
            try #require(cores.count > 1)
            try with {
                try KernelFile.write("\(folder("", "cpuset"))/cpuset.cpus", String(cores[0]))
                try driver.create("a")
                try withSleeper { process in
                    try place(process, in: "a")
                    let group = try driver.open("a")
                    #expect(try step { try group.place(on: [cores[1]]) } == "cgroup.cpuset")
                    try group.place(on: [cores[0]])
                }
            }
        }

        /// A process that is not where its limits are is found out before it does anything.
        @Test func aProcessThatIsNotInItsGroup() throws {
            try with {
                try driver.create("a")
                let found = try step {
                    if driver.keepsGroups { try driver.attach("a", process: .max) }
                    try driver.open("a").begin()
                }
                #expect(found == "cgroup.attach")
            }
        }

        /// What a dead launcher left may still run.
        @Test func aSweepEndsWhatStillRuns() throws {
            try driver.prepare()
            try driver.create("a")
            try withSleeper { process in
                try place(process, in: "a")
                try driver.sweep()
                // It has ended; this test, its parent, has not waited for it yet.
                #expect(try KernelFile.read("/proc/\(process)/stat").contains(") Z "))
            }
            #expect(try !Folders.exists(folder("", "memory")))
        }

        /// Memory that runs out above the cell is no fault of the program's.
        @Test func memoryThatRunsOutAboveTheCell() async throws {
            try await CellHarness.with { harness in
                let mounts = try CgroupMount.list()
                let mount = try #require(
                    mounts.first { driver.keepsGroups ? $0.controllers.contains("memory") : $0.isUnified })
                let file = driver.keepsGroups ? "memory.limit_in_bytes" : "memory.max"
                try KernelFile.write("\(mount.path)/panal-\(harness.instance)/\(file)", String(40 << 20))
                let (result, _) = await harness.run(["/usr/bin/python3", "-c", "bytearray(60 << 20)"])
                guard case .systemError(let error) = result.outcome else {
                    Issue.record("\(result.outcome)")
                    return
                }
                #expect(error.step == "host.memory")
            }
        }
    }
}
