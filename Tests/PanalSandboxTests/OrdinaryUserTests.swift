import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Testing

/// A test of root's cells that holds for an ordinary user's too.
struct HeldTest: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let body: @Sendable () async throws -> Void

    init(_ name: String, _ body: @escaping @Sendable () async throws -> Void) {
        testDescription = name
        self.body = body
    }
}

/// Launchers started by an ordinary user, with control groups that were handed over: the same protections, the same limits.
extension LiveCells {
    @Suite(.serialized, RemovingLocks()) struct OrdinaryUserTests {
        /// All but those whose streams belong to the test's own user, which is not the launcher's here.
        static let held: [HeldTest] =
            [
                HeldTest("output") { try await CellTests().aProgramRunsAndItsOutputComesBack() },
                HeldTest("inputs") { try await CellTests().inputsStandardInputAndProgramFolderAreThere() },
                HeldTest("results") { try await CellTests().regularFilesOfTheWorkFolderAreTheResult() },
                HeldTest("hostile results") { try await CellTests().whatIsNoRegularFileStaysBehind() },
                HeldTest("too many results") { try await CellTests().moreFilesThanAllowedAreNamed() },
                HeldTest("no command") { try await CellTests().aMissingCommandIsNamed() },
                HeldTest("side by side") { try await CellTests().cellsRunSideBySideAndOneCanBeCancelled() },
                HeldTest("exclusive core") { try await CellTests().twoCellsNeverShareAnExclusiveCore() },
                HeldTest("the host") { try await IsolationTests().nothingOfTheHostShows() },
                HeldTest("descriptors") { try await IsolationTests().noDescriptorLeaks() },
                HeldTest("environment") { try await IsolationTests().theEnvironmentIsAnExactList() },
                HeldTest("next run") { try await IsolationTests().aRunLeavesNothingForTheNext() },
                HeldTest("launcher's death") { try await IsolationTests().theLaunchersDeathTakesItsCells() },
                HeldTest("wall time") { try await LimitTests().wallTime() },
                HeldTest("processor time") { try await LimitTests().processorTime() },
                HeldTest("memory") { try await LimitTests().memory() },
                HeldTest("a child's memory") { try await LimitTests().memoryOfAChildEndsTheWholeCell() },
                HeldTest("processes") { try await LimitTests().processes() },
                HeldTest("scratch") { try await LimitTests().scratchBytesAndFiles() },
                HeldTest("output limit") { try await LimitTests().output() },
                HeldTest("open files") { try await LimitTests().oneFileAndOpenFiles() },
                HeldTest("crash") { try await LimitTests().aCrashIsACrash() },
                HeldTest("limits from outside") { try await LimitTests().limitsReadBackFromOutside() },
                HeldTest("quota") { try await LimitTests().aSharedGrantIsThrottled() },
                HeldTest("no network") { try await NetworkTests().withoutANetworkNothingIsUpAndNoSocketIsMade() },
                HeldTest("loopback") { try await NetworkTests().aServerAndItsClientTalkOverTheLoopback() },
                HeldTest("listeners") { try await NetworkTests().theHostsListenersAreOutOfReach() },
                HeldTest("others' listeners") { try await NetworkTests().noRunFindsTheListenersOfAnother() },
                HeldTest("other families") { try await NetworkTests().otherFamiliesAreRefused() },
                HeldTest("fixed limits") { try await UsageTests().inheritedLimitsAreFixed() },
                HeldTest("explained") { try await ExplainTests().whatIsRefusedIsToldAndAnsweredTheSame() },
                HeldTest("explained children") { try await ExplainTests().childrenAndNoChildrenBut() },
                HeldTest("filter read-back") { try await FailClosedTests().aFilterThatDoesNotReadBack() },
                HeldTest("missing files") { try await FailClosedTests().aProgramOrInputThatIsNotThere() },
                HeldTest("links") { try await FailClosedTests().linksInTheDataFolder() },
                HeldTest("unknown names") { try await FailClosedTests().policyRootfsAndCoresThatAreNotThere() },
                HeldTest("too much memory") { try await FailClosedTests().moreMemoryThanTheMachineHas() },
                HeldTest("one instance") { try await FailClosedTests().anInstanceRunsOnce() },
                HeldTest("image") { try await ImageTests().anImageIsTheRoot() },
                HeldTest("image's places") { try await ImageTests().anImageDecidesNothingAboutWhatIsMounted() },
                HeldTest("no image") { try await ImageTests().whatIsNoImageIsRefusedByName() },
                HeldTest("marked image") { try await ImageTests().whatAnImportShouldHaveRefusedHasNoEffect() },
                HeldTest("changing images") { try await ImageLifeTests().rootsChangeFromRunToRun() },
                HeldTest("shared image") { try await ImageLifeTests().runsSideBySideDoNotMeetInAnImage() },
                HeldTest("removed image") { try await ImageLifeTests().anImageIsRemovedWhileItIsMounted() },
                HeldTest("writable root") {
                    try await WritableRootTests().aProgramWritesWhereItLikesAndNobodyElseSeesIt()
                },
                HeldTest("writable roots") { try await WritableRootTests().runsSideBySideDoNotMeetInTheirRoots() },
                HeldTest("writable root's protections") { try await WritableRootTests().protectionsStay() },
                HeldTest("writable root's bounds") { try await WritableRootTests().theScratchBoundsTheRoot() },
                HeldTest("writable root's places") { try await WritableRootTests().whatStandsThereCannotBeReplaced() },
                HeldTest("writable root's marks") { try await WritableRootTests().marksOfImagesMeanNothing() },
                HeldTest("changing writable roots") { try await WritableRootTests().rootsChangeFromRunToRun() },
                HeldTest("copy") { try await RootCopyTests().aCopyHasTheChangesAndNothingElse() },
                HeldTest("no copy") { try await RootCopyTests().whatCannotBeCopiedIsRefused() },
                HeldTest("copied names") { try await RootCopyTests().hostileNames() },
                HeldTest("sweep") { try await ResilienceTests().anyLauncherSweepsWhatADeadOneLeft() },
                HeldTest("lock files") { try await ResilienceTests().lockFilesGoWithTheirLaunchers() },
            ]
            // A signal to init is not refused there, it has no effect: see `initIsOutOfReach`.
            + IsolationTests.refused.filter { $0 != "os.kill(1, 9)" }.map { expression in
                HeldTest(expression) { try await IsolationTests().isRefused(expression: expression) }
            }

        /// Each of them, or where each takes long every so many.
        static let share: [HeldTest] = {
            let step = ProcessInfo.processInfo.environment["PANAL_HELD_EVERY"].flatMap { Int($0) } ?? 1
            return stride(from: 0, to: held.count, by: max(1, step)).map { held[$0] }
        }()

        @Test(arguments: share) func holdsWithoutRoot(_ test: HeldTest) async throws {
            try await HandedOver.with { try await test.body() }
        }

        /// From inside: the program is root nowhere, its namespace knows one id, no group has a name in it but its own.
        @Test func rightsReadBackFromInside() async throws {
            try await HandedOver.with {
                try await CellHarness.with { harness in
                    let (result, sink) = await harness.shell(
                        "cat /proc/self/status /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; id -u; id -G"
                    )
                    #expect(result.outcome == .exited(code: 0))
                    for line in [
                        "NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000",
                        "CapBnd:\t0000000000000000", "CapInh:\t0000000000000000", "CapAmb:\t0000000000000000",
                    ] {
                        #expect(sink.output.contains(line), "\(line) is missing in \(sink.output)")
                    }
                    let lines = sink.output.split(separator: "\n").suffix(5).map {
                        $0.split(separator: " ").map(String.init)
                    }
                    let user = lines[3][0]
                    #expect(UInt32(user).map(LauncherSettings.standardUserRange.contains) == true)
                    #expect(lines[0] == [user, "0", "1"] && lines[1] == [user, "0", "1"] && lines[2] == ["deny"])
                    #expect(Set(lines[4]).isSubset(of: [user, "65534"]), "\(lines[4])")
                }
            }
        }

        /// Init has the program's only id, and all the same cannot be ended, stopped or looked at by it.
        @Test func initIsOutOfReach() async throws {
            try await HandedOver.with {
                try await CellHarness.with { harness in
                    let (result, sink) = await harness.shell(
                        """
                        for s in KILL STOP TERM SEGV; do kill -$s 1; done; sleep 0.1
                        ls -d /proc/1 /proc/1/mem /proc/1/root 2>/dev/null; cat /proc/1/maps 2>/dev/null; echo end
                        """)
                    #expect(result.outcome == .exited(code: 0))
                    #expect(sink.output == "end\n")
                    let script = """
                        import ctypes, os, resource
                        print(resource.prlimit(0, resource.RLIMIT_CPU))
                        try:
                            resource.prlimit(1, resource.RLIMIT_CPU, (1, 1))
                        except PermissionError: print("refused")
                        for change in [
                            lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)),
                            lambda: os.sched_setparam(1, os.sched_param(0)), lambda: os.sched_setaffinity(1, [0]),
                            lambda: os.setpriority(os.PRIO_PROCESS, 1, 19), lambda: os.setpriority(os.PRIO_USER, 0, 19),
                            lambda: os.setpriority(os.PRIO_PGRP, 0, 19),
                        ]:
                            try: change(); print("taken")
                            except PermissionError: print("refused")
                        attributes = (ctypes.c_uint32 * 12)(48, 5)
                        if ctypes.CDLL(None).syscall(314, 1, attributes, 0) != 0: print("refused")
                        os.setpriority(os.PRIO_PROCESS, 0, 3); os.sched_setaffinity(0, os.sched_getaffinity(0))
                        print("its own")
                        """
                    let (_, limits) = await harness.run(["/usr/bin/python3", "-c", script])
                    let refused = String(repeating: "refused\n", count: 8)
                    #expect(limits.output == "(-1, -1)\n\(refused)its own\n", "\(limits.output) \(limits.error)")
                }
            }
        }

        /// From outside: program and init are the ordinary user, without a capability, each in a namespace of its own; the
        /// program's is below the launcher's.
        @Test func rightsReadBackFromOutside() async throws {
            try await HandedOver.with {
                try await CellHarness.with { harness in
                    let sink = MemorySink()
                    async let run = harness.run(["/bin/sleep", "2"], sink: sink)
                    while sink.starts == 0 { try await Task.sleep(for: .milliseconds(5)) }
                    let program = try #require(
                        try Folders.children(of: "/proc").compactMap(Int32.init).last { process in
                            Self.text(process, "cmdline") == "/bin/sleep\u{0}2\u{0}"
                        })
                    let initProcess = try #require(Self.field(program, "PPid").first.flatMap(Int32.init))
                    for process in [program, initProcess] {
                        let user = String(HandedOver.user)
                        #expect(Self.field(process, "Uid") == [user, user, user, user])
                        #expect(Self.field(process, "CapPrm") == ["0000000000000000"])
                        #expect(Self.field(process, "CapBnd") == ["0000000000000000"])
                        #expect(Self.field(process, "NoNewPrivs") == ["1"])
                    }
                    let spaces = try [getpid(), initProcess, program].map { process in
                        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/user")
                    }
                    #expect(Set(spaces).count == 3, "\(spaces)")
                    #expect(await run.result.outcome == .exited(code: 0))
                }
            }
        }

