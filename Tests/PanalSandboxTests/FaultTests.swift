import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Synchronization
import Testing

/// Class E: a protection that silently did not apply. Each system call that sets something up is made to fail, and to succeed
/// without effect, one at a time: a program that runs all the same has everything that programs always have.
/// Not among the suites of `LiveCells`, which run in the virtual machine too: there a traced call takes too long.
@Suite(.serialized, RemovingLocks()) struct FaultTests {
    /// So many of the sites, some ten thousand being all of them; otherwise as many as there is time for.
    private static let wanted = ProcessInfo.processInfo.environment["PANAL_FAULTS"].flatMap(Int.init)
    /// Which of them come first.
    private static let seed = ProcessInfo.processInfo.environment["PANAL_FAULTS_SEED"].flatMap(UInt64.init) ?? 0

    @Test(.timeLimit(.minutes(240))) func eachSetUpStepIsMadeToFailInTurn() async throws {
        try await Self.failInTurn(seconds: 40)
    }

    @Test(.timeLimit(.minutes(240))) func eachSetUpStepIsMadeToFailInTurnWithoutRoot() async throws {
        try await HandedOver.with { try await Self.failInTurn(seconds: 15) }
    }

    /// The calls of a spawner that makes a root of an image, and of the cells in it.
    @Test(.timeLimit(.minutes(240))) func eachStepOfAnImagesRootIsMadeToFailInTurn() async throws {
        try await Self.$root.withValue(.image) { try await Self.failInTurn(seconds: 15) }
    }

    /// The same where the program can write to that root.
    @Test(.timeLimit(.minutes(240))) func eachStepOfAWritableRootIsMadeToFailInTurn() async throws {
        try await Self.$root.withValue(.writable) { try await Self.failInTurn(seconds: 15) }
    }

    /// What the program's root is; where it is an image only sites are tried that have to do with that.
    private enum Root { case host, image, writable }
    @TaskLocal private static var root = Root.host
    private static let mounting: Set<String> = [
        "chdir", "chown", "fchownat", "fstat", "lchown", "mkdir", "mkdirat", "mount", "mount_setattr", "move_mount",
        "newfstatat", "open_tree", "openat", "openat2",
        "pivot_root", "setns", "statfs", "umount2", "unshare",
    ]

    private static func failInTurn(seconds: Int) async throws {
        // The shorter one: a run that had to wait for its core, which another Panal had, makes calls that no later one makes.
        let references = [await session(nil), await session(nil)].compactMap(\.self)
        let reference = try #require(references.min { $0.log.count < $1.log.count })
        let sites = FaultSite.all(listing: reference.log, seed: Self.seed).filter { site in
            root == .host || site.role == 2 && mounting.contains(site.call)
        }
        #expect(reference.runs.first?.protection.inside.contains("Seccomp:\t2") == true, "\(reference.runs)")
        #expect(reference.runs.first?.protection.outside.contains("pids.max") == true, "\(reference.runs)")
        let expected = try #require(reference.runs.first).protection
        let end = wanted == nil ? ContinuousClock.now + .seconds(seconds) : nil
        var instances: [String] = []
        var tried = 0
        var missed = 0
        for site in sites.prefix(wanted ?? .max) {
            if let end, ContinuousClock.now >= end { break }
            let begun = ContinuousClock.now
            guard let found = await session(site) else { continue }
            if ContinuousClock.now - begun > .seconds(20) { print("faults: \(site) waited: \(found)") }
            tried += 1
            instances.append(found.instance)
            if found.log.isEmpty {
                missed += 1
            } else {
                found.check(site, expected)
            }
        }
        print("faults: \(tried) of \(sites.count) sites, \(missed) not come by")
        #expect(tried > 0 && missed * 4 <= tried)
        // Whatever could not be taken away is gone when the next launcher has started.
        try await CellHarness.with { next in
            for instance in instances {
                let left = next.groups.map { $0.replacing(next.instance, with: instance) }
                #expect(left.filter { FileManager.default.fileExists(atPath: $0) } == [])
                #expect(!CellHarness.isLocked(instance))
            }
        }
    }

    // MARK: One launcher

    struct Run {
        var outcome: Outcome
        var protection: Protection
        /// What the program has written.
        var output: String
    }

    struct Session {
        var instance: String
        var log: String
        var refusal: SystemError?
        var runs: [Run] = []
        var isHung = false

        func check(_ site: FaultSite, _ expected: Protection) {
            if isHung { Issue.record("\(site): does not end") }
            if let refusal, refusal.step.isEmpty { Issue.record("\(site): no step is named") }
            // One run at most: the one that the fault came to, or the next, which is made ahead beside it.
            var mayFail = true
            for run in runs {
                let isWhole = run.protection == expected
                switch run.outcome {
                case .exited(code: 0):
                    if !isWhole { Issue.record("\(site): a protection is missing\n\(difference(run, expected))") }
                case .systemError(let error):
                    if error.step.isEmpty { Issue.record("\(site): no step is named") }
                    if error.step != "launcher.lost" {
                        if !mayFail { Issue.record("\(site): a later run fails too: \(error)") }
                        mayFail = false
                    }
                    let inside = run.protection.inside
                    if !inside.isEmpty, !expected.inside.hasPrefix(inside) {
                        Issue.record("\(site): a program ran without a protection: \(difference(run, expected))")
                    }
                case .notStarted where site.role == 4 && mayFail: mayFail = false
                default: Issue.record("\(site): \(run.outcome)")
                }
            }
        }

        private func difference(_ run: Run, _ expected: Protection) -> String {
            func lines(_ protection: Protection) -> [Substring] {
                protection.inside.split(separator: "\n") + protection.outside.split(separator: "\n")
            }
            let difference = lines(run.protection).difference(from: lines(expected))
            return difference.map { change in
                switch change {
                case .insert(_, let line, _): "+ \(line)"
                case .remove(_, let line, _): "- \(line)"
                }
            }.joined(separator: "\n")
        }
    }

    private static let number = Atomic<Int>(0)

    /// Starts a launcher with one fault, or with a listing, and runs a program in it until one has come through after the
    /// fault, at most three times.
    private static func session(_ site: FaultSite?) async -> Session? {
        let name = "fault-\(getpid())-\(number.add(1, ordering: .relaxed).newValue)"
        let folder = FileManager.default.temporaryDirectory.appending(path: "panal-\(name)-tool")
        defer { try? FileManager.default.removeItem(at: folder) }
        let words = site.map { "\($0.role) \($0.call) \($0.count) \($0.answer)" } ?? "- - 0 0"
        let script = """
            #!/bin/sh
            echo $$ > \(folder.path)/pid
            exec \(CellHarness.built("panal-fault")) \(folder.path)/log \(words) \(CellHarness.launcher)

            """
        let start = folder.appending(path: "start").path
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(script.utf8).write(to: URL(filePath: start))
            chmod(start, 0o755)
        } catch {
            Issue.record("\(error)")
            return nil
        }
        func log() -> String {
            (try? String(contentsOf: folder.appending(path: "log"), encoding: .utf8)) ?? ""
        }
        // What waits for ever is ended with all that belongs to it, and is a failure.
        let isHung = Mutex(false)
        let watch = Task {
            try await Task.sleep(for: .seconds(100))
            isHung.withLock { $0 = true }
            let text = try String(contentsOf: folder.appending(path: "pid"), encoding: .utf8)
            if let tool = Int32(text.dropLast()) { _ = HostProcess(id: tool).end() }
        }
        defer { watch.cancel() }
        var session = Session(instance: name, log: "")
        do {
            let harness = try CellHarness(instance: name, launcher: start, prepared: 0)
            let rootfs = root != .host ? try TestImage(harness, "fault").name : AttemptSpec.hostRootfs
            for number in 0..<3 where harness.executor.isUsable {
                let run = await look(harness, rootfs, token: "\(name)-\(number)")
                session.runs.append(run)
                if number > 0, run.outcome == .exited(code: 0) { break }
            }
            await harness.stop()
        } catch {
            session.refusal = error as? SystemError
        }
        session.log = log()
        session.isHung = isHung.withLock { $0 }
        try? FileManager.default.removeItem(
            at: FileManager.default.temporaryDirectory.appending(path: "panal-\(name)"))
        return session
    }

    private final class Flag: Sendable {
        let isSet = Atomic<Bool>(false)
    }

    /// Runs the probe, and looks at it from outside while it waits.
    private static func look(_ harness: CellHarness, _ rootfs: String, token: String) async -> Run {
        guard let ends = try? Descriptor.pipe() else {
            return Run(outcome: .cancelled, protection: Protection(), output: "")
        }
        let sink = MemorySink()
        let over = Flag()
        let input = ends.first
        async let running = run(harness, rootfs, token: token, input: input, sink: sink, over: over)
        while sink.starts == 0, !over.isSet.load(ordering: .relaxed) {
            try? await Task.sleep(for: .milliseconds(1))
        }
        let outside = sink.starts > 0 ? Protection.outside(token, instance: harness.instance) : ""
        close(ends.second)
        let outcome = await running
        close(ends.first)
        return Run(
            outcome: outcome,
            protection: Protection(inside: Protection.normal(sink.output), outside: outside), output: sink.output)
    }

    private static func run(
        _ harness: CellHarness, _ rootfs: String, token: String, input: Int32, sink: MemorySink, over: Flag
    ) async -> Outcome {
        let result = await harness.run(
            ["/bin/sh", "-c", Protection.probe, token], rootfs: rootfs, isWritable: root == .writable,
            input: .descriptor(input), sink: sink)
        over.isSet.store(true, ordering: .relaxed)
        return result.result.outcome
    }
}
