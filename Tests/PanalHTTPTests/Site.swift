import Dispatch
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import PanalCore
import PanalHTTP
import PanalManifest
import PanalRootfs
import PanalService
import PanalStore
import Synchronization
import Testing

/// What a run of the simulated executor does.
struct Script: Sendable {
    var output = ""
    var error = ""
    var files: [(path: String, bytes: [UInt8])] = []
    var outcome = Outcome.exited(code: 0)
    /// Runs until it is cancelled.
    var isEndless = false
}

/// Stands in for cells: it writes what its script says through the real sink.
final class ScriptedExecutor: Executor {
    let capacity = HostCapacity(cores: [0, 1], memory: 4 << 30)
    let isUsable = true
    let script = Mutex(Script())
    let attempts = Mutex<[AttemptSpec]>([])
    /// What happens while a program runs.
    let meanwhile = Mutex<(@Sendable () async -> Void)?>(nil)
    private let endless = Mutex<[AttemptID: CheckedContinuation<Void, Never>]>([:])
    private let cancelled = Mutex<Set<AttemptID>>([])
    /// What a program has changed in its root.
    let layer = Mutex<[UInt8]>([])

    func run(
        _ attempt: AttemptSpec, sink: any AttemptSink, started: @escaping @Sendable () -> Void
    ) async -> AttemptResult {
        attempts.withLock { $0.append(attempt) }
        let script = script.withLock { $0 }
        started()
        await meanwhile.withLock { $0 }?()
        if script.isEndless {
            await withCheckedContinuation { continuation in
                let isOver = cancelled.withLock { $0.contains(attempt.id) }
                if isOver { continuation.resume() } else { endless.withLock { $0[attempt.id] = continuation } }
            }
            return AttemptResult(outcome: .cancelled, usage: ResourceUsage())
        }
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(returning: Self.carryOut(script, sink: sink))
            }
        }
    }

    func cancel(_ attempt: AttemptID) async {
        cancelled.withLock { _ = $0.insert(attempt) }
        endless.withLock { $0.removeValue(forKey: attempt) }?.resume()
    }

    let canFreeze = true
    let canCopyRoots = true

    func freeze(_ attempt: AttemptID) async throws(SystemError) {}
    func thaw(_ attempt: AttemptID) async throws(SystemError) {}

    func copyRoot(of attempt: AttemptID, into file: Int32, maximumBytes: Int) async throws(SystemError) -> CopiedRoot {
        let layer = layer.withLock(\.self)
        let written = layer.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        guard written == layer.count else { throw SystemError(step: "cell.copy", detail: "it was not written") }
        return CopiedRoot(bytes: layer.count)
    }

    private static func carryOut(_ script: Script, sink: any AttemptSink) -> AttemptResult {
        var files: [JobFile] = []
        do {
            for (text, stream) in [(script.output, OutputStream.output), (script.error, .error)] where !text.isEmpty {
                try Array(text.utf8).withUnsafeBytes { bytes in
                    try sink.append(RawSpan(_unsafeBytes: bytes), to: stream)
                }
            }
            for (path, bytes) in script.files {
                let name = NSTemporaryDirectory() + "panal-" + UUID().uuidString
                defer { unlink(name) }
                try Data(bytes).write(to: URL(fileURLWithPath: name))
                let descriptor = open(name, O_RDONLY)
                defer { close(descriptor) }
                let stored = try sink.store(descriptor: descriptor, limit: 1 << 30)
                files.append(JobFile(path: path, bytes: stored.bytes, content: stored.content))
            }
        } catch {
            return AttemptResult(
                outcome: .systemError(SystemError(step: "test", detail: "\(error)")), usage: ResourceUsage())
        }
        return AttemptResult(
            outcome: script.outcome, usage: ResourceUsage(cpuUserMicroseconds: 1_500_000, wallMicroseconds: 2_000_000),
            files: files)
    }
}

/// The system's, which somebody may set.
final class SettableClock: WallClock {
    private let ahead = Mutex(Duration.zero)

    func now() -> Timestamp { Timestamp(Date()) + ahead.withLock(\.self) }
    func step(_ span: Duration) { ahead.withLock { $0 += span } }
    func elapsed() -> Duration { ContinuousClock.now - Self.began }

    private static let began = ContinuousClock.now
}

/// Somebody who comes to the site.
struct Visitor: Sendable {
    var name: String
    var principal: Principal?
    var key = ""
    var cookie = ""
    var csrf = ""

    /// For the programming interface.
    var bearer: HTTPFields { key.isEmpty ? [:] : [.authorization: "Bearer \(key)"] }
    /// For pages.
    var browser: HTTPFields { cookie.isEmpty ? [:] : [.cookie: "panal_session=\(cookie)"] }
}

/// Nothing leaves a test.
struct NoTransport: WebhookTransport {
    func addresses(of host: String) async throws(WebhookFailure) -> [NetworkAddress] {
        throw WebhookFailure("there is no network")
    }