        private static func text(_ process: Int32, _ file: String) -> String {
            (try? String(contentsOfFile: "/proc/\(process)/\(file)", encoding: .utf8)) ?? ""
        }

        private static func field(_ process: Int32, _ name: String) -> [String] {
            let line = text(process, "status").split(separator: "\n").first { $0.hasPrefix("\(name):") } ?? ""
            return line.dropFirst(name.count + 1).split { $0 == "\t" || $0 == " " }.map(String.init)
        }

        private func refusal(_ place: HandedOver) throws -> SystemError {
            defer { place.remove() }
            return try CellHarness.$place.withValue(place) {
                try #require(throws: SystemError.self) { try CellHarness() }
            }
        }

        /// A group that was not handed over, or a controller: nothing starts, and it is named.
        @Test func withoutDelegationNothingStarts() throws {
            let none = try refusal(try HandedOver(leavingOut: ["cpu", "cpuacct", "cpuset", "memory", "pids"]))
            #expect(none.step == "cgroup.delegation", "\(none)")
            #expect(none.detail.contains("panal doctor"))
            guard try CgroupMount.list().contains(where: { $0.controllers.contains("memory") }) else { return }
            let one = try refusal(try HandedOver(leavingOut: ["pids"]))
            #expect(one.step == "cgroup.delegation")
            #expect(one.detail.contains("/pids/") && !one.detail.contains("/memory/"), "\(one)")
        }

        /// Where no user namespace can be made: here since the user has no name in the one that it is in.
        @Test func withoutANamespaceNothingStarts() throws {
            let error = try refusal(try HandedOver(prefix: "/usr/bin/unshare -U --"))
            #expect(error.step == "launcher.user-namespace", "\(error)")
            #expect(error.errno == Int(EPERM))
        }

        /// A folder for locks that somebody else has made, as anybody may in /tmp.
        @Test func aFolderOfSomebodyElsesIsRefused() throws {
            HandedOver.removeLocks()
            defer { HandedOver.removeLocks() }
            let folder = LockFolder.path(user: HandedOver.user)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            chmod(folder, 0o777)
            let error = try refusal(try HandedOver())
            #expect(error.step == "launcher.lock", "\(error)")
        }
    }
}
