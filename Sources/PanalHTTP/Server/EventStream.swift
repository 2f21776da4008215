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

    /// `changes` has an element whenever something may be new, and ends when nothing will be any more.
    func response(_ source: some LiveSource, changes: AsyncStream<Void>, _ request: Request) -> Response {
        let headers: HTTPFields = [
            .contentType: "text/event-stream", .cacheControl: "no-store", .accelBuffering: "no",
        ]
        guard request.method == .get else { return Response(status: .ok, headers: headers) }
        let heartbeat = heartbeat
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                var source = source
                // The first bytes tell the client that it is heard.
                try await writer.write(ByteBuffer(string: "retry: 1000\n\n"))
                let (ticks, task) = Self.ticks(changes, every: heartbeat)
                defer { task.cancel() }
                for await isBeat in ticks {
                    var isSilent = true
                    while case let news = try await source.next(), !news.isEmpty {
                        for event in news { try await writer.write(try event.bytes()) }
                        isSilent = false
                    }
                    if isSilent, isBeat { try await writer.write(ByteBuffer(string: ": still here\n\n")) }
                }
                while case let news = try await source.next(), !news.isEmpty {
                    for event in news { try await writer.write(try event.bytes()) }
                }
                try await writer.write(try await source.end().bytes())
                try await writer.finish(nil)
            })
    }

    /// False for a change, true for each time that `interval` has passed; ends with `changes`.
    private static func ticks(
        _ changes: AsyncStream<Void>, every interval: Duration
    ) -> (AsyncStream<Bool>, Task<Void, Never>) {
        // What is merged here loses nothing: every tick has everything new read.
        let (ticks, continuation) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
        let task = Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await _ in changes { continuation.yield(false) }
                }
                group.addTask {
                    while (try? await Task.sleep(for: interval)) != nil { continuation.yield(true) }
                }
                await group.next()
                group.cancelAll()
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
