import HTTPTypes
import Hummingbird
import NIOCore
import PanalCore

/// One message of `text/event-stream` (WHATWG HTML, server-sent events).
struct ServerEvent: Sendable {
    var name: String
    /// What a client sends back as `Last-Event-ID` to go on behind this message.
    var id: Int?
    /// One line: JSON.
    var data: JSONValue

    func bytes() throws -> ByteBuffer {
        let id = id.map { "id: \($0)\n" } ?? ""
        return ByteBuffer(
            string: "event: \(name)\n\(id)data: \(String(decoding: try data.serialized(), as: UTF8.self))\n\n")
    }
}

/// What a live answer tells. It is asked again whenever something may have changed.
protocol LiveSource: Sendable {
    /// What is new since the last call, in pieces: none when nothing is, and then nothing is asked again until the next change.
    mutating func next() async throws -> [ServerEvent]
    /// The last message, after which the answer ends.
    mutating func end() async throws -> ServerEvent
}

/// An answer that goes on until its source has ended.
struct EventStream: Sendable {
    /// Where nothing else is said for so long, an empty message keeps the connection.
    let heartbeat: Duration
    private let places = LivePlaces()

    init(heartbeat: Duration) { self.heartbeat = heartbeat }

    /// Whether the client asks for one.
    static func isWanted(by request: Request) -> Bool {
        request.headers[values: .accept].contains { value in
            value.split(separator: ",").contains { HeaderValues.mediaType(String($0)) == "text/event-stream" }
        }
    }

    /// Where the client's last answer broke off: `Last-Event-ID`. Throws `malformed` for what is no number of this stream.
    static func place(in request: Request) throws -> Int {
        guard let text = request.headers[.lastEventID], !text.isEmpty else { return 0 }
        guard let place = Int(text), place >= 0 else {
            throw ServiceError(.malformed, "Last-Event-ID is the ‘id’ of an event of this stream, a whole number")
        }
        return place
    }

    /// What the document says of every stream.
    static let note =
        "Where the key, the session or the user's access ends meanwhile, nothing more is told: the last event is `refused`, "
        + "whose data is the problem."

    /// `changes` has an element whenever something may be new, and ends when nothing will be any more. Nothing is told to whoever has
    /// lost their `access` meanwhile, or has very many open; nil is for what everybody may read.
    func response(
        _ source: some LiveSource, changes: AsyncStream<Void>, access: LiveAccess?, _ request: Request
    ) -> Response {
        let headers: HTTPFields = [
            .contentType: "text/event-stream", .cacheControl: "no-store", .accelBuffering: "no",
        ]
        guard request.method == .get else { return Response(status: .ok, headers: headers) }
        let heartbeat = heartbeat
        let places = places
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                var source = source
                // The first bytes tell the client that it is heard.
                try await writer.write(ByteBuffer(string: "retry: 1000\n\n"))
                if let user = access?.user, !places.take(user) {
                    try await writer.write(try Refused.tooMany.event.bytes())
                    return try await writer.finish(nil)
                }
                let (ticks, task) = Self.ticks(changes, access, every: heartbeat)
                defer {
                    task.cancel()
                    if let user = access?.user { places.leave(user) }
                }
                do {
                    for await isBeat in ticks {
                        let isSilent = try await Self.tell(&source, access, to: &writer) == 0
                        if isSilent, isBeat { try await writer.write(ByteBuffer(string: ": still here\n\n")) }
                    }
                    _ = try await Self.tell(&source, access, to: &writer)
                    try await writer.write(try await source.end().bytes())
                } catch let refusal as Refused {
                    try await writer.write(try refusal.event.bytes())
                }
                try await writer.finish(nil)
            })
    }

    /// Whoever reads may not, or not any more.
    private struct Refused: Error {
        let error: ServiceError

        var event: ServerEvent { ServerEvent(name: "refused", data: Problem(error).document(instance: nil)) }

        static let revoked = Refused(
            error: ServiceError(.unauthenticated, "what this answer was asked for with is not valid any more"))
        static let tooMany = Refused(
            error: ServiceError(.overloaded, "you have \(LivePlaces.most) live answers open already: end some of them"))
    }

    /// Tells all that is new; answers how many events that were. Access is looked at before each part, since a slow reader may take
    /// long over all of them.
    @concurrent private static func tell(
        _ source: inout some LiveSource, _ access: LiveAccess?, to writer: inout any ResponseBodyWriter
    ) async throws -> Int {
        var count = 0
        while true {
            if let access, await !access.holds() { throw Refused.revoked }
            let news = try await source.next()
            guard !news.isEmpty else { return count }
            for event in news { try await writer.write(try event.bytes()) }
            count += news.count
        }
    }

    /// False for a change, of access too, true for each time that `interval` has passed; ends with `changes`.
    private static func ticks(
        _ changes: AsyncStream<Void>, _ access: LiveAccess?, every interval: Duration
    ) -> (AsyncStream<Bool>, Task<Void, Never>) {
        // What is merged here loses nothing: every tick has everything new read.
        let (ticks, continuation) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
        // Heard from here on, before access is looked at for the first time.
        let accessChanges = access?.changes
        let task = Task {
            await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    for await _ in changes { continuation.yield(false) }
                    return true
                }
                group.addTask {
                    while (try? await Task.sleep(for: interval)) != nil { continuation.yield(true) }
                    return false
                }
                if let access, let accessChanges {
                    group.addTask {
                        for await _ in accessChanges { continuation.yield(false) }
                        return false
                    }
                    group.addTask {
                        await access.waitForEnd()
                        continuation.yield(false)
                        return false
                    }
                }
                for await isOver in group where isOver { group.cancelAll() }
            }
            continuation.finish()
        }
        return (ticks, task)
    }
}

extension HTTPField.Name {
    static let lastEventID = HTTPField.Name("Last-Event-ID") ?? .eTag
    static let accelBuffering = HTTPField.Name("X-Accel-Buffering") ?? .eTag
    static let idempotencyKey = HTTPField.Name("Idempotency-Key") ?? .eTag
    static let idempotencyReplayed = HTTPField.Name("Idempotency-Replayed") ?? .eTag
    static let reprDigest = HTTPField.Name("Repr-Digest") ?? .eTag
    static let wantReprDigest = HTTPField.Name("Want-Repr-Digest") ?? .eTag
}
