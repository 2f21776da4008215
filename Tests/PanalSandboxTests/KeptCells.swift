import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import PanalSeccomp
import Synchronization
import Testing

/// One server of several that follow each other on one instance. Each process of a test can make one: what they share is a
/// name, a folder, and the numbers of attempts.
struct KeptCells: Sendable {
    let executor: LocalExecutor
    let instance: String
    let folder: String

    /// What a test's processes have in common; `owner` is the process that runs the test.
    static func place(_ test: String, owner: Int32) -> (instance: String, folder: String) {
        ("test-\(owner)-\(test)", "/tmp/panal-kept-\(owner)-\(test)")
    }

    /// `prepared` is called when there is nothing left to do but to find the launcher or to start one.
    init(
        _ test: String, owner: Int32 = getpid(), keeping time: Duration = .seconds(600),
        prepared: () throws -> Void = {}
    ) throws {
        (instance, folder) = Self.place(test, owner: owner)
        for part in ["blobs", "programs"] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(part)", withIntermediateDirectories: true)
        }
        let policies = CellHarness.repository.appending(path: "Profiles/seccomp").path
        let settings = LauncherSettings(
            executable: CellHarness.launcher, instance: instance, dataFolder: folder,
            seccomp: try SeccompPolicies.load(folder: policies), preparedCells: 1, keepsCells: time)
        try prepared()
        executor = try LocalExecutor.start(settings)
    }

    static func id(_ number: UInt64) -> AttemptID {
        let digits = String(number)
        let job = JobID(String(repeating: "0", count: 20 - digits.count) + digits)!
        return AttemptID(job: job, number: 2, nonce: .max - number)
    }

    /// `image`: the root is one that can be written.
    func attempt(
        _ number: UInt64, _ script: String, limits: CellLimits = .kept, writing image: String? = nil
    ) -> AttemptSpec {
        AttemptSpec(
            id: Self.id(number), rootfs: image ?? "host", seccomp: "default", limits: limits,
            cores: Array(executor.capacity.cores.prefix(1)), program: nil, arguments: ["/bin/sh", "-c", script],
            environment: AttemptSpec.standardEnvironment, inputs: [], standardInput: nil,
            hasWritableRoot: image != nil)
    }

    func sink(_ number: UInt64) throws -> FileSink { try FileSink(folder: "\(folder)/\(number)") }

    /// Runs it beside this task.
    func start(_ attempt: AttemptSpec, _ sink: FileSink) -> Task<AttemptResult, Never> {
        Task { [executor] in await executor.run(attempt, sink: sink, started: { sink.noteStart(.zero) }) }
    }

    /// Whoever has taken its core meanwhile, another Panal on this host, is waited for.
    func thaw(_ number: UInt64) async throws {
        for _ in 0..<6_000 {
            guard let failure = await refusal(ofThawing: number) else { return }
            guard failure.step == "core.lock" else { throw failure }
            try await Task.sleep(for: .milliseconds(10))
        }
        try await executor.thaw(Self.id(number))
    }

    private func refusal(ofThawing number: UInt64) async -> SystemError? {
        do throws(SystemError) {
            try await executor.thaw(Self.id(number))
            return nil
        } catch {
            return error
        }
    }

    func resume(_ attempt: AttemptSpec, _ sink: FileSink) async -> AttemptResult {
        await executor.resume(attempt, sink: sink, started: { sink.noteStart($0) })
    }

    /// What is left of the instance on this host: groups, its lock file, its socket.
    static func remains(_ instance: String) -> [String] {
        let folder = LockFolder.path(user: geteuid())
        let groups = ((try? CgroupMount.list()) ?? []).map { "\($0.path)/panal-\(instance)" }
        let idle = groups.flatMap { group in
            let parent = URL(filePath: group).deletingLastPathComponent().path
            return ((try? Folders.children(of: parent)) ?? []).map { "\(parent)/\($0)" }.filter {
                $0.hasPrefix("\(group).")
            }
        }
        return
            (groups + idle + ["\(folder)/locks/instance-\(instance)", LockFolder.launcher(instance, folder: folder)])
            .filter { FileManager.default.fileExists(atPath: $0) }
    }

    /// Ends everything; nothing may be left.
    func end() async {
        await executor.stop()
        // A launcher that is no child of this process has closed its line a moment before it has ended.
        #expect(await Self.eventually { Self.remains(instance).isEmpty }, "\(Self.remains(instance))")
        try? FileManager.default.removeItem(atPath: folder)
    }

    static func eventually(_ isSo: () async throws -> Bool) async rethrows -> Bool {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            if try await isSo() { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}

extension CellLimits {
    /// Shared, so that several run on one core; with time for a slow machine.
    static let kept = CellLimits.test.with(\.cpu, .shared(millicores: 300)).with(\.outputBytes, 8 << 20)
        .with(\.wallTime, .seconds(1_200)).with(\.cpuTime, .seconds(600))
}

/// Streams and results in files, which another process can go on with.
final class FileSink: AttemptSink {
    private struct State {
        var files: [PanalCore.OutputStream: Int32] = [:]
        var starts: [Duration] = []
        var stored = 0
    }

    let folder: String
    private let state = Mutex(State())

    init(folder: String) throws {
        self.folder = folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { state.withLock { for number in $0.files.values { close(number) } } }

    func append(_ bytes: borrowing RawSpan, to stream: PanalCore.OutputStream) throws {
        Issue.record("bytes came by a way on which they can be lost")
    }

    func file(of stream: PanalCore.OutputStream) throws -> Int32? {
        state.withLock { state in
            if let number = state.files[stream] { return number }
            let number = open("\(folder)/\(stream.rawValue)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            lseek(number, 0, SEEK_END)
            state.files[stream] = number
            return number
        }
    }

    func bytes(of stream: PanalCore.OutputStream) -> Int { text(stream).utf8.count }

    func text(_ stream: PanalCore.OutputStream) -> String {
        String(decoding: FileManager.default.contents(atPath: "\(folder)/\(stream.rawValue)") ?? Data(), as: UTF8.self)
    }

    func store(descriptor: Int32, limit: Int) throws -> (content: ContentHash, bytes: Int) {
        let bytes = FileHandle(fileDescriptor: descriptor).readDataToEndOfFile()
        let number = state.withLock { state in
            state.stored += 1
            return state.stored
        }
        let name = String(repeating: "0", count: 63) + String(number, radix: 16)
        try bytes.write(to: URL(filePath: "\(folder)/\(name)"))
        return (ContentHash(hex: name)!, bytes.count)
    }

    func result(_ hash: ContentHash) -> String {
        String(decoding: FileManager.default.contents(atPath: "\(folder)/\(hash.hex)") ?? Data(), as: UTF8.self)
    }

    func noteStart(_ ago: Duration) { state.withLock { $0.starts.append(ago) } }
    /// How long ago the program had been started, for each time that somebody said so.
    var starts: [Duration] { state.withLock { $0.starts } }
}