    func post(
        _ target: WebhookTarget, to address: NetworkAddress, headers: [(name: String, value: String)], body: [UInt8]
    ) async throws(WebhookFailure) -> Int {
        throw WebhookFailure("there is no network")
    }
}

/// A whole service over a temporary folder: real router, real verbs, real store; only the cells are simulated.
struct Site: Sendable {
    let panal: Panal
    let web: Web
    let executor: ScriptedExecutor
    let administrator: Visitor
    /// Owns the program `filter` (public) and `secreto` (not).
    let owner: Visitor
    let other: Visitor
    let stranger = Visitor(name: "stranger")
    let clock = SettableClock()
    private let folder: String

    static let manifest = """
        { "name": "filter", "description": "Blurs an image",
          "inputs": [ {"name": "imagen de entrada", "type": "file"}, {"name": "tamaño de filtro", "type": "text"} ] }
        """
    /// No file among its fields, and one field of each other kind.
    static let everything = """
        { "name": "Everything & <more>", "resources": {"profile": "medium"},
          "inputs": [
            {"name": "Text", "type": "text", "maxLength": 20},
            {"name": "Size", "type": "integer", "minimum": 1, "maximum": 9, "default": 3},
            {"name": "Ratio", "type": "number", "optional": true},
            {"name": "Fast", "type": "boolean"},
            {"name": "Mode", "type": "choice", "choices": ["soft", "hard"], "default": "soft"},
            {"name": "Day", "type": "date", "optional": true},
            {"name": "Hour", "type": "time", "optional": true},
            {"name": "Mail", "type": "email", "optional": true},
            {"name": "Site", "type": "url", "optional": true},
            {"name": "Tint", "type": "colour", "default": "#1e90ff"},
            {"name": "Data", "type": "json", "optional": true},
            {"name": "Token", "type": "secret", "optional": true} ] }
        """

    /// Runs `body` with a site and a client that speaks to its router.
    static func open(
        _ configuration: WebConfiguration = WebConfiguration(), credits: CreditRules = CreditRules(),
        _ body: @Sendable (Site, any TestClientProtocol) async throws -> Void
    ) async throws {
        let site = try await Site(configuration, credits: credits)
        do {
            try await site.application().test(.router) { try await body(site, $0) }
        } catch {
            await site.close()
            throw error
        }
        await site.close()
    }

    func application() -> some ApplicationProtocol {
        let logger = LogKeeper.logger
        return web.application(Listener(host: "127.0.0.1", port: 0), logger: logger)
    }

