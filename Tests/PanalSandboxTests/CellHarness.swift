import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import PanalSeccomp
import Synchronization
import Testing

/// A launcher and executor of its own for one test, with a name of its own; stopped and looked after at its end.
final class CellHarness: Sendable {
    let executor: LocalExecutor
    let instance: String
    let folder: URL
    private static let counter = Atomic<Int>(0)

    /// The repository's root, from this file's place in it.
    static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Set by tests that start launchers as an ordinary user.
    @TaskLocal static var place: HandedOver?

    /// The launcher that tests start.
    static var launcher: String { place?.launcher ?? built }

    /// The launcher that was built beside the test bundle.
    static var built: String { built("panal-launcher") }

    static func built(_ name: String) -> String {
        let bundle = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        return bundle.appending(path: name).path
    }

    init(
        instance name: String? = nil, filters extra: [SeccompProgram] = [], explained: [SeccompPolicy] = [],
        launcher: String = CellHarness.launcher, prepared: Int? = nil, owner: uid_t? = nil,
        limitsReading: Bool = false, parent: URL = FileManager.default.temporaryDirectory
    ) throws {
        let number = Self.counter.add(1, ordering: .relaxed).newValue
        instance = name ?? "test-\(getpid())-\(number)"
        folder = parent.appending(path: "panal-\(instance)")
        for part in ["blobs", "programs"] {
            try FileManager.default.createDirectory(
                at: folder.appending(path: part), withIntermediateDirectories: true)
        }
        if let owner { chown(folder.path, owner, owner) }
        let filters = try SeccompPolicies.load(folder: Self.repository.appending(path: "Profiles/seccomp").path) + extra
        executor = try LocalExecutor.start(
            LauncherSettings(
                executable: launcher, instance: instance, dataFolder: folder.path, seccomp: filters,
                preparedCells: prepared, explained: explained, limitsReading: limitsReading))
    }

    /// Runs `body` with a harness, and afterwards holds the host against what it was: no group, no folder is left.
    static func with(
        instance: String? = nil, filters: [SeccompProgram] = [], explained: [SeccompPolicy] = [],
        owner: uid_t? = nil, limitsReading: Bool = false, parent: URL = FileManager.default.temporaryDirectory,
        _ body: (CellHarness) async throws -> Void
    ) async throws {
        let harness = try CellHarness(
            instance: instance, filters: filters, explained: explained, owner: owner, limitsReading: limitsReading,
            parent: parent)
        do {
            try await body(harness)
        } catch {
            await harness.stop()
            throw error
        }
        await harness.stop()
        #expect(harness.groups == [], "groups are left")
    }

