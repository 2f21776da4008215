import Foundation
import Logging
import PanalCore
import PanalManifest
import PanalScheduler
import PanalRootfs
import PanalService
import PanalStore
import Synchronization
import Testing

final class ManualClock: WallClock {
    private let state = Mutex((moment: Timestamp(Date(timeIntervalSinceNow: 0)), elapsed: Duration.zero))

    func now() -> Timestamp { state.withLock(\.moment) }
    func elapsed() -> Duration { state.withLock(\.elapsed) }

    /// Time passes.
    func advance(_ span: Duration) {
        state.withLock { $0 = ($0.moment + span, $0.elapsed + span) }
    }

    /// Somebody sets the clock.
    func step(_ span: Duration) { state.withLock { $0.moment = $0.moment + span } }
}

/// A service on a real store in a folder of its own, with an executor that the test directs.
final class ServiceFixture: Sendable {
    let path: String
    let clock = ManualClock()
    let executor: DirectedExecutor
    let configuration: ServiceConfiguration
    /// Of every profile.
    let tariff: Tariff
    let store: SQLiteStore
    /// What the service has in front of `store`, which fails when the test says so.
    let stubborn: StubbornStore
    let blobs: DirectoryBlobStore
    let panal: Panal
    /// Where webhooks go.
    let receiver = FakeReceiver()
    let admin: Principal
    let ana: Principal
    let berta: Principal

    static let cheap = PasswordCost(exponent: 4, blockSize: 8, parallelism: 1)
    static let filter = #"{"name": "filter", "inputs": [{"name": "tamaño de filtro", "type": "text"}]}"#

    init(
        cores: Int = 2, queueLimit: Int = 100, executor: DirectedExecutor.Mode = .answers,
        throttle: ThrottleRule = .standard, schedule: ScheduleSettings = ScheduleSettings(),
        deadlines: StateDeadlines = StateDeadlines(), opportunisticMemory: Int = 0,
        credits: CreditRules = CreditRules(), tariff: Tariff = .free,
        testTime: Duration = .seconds(600), testsAtOnce: Int = 8, testsOfOneAtOnce: Int = 2
    ) async throws {
        self.tariff = tariff
        path = NSTemporaryDirectory() + "panal-test-" + UUID().uuidString
        self.executor = DirectedExecutor(mode: executor, cores: cores)
        configuration = ServiceConfiguration(
            queueLimit: queueLimit, schedule: schedule, deadlines: deadlines,
            host: HostDescription(
                name: "test", cores: (0..<cores).map { CoreDescription(threads: [$0]) }, memory: 8 << 30,
                opportunisticMemory: opportunisticMemory), maximumUploadBytes: 1 << 20, passwordCost: Self.cheap,
            throttle: throttle, credits: credits, testTime: testTime, testsAtOnce: testsAtOnce,
            testsOfOneAtOnce: testsOfOneAtOnce)
        (store, stubborn, blobs, panal) = try Self.open(path, self.executor, clock, configuration, tariff, receiver)
        let first = try #require(try await panal.start())
        let admin = try await panal.signIn(name: first.name, password: first.password, from: "here").principal
        self.admin = admin
        ana = try await Self.person("ana", panal, admin)
        berta = try await Self.person("berta", panal, admin)
    }

