import FoundationEssentials
import Glibc
import PanalCore
import PanalManifest
import PanalProfiles
import PanalPublication
import PanalSandbox
import PanalSeccomp
import Synchronization

/// One program with its tests, and the cells that they run in.
struct TestBench {
    private let command: ManifestCommand.Test
    private let published: PublishedManifest
    private let catalog: ProfileCatalog
    private let folder: String
    private let rootfs: ChosenRootfs
    private let tree: String?

    init(_ command: ManifestCommand.Test, file: String) throws {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw CommandFailure("\(file) cannot be read")
        }
        self.command = command
        published = try PublishedManifest(Array(data))
        folder = try command.place.folder()
        catalog = try ProfileCatalog.load(folder: folder)
        (rootfs, tree) = try Self.rootfs(command.rootfs ?? published.manifest.rootfs, command.place)
    }

    /// An image, with the variables that came with it, and its files.
    private static func rootfs(_ word: String, _ place: CellPlace) throws -> (ChosenRootfs, tree: String?) {
        if word == AttemptSpec.hostRootfs { return (.host, nil) }
        let digest = word.hasPrefix("sha256:") ? String(word.dropFirst(7)) : word
        guard ContentHash(hex: digest) != nil else {
            throw ServiceError(
                .invalid, mistake: "/rootfs",
                "‘\(word)’ is a name that only a server knows: say --rootfs DIGEST (‘panal rootfs show’ tells it), or --rootfs host"
            )
        }
        let image = try place.image(digest)
        guard let data = FileManager.default.contents(atPath: "\(image)/image.json"),
            let facts = try? JSONDecoder().decode(RootfsFacts.self, from: data)
        else { throw CommandFailure("\(image)/image.json cannot be read") }
        return (ChosenRootfs(name: digest, environment: facts.settings.environment), "\(image)/tree")
    }

    /// Throws `ServiceError` for what a server would refuse, `SystemError` and `CommandFailure` where no cell can be made.
    func report() async throws -> TestReport {
        let manifest = published.manifest
        let local = try LocalProgram(command.program)
        defer { local.remove() }
        let start = try ProgramStart(of: local.files, by: published)
        let cell = tree.map { CellFiles(image: $0, named: rootfs.name, environment: rootfs.environment) } ?? CellFiles()
        let probe = UploadProbe(
            files: local.files, cell: cell, manifest: manifest, environment: rootfs.environment)
        try start.checkCommand(by: probe)
        try await start.checkFile(by: probe, read: local.read)
        var report = TestReport(manifest: manifest)
        guard !manifest.tests.isEmpty else { return report }
        try local.open(starting: start.path)
        let tested = TestedProgram(manifest: manifest, content: LocalProgram.content, entry: start.path)
        let executor = try OrdinaryUser.start(
            LauncherSettings(
                executable: try Installation.companion("panal-launcher"), instance: "test-\(getpid())",
                dataFolder: local.data, seccomp: try SeccompPolicies.load(folder: "\(folder)/seccomp"),
                preparedCells: 0, imageFolder: tree == nil ? nil : try CellPlace.real(command.place.images)))
        let turn = TestTurn(executor)
        do {
            try await run(tested, local, turn, into: &report)
        } catch {
            await turn.end()
            throw error
        }
        await turn.end()
        return report
    }

    private func run(
        _ program: TestedProgram, _ local: LocalProgram, _ turn: TestTurn, into report: inout TestReport
    ) async throws {
        let deadline = ContinuousClock.now + TestRun.time
        let profiles = try program.manifest.tests.enumerated().map { number, test in
            try profile(of: test, number: number, turn.capacity)
        }
        var files = TestFiles()
        for (number, (test, profile)) in zip(program.manifest.tests, profiles).enumerated() {
            guard !turn.isInterrupted, ContinuousClock.now < deadline else { break }
            let began = ContinuousClock.now
            let run = TestRun(test, number: number, of: program, under: profile, in: rootfs)
            var mistakes = try await files.add(filesOf: test, number: number) { try local.store($0) }
            if mistakes.isEmpty {
                do {
                    let invocation = try await run.invocation(with: files) {
                        try local.store(Array($0.utf8)).content
                    }
                    guard let found = try await turn.run(run, invocation, until: deadline) else { break }
                    mistakes = found
                } catch let error as SubmissionError {
                    mistakes = error.mistakes
                }
            }
            report.results.append(
                TestReport.Result(
                    name: test.name, profile: profile.name, took: ContinuousClock.now - began, mistakes: mistakes))
        }
        report.isInterrupted = turn.isInterrupted
    }

    /// The one that a server would take, where it has the same profiles and its settings are as they come.
    private func profile(of test: ManifestTest, number: Int, _ capacity: HostCapacity) throws -> Profile {
        let manifest = published.manifest
        let name = command.profile ?? test.profile(of: manifest) ?? "small"
        let profile = try CellPlace.profile(name, of: catalog)
        let smallest = manifest.resources.smallest.flatMap { catalog[$0] }
        let refusal =
            capacity.refusal(of: profile.limits) ?? manifest.resources.refusal(of: profile, smallest: smallest)
        guard let refusal else { return profile }
        throw ServiceError(.invalid, mistake: "/tests/\(number)/profile", "profile \(name): \(refusal)")
    }
}

/// The cells of one bench, one at a time.
private final class TestTurn {
    private struct State {
        var running: AttemptID?
        var isInterrupted = false
    }

    let capacity: HostCapacity
    private let executor: LocalExecutor
    private let state: Shared
    private let interruption: Interruptions

    private final class Shared: Sendable {
        let state = Mutex(State())
    }

    init(_ executor: LocalExecutor) {
        let shared = Shared()
        self.executor = executor
        capacity = executor.capacity
        state = shared
        interruption = Interruptions { _ in
            let running = shared.state.withLock { state in
                state.isInterrupted = true
                return state.running
            }
            if let running { Task { await executor.cancel(running) } }
        }
    }

    var isInterrupted: Bool { state.state.withLock { $0.isInterrupted } }

    func end() async {
        interruption.end()
        await executor.stop()
    }

    /// What of the run is not as its test says; nil where somebody has interrupted it. Throws `SystemError` where it could not be carried out.
    func run(
        _ run: TestRun, _ invocation: Invocation, until deadline: ContinuousClock.Instant
    ) async throws -> [Mistake]? {
        let cores = Array(capacity.cores.prefix(run.limits.cpu.parallelism))
        let attempt = run.attempt(
            AttemptID(job: .make(at: Timestamp(Date())), number: 1, nonce: .random(in: .min ... .max)), invocation,
            on: cores)
        let sink = TestSink(for: run.test)
        state.state.withLock { $0.running = attempt.id }
        let alarm = Task { [executor] in
            guard (try? await Task.sleep(until: deadline, clock: .continuous)) != nil else { return }
            await executor.cancel(attempt.id)
        }
        let result = await executor.run(attempt, sink: sink) { [executor, state] in
            // An interruption that came before the executor knew the attempt was ignored there.
            guard state.state.withLock({ $0.isInterrupted }) else { return }
            Task { await executor.cancel(attempt.id) }
        }
        alarm.cancel()
        state.state.withLock { $0.running = nil }
        switch result.outcome {
        case .systemError(let error): throw error
        case .cancelled: return isInterrupted ? nil : run.overdue(TestRun.time)
        default: return run.mistakes(result, sink)
        }
    }
}