    func stop() async {
        await executor.stop()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Groups of this instance in any hierarchy.
    var groups: [String] {
        ((try? CgroupMount.list()) ?? []).map(group).flatMap { group in
            idleGroups(beside: group) + (FileManager.default.fileExists(atPath: group) ? [group] : [])
        }
    }

    /// Groups of idle cells, which stand beside the instance's.
    func idleGroups(beside group: String) -> [String] {
        let folder = URL(filePath: group).deletingLastPathComponent().path
        return ((try? Folders.children(of: folder)) ?? []).filter { $0.hasPrefix("panal-\(instance).") }
            .map { "\(folder)/\($0)" }
    }

    /// The instance's own group in a hierarchy.
    func group(_ mount: CgroupMount) -> String {
        "\(mount.path)\(Self.place.map { "/\($0.name)" } ?? "")/panal-\(instance)"
    }

    static func isLocked(_ instance: String) -> Bool {
        let folder = LockFolder.path(user: place == nil ? 0 : HandedOver.user)
        return FileManager.default.fileExists(atPath: "\(folder)/locks/instance-\(instance)")
    }

    /// Stores bytes as a blob that an attempt can name.
    func blob(_ text: String) throws -> ContentHash { try blob(Data(text.utf8), called: text) }

    /// The same for any bytes, under a name that tells them apart from others.
    func blob(_ bytes: Data, called name: String) throws -> ContentHash {
        let hash = try hash(of: name)
        let file = folder.appending(path: ContentLayout.blob(hash))
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try bytes.write(to: file)
        chmod(file.path, 0o444)
        return hash
    }

    func hash(of text: String) throws -> ContentHash { try #require(ContentHash(hex: Self.name(of: text))) }

    /// Stores one file as a program's folder, and answers its content name.
    func program(_ name: String, _ text: String, mode: mode_t = 0o555) throws -> ContentHash {
        let hash = try #require(ContentHash(hex: Self.name(of: name + text)))
        let program = folder.appending(path: ContentLayout.program(hash))
        try FileManager.default.createDirectory(at: program, withIntermediateDirectories: true)
        let file = program.appending(path: name)
        try Data(text.utf8).write(to: file)
        chmod(file.path, mode)
        return hash
    }

    /// 64 hexadecimal digits that tell texts apart; content names need not be real hashes here.
    private static func name(of text: String) -> String {
        var state: UInt64 = 14_695_981_039_346_656_037
        return (0..<4).map { round in
            for byte in text.utf8 { state = (state ^ UInt64(byte) &+ UInt64(round)) &* 1_099_511_628_211 }
            let digits = String(state, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    func run(
        _ arguments: [String], limits: CellLimits = .test, program: ContentHash? = nil, inputs: [InputFile] = [],
        standardInput: ContentHash? = nil, seccomp: String = "default", network: CellNetwork = .none,
        cores: [Int]? = nil, explain: Bool = false, graded: Bool = false, isIdle: Bool = false,
        rootfs: String = AttemptSpec.hostRootfs, isWritable: Bool = false, input: StandardInput = .empty,
        sink: MemorySink = MemorySink(), id: AttemptID? = nil
    ) async -> (result: AttemptResult, sink: MemorySink) {
        let reserved = cores ?? Array(executor.capacity.cores.prefix(limits.cpu.parallelism))
        let attempt = AttemptSpec(
            id: id ?? AttemptID(job: JobID.make(at: Timestamp(microseconds: 0)), number: 1, nonce: 1), rootfs: rootfs,
            seccomp: seccomp, network: network, limits: limits, cores: reserved, program: program, arguments: arguments,
            environment: AttemptSpec.standardEnvironment, inputs: inputs, standardInput: standardInput,
            explain: explain, graded: graded, isIdle: isIdle, hasWritableRoot: isWritable)
        let result = await executor.run(
            attempt, programFolder: program.map(ContentLayout.program), input: input, sink: sink,
            started: { sink.noteStart() })
        return (result, sink)
    }

    func shell(_ script: String, limits: CellLimits = .test) async -> (result: AttemptResult, sink: MemorySink) {
        await run(["/bin/sh", "-c", script], limits: limits)
    }
}

extension CellLimits {
    /// Small, so that tests reach them quickly; but for the times, since the same tests run in a virtual machine that starts
    /// programs some thirty times more slowly.
    static let test = CellLimits(
        cpu: .exclusive(cores: 1), memory: 64 << 20, processes: 32, wallTime: .seconds(60), cpuTime: .seconds(30),
        scratchBytes: 8 << 20, scratchFiles: 256, outputBytes: 65_536, collectedFiles: 8, collectedBytes: 4 << 20,
        openFiles: 64, fileBytes: 6 << 20)

    func with<Value>(_ path: WritableKeyPath<CellLimits, Value>, _ value: Value) -> CellLimits {
        var changed = self
        changed[keyPath: path] = value
        return changed
    }
}

/// Keeps everything in memory.
final class MemorySink: AttemptSink {
    private struct State {
        var streams: [PanalCore.OutputStream: [UInt8]] = [:]
        var files: [String: [UInt8]] = [:]
        var starts = 0
        var open: [Int32] = []
    }

    private let state = Mutex(State())
    private let leavesOpen: Bool

    /// With `leavingOpen` result files are not read but kept open until `closeFiles`.
    init(leavingOpen: Bool = false) { leavesOpen = leavingOpen }

    deinit { closeFiles() }

    func closeFiles() {
        state.withLock { state in
            for number in state.open { close(number) }
            state.open = []
        }
    }

    func append(_ bytes: borrowing RawSpan, to stream: PanalCore.OutputStream) throws {
        let copy = bytes.withUnsafeBytes { [UInt8]($0) }
        state.withLock { $0.streams[stream, default: []] += copy }
    }

    func store(descriptor: Int32, limit: Int) throws -> (content: ContentHash, bytes: Int) {
        if leavesOpen { state.withLock { $0.open.append(dup(descriptor)) } }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !leavesOpen, case let got = read(descriptor, &buffer, buffer.count), got > 0 { bytes += buffer[0..<got] }
        guard bytes.count <= limit else { throw FileTooLong(limit: limit) }
        let number = state.withLock { state in
            let digits = String(state.files.count, radix: 16)
            let name = String(repeating: "0", count: 64 - digits.count) + digits
            state.files[name] = bytes
            return name
        }
        guard let hash = ContentHash(hex: number) else { throw FileTooLong(limit: 0) }
        return (hash, bytes.count)
    }

    func noteStart() { state.withLock { $0.starts += 1 } }
    var starts: Int { state.withLock { $0.starts } }
    var output: String { text(.output) }
    var error: String { text(.error) }
    private func text(_ stream: PanalCore.OutputStream) -> String {
        state.withLock { String(decoding: $0.streams[stream] ?? [], as: UTF8.self) }
    }

    func file(_ hash: ContentHash) -> String {
        state.withLock { String(decoding: $0.files[hash.hex] ?? [], as: UTF8.self) }
    }
}