    /// What a service finds that is started after `other` was killed in this moment.
    init(
        afterCrashOf other: ServiceFixture, cores: Int, queueLimit: Int, attempts: Int = 3,
        executor: DirectedExecutor? = nil, memory: Int = 1 << 28
    ) async throws {
        path = other.path + "-copy"
        try FileManager.default.copyItem(atPath: other.path, toPath: path)
        self.executor = executor ?? DirectedExecutor(mode: .answers, cores: cores)
        configuration = ServiceConfiguration(
            queueLimit: queueLimit, attempts: attempts, passwordCost: Self.cheap, credits: other.configuration.credits)
        tariff = other.tariff
        (store, stubborn, blobs, panal) = try Self.open(
            path, self.executor, clock, configuration, tariff, receiver, memory: memory)
        (admin, ana, berta) = (other.admin, other.ana, other.berta)
        #expect(try await panal.start() == nil)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    private static func open(
        _ path: String, _ executor: DirectedExecutor, _ clock: ManualClock, _ configuration: ServiceConfiguration,
        _ tariff: Tariff, _ receiver: FakeReceiver, memory: Int = 1 << 28
    ) throws -> (SQLiteStore, StubbornStore, DirectoryBlobStore, Panal) {
        let blobs = try DirectoryBlobStore(path: path)
        let store = try SQLiteStore(path: path + "/panal.sqlite")
        let stubborn = StubbornStore(store)
        let panal = Panal(
            store: stubborn, blobs: blobs, executor: executor,
            profiles: [profile("small", cores: 1), profile("half", shared: 500), profile("xlarge", cores: 6)].map {
                var profile = $0
                profile.tariff = tariff
                profile.limits.memory = memory
                return profile
            },
            clock: clock, configuration: configuration,
            webhooks: (store, WebhookOutlet(transport: receiver, policy: WebhookPolicy())),
            rootfs: RootfsPlace(
                store: store, library: try RootfsFolder(dataFolder: path), quota: 1 << 20),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        return (store, stubborn, blobs, panal)
    }

    private static func person(_ name: String, _ panal: Panal, _ admin: Principal) async throws -> Principal {
        let (user, _) = try await panal.createUser(admin, name: name, password: "\(name) password", role: .user)
        return Principal(user: user.id, name: user.name, role: user.role)
    }

    static func profile(_ name: String, cores: Int? = nil, shared: Int = 0) -> Profile {
        let limits = CellLimits(
            cpu: cores.map { .exclusive(cores: $0) } ?? .shared(millicores: shared), memory: 1 << 28, processes: 64,
            wallTime: .seconds(60), cpuTime: .seconds(60), scratchBytes: 1 << 20, scratchFiles: 100,
            outputBytes: 1 << 20, collectedFiles: 10, collectedBytes: 1 << 20, openFiles: 100, fileBytes: 1 << 20)
        return Profile(name: name, summary: "", limits: limits, seccomp: "default")
    }

    func put(_ bytes: [UInt8]) async throws -> ContentHash {
        let writer = try await panal.upload(ana, limit: nil)
        try await writer.append(bytes)
        return try await writer.finish().content
    }

    @discardableResult
    func publish(
        _ manifest: String = filter, as principal: Principal? = nil, script: String = "#!/bin/sh\necho hello\n",
        fileName: String = "tool.sh", isPublic: Bool = false
    ) async throws -> (entry: ProgramEntry, created: Bool) {
        let upload = ProgramUpload(fileName: fileName, content: try await put(Array(script.utf8)))
        return try await panal.publish(
            principal ?? ana, manifest: Array(manifest.utf8), upload: upload, isPublic: isPublic)
    }

    func submit(
        as principal: Principal? = nil, profile: String? = nil, priority: PriorityClass = .normal, value: String = "3"
    ) async throws -> Job {
        try await panal.submit(
            principal ?? ana, program: "filter", profile: profile, priority: priority,
            submission: Submission(values: ["tamano_de_filtro": [.text(value)]]))
    }

    /// The job when it has ended; the test fails by time rather than hang.
    func end(of job: JobID) async throws -> Job {
        let ended = try await panal.wait(admin, job: job, atMost: .seconds(20))
        #expect(ended.state.isFinal)
        return ended
    }
}

/// Waits for what another task does in its own time; every use is a condition that must come true.
func eventually(_ condition: () async throws -> Bool) async throws {
    for _ in 0..<2_000 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("it did not come true within ten seconds")
}

/// Expects `body` to be refused with `code`; answers the error.
@discardableResult
func refused(
    _ code: ServiceError.Code, _ location: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async -> ServiceError? {
    let error = await #expect(throws: ServiceError.self, sourceLocation: location) { try await body() }
    #expect(error?.code == code, sourceLocation: location)
    return error
}