    init(
        _ configuration: WebConfiguration = WebConfiguration(), credits: CreditRules = CreditRules()
    ) async throws {
        folder = NSTemporaryDirectory() + "panal-http-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let logger = LogKeeper.logger
        executor = ScriptedExecutor()
        let store = try SQLiteStore(path: folder + "/panal.sqlite")
        panal = Panal(
            store: store,
            blobs: try DirectoryBlobStore(path: folder + "/data"), executor: executor, profiles: Self.profiles,
            clock: clock,
            configuration: ServiceConfiguration(
                maximumUploadBytes: 4 << 20,
                passwordCost: PasswordCost(exponent: 4, blockSize: 8, parallelism: 1), credits: credits),
            webhooks: (store, WebhookOutlet(transport: NoTransport(), policy: WebhookPolicy())),
            rootfs: RootfsPlace(
                store: store, library: try RootfsFolder(dataFolder: folder + "/data"), quota: 1 << 20),
            logger: logger)
        let first = try #require(try await panal.start())
        let root = try await Self.enter(panal, name: first.name, password: first.password)
        administrator = root
        owner = try await Self.register("ana", panal, by: root)
        other = try await Self.register("ben", panal, by: root)
        web = try Web(panal: panal, configuration: configuration)
        let principal = try #require(owner.principal)
        _ = try await publish(Self.manifest, isPublic: true, as: principal)
        _ = try await publish(#"{"name": "secreto", "inputs": []}"#, isPublic: false, as: principal)
        _ = try await publish(Self.everything, isPublic: true, as: principal)
    }

    /// Names of all files and folders that programs and blobs have on the disk.
    var stored: Set<String> {
        get throws {
            let names = try ["programs", "blobs"].flatMap { kind in
                try FileManager.default.subpathsOfDirectory(atPath: "\(folder)/data/\(kind)")
            }
            // Folders of blobs stay.
            return Set(names.filter { $0.utf8.count > 2 })
        }
    }

    /// As when somebody has removed them from the disk.
    func loseFiles() throws { try FileManager.default.removeItem(atPath: folder + "/data/blobs") }

    func close() async {
        await panal.shutdown()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func register(_ name: String, _ panal: Panal, by root: Visitor) async throws -> Visitor {
        let made = try await panal.createUser(
            try #require(root.principal), name: name, password: "a-long-password", role: .user)
        return try await enter(panal, name: made.user.name, password: made.password)
    }

    private static func enter(_ panal: Panal, name: String, password: String) async throws -> Visitor {
        let signedIn = try await panal.signIn(name: name, password: password, from: "test")
        let key = try await panal.createKey(signedIn.principal, label: "test", lifetime: nil)
        return Visitor(
            name: name, principal: signedIn.principal, key: key.secret, cookie: signedIn.token, csrf: signedIn.csrf)
    }

    func publish(_ manifest: String, isPublic: Bool, as principal: Principal) async throws -> ProgramEntry {
        let writer = try await panal.upload(principal, limit: nil)
        try await writer.append(Array("#!/bin/sh\necho hello\n".utf8))
        let content = try await writer.finish().content
        return try await panal.publish(
            principal, manifest: Array(manifest.utf8),
            upload: ProgramUpload(fileName: "run.sh", content: content), isPublic: isPublic
        ).entry
    }

    /// A job of the owner's that has ended, after `script`.
    func job(_ script: Script = Script(output: "hello\n")) async throws -> JobID {
        executor.script.withLock { $0 = script }
        let principal = try #require(owner.principal)
        let job = try await panal.submit(
            principal, program: "everything-more", submission: Submission(values: ["text": [.text("a")]]))
        if script.isEndless { return job.id }
        let ended = try await panal.wait(principal, job: job.id, atMost: .seconds(20))
        try #require(ended.state.isFinal)
        return job.id
    }

    /// A webhook of the owner's.
    func webhook() async throws -> WebhookID {
        let principal = try #require(owner.principal)
        for old in try await panal.webhooks(principal) { try await panal.deleteWebhook(principal, old.id) }
        return try await panal.createWebhook(principal, url: "https://hooks.example/", events: [.finished]).webhook.id
    }

    /// A core costs a credit a second.
    static let profiles: [Profile] = [("small", 1), ("medium", 2), ("xlarge", 6)].map { name, cores in
        Profile(
            name: name, summary: "",
            limits: CellLimits(
                cpu: .exclusive(cores: cores), memory: cores << 30, processes: 64, wallTime: .seconds(60),
                cpuTime: .seconds(60), scratchBytes: 64 << 20, scratchFiles: 1_000, outputBytes: 1 << 20,
                collectedFiles: 100, collectedBytes: 64 << 20, openFiles: 256, fileBytes: 64 << 20),
            seccomp: "default", tariff: Tariff(ordinary: Price(coreHour: 3_600_000_000)))
    }
}

/// A `multipart/form-data` body.
struct MultipartBody {
    static let boundary = "----panal-test-boundary"
    var bytes: [UInt8] = []

    static var contentType: HTTPFields { [.contentType: "multipart/form-data; boundary=\(boundary)"] }

    mutating func add(_ name: String, _ value: String) {
        bytes += Array(
            "--\(Self.boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n".utf8)
    }

    mutating func add(_ name: String, fileName: String, _ content: [UInt8]) {
        bytes += Array(
            ("--\(Self.boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"\(fileName)\"\r\n"
                + "Content-Type: application/octet-stream\r\n\r\n").utf8)
        bytes += content + [13, 10]
    }

    var ended: ByteBuffer { ByteBuffer(bytes: bytes + Array("--\(Self.boundary)--\r\n".utf8)) }
}

extension TestResponse {
    var text: String { String(buffer: body) }

    var json: JSONValue {
        get throws { try JSONValue(parsing: Data(body.readableBytesView)) }
    }
}

extension JSONValue {
    subscript(_ name: String) -> JSONValue? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    var text: String? { if case .string(let text) = self { text } else { nil } }
    var list: [JSONValue]? { if case .array(let list) = self { list } else { nil } }
}

extension TestClientProtocol {
    func send(
        _ method: HTTPRequest.Method, _ uri: String, _ headers: HTTPFields = [:], body: ByteBuffer? = nil
    ) async throws -> TestResponse {
        try await execute(uri: uri, method: method, headers: headers, body: body) { $0 }
    }

    /// A small form of a page.
    func post(
        _ uri: String, as visitor: Visitor, _ fields: [String: String] = [:], token: String? = nil
    ) async throws -> TestResponse {
        var pairs = fields
        pairs["_csrf"] = token ?? visitor.csrf
        let body = pairs.map {
            "\($0.key)=\($0.value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")"
        }
        .joined(separator: "&")
        var headers = visitor.browser
        headers[.contentType] = "application/x-www-form-urlencoded"
        return try await send(.post, uri, headers, body: ByteBuffer(string: body))
    }

    func json(
        _ method: HTTPRequest.Method, _ uri: String, as visitor: Visitor, _ body: String, _ more: HTTPFields = [:]
    ) async throws -> TestResponse {
        var headers = visitor.bearer
        headers[.contentType] = "application/json"
        for field in more { headers[field.name] = field.value }
        return try await send(method, uri, headers, body: ByteBuffer(string: body))
    }
}
