import AsyncHTTPClient
package import FoundationEssentials
import NIOCore
import NIOHTTP1
import PanalCore

/// What a job writes to one of its streams, as it comes. A connection that is lost is made again, behind the last byte that came.
package struct LiveStream: Sendable {
    /// How following came to its end.
    package enum End: Hashable, Sendable {
        case ended
        /// The server answers with what is there instead of a live stream; so many bytes have come before.
        case notLive(bytes: Int)
    }

    private let client: PanalClient
    private let path: String

    package init(client: PanalClient, path: String) {
        self.client = client
        self.path = path
    }

    /// Until the job has ended. `restarted` is called where an attempt is made again, whose output begins anew. Throws as
    /// ``PanalClient/send(_:)``, and what `sink` throws.
    package func follow(
        _ sink: (Data) throws -> Void, restarted: () -> Void = {}
    ) async throws -> End {
        // Bytes that came, as the server counts them.
        var told = 0
        var request = ClientRequest(.GET, path)
        request.waitsOutOverload = true
        return try await client.persistently(request) { advance in
            var request = request
            request.headers = ["Accept": "text/event-stream", "Last-Event-ID": "\(told)"]
            let response = try await client.open(request)
            guard response.headers.first(name: "Content-Type")?.hasPrefix("text/event-stream") == true else {
                return .notLive(bytes: told)
            }
            var reader = EventReader()
            return try await client.lostWhere {
                for try await piece in response.body {
                    for event in try reader.take(piece.readableBytesView) {
                        switch event.name {
                        case "output": try sink(try Self.bytes(of: event))
                        case "reset": restarted()
                        case "end": return .ended
                        default: break
                        }
                        guard let id = event.id else { continue }
                        guard let place = Int(id), place >= 0 else {
                            throw ClientFailure.notUnderstood("an event's id is no number of bytes")
                        }
                        told = place
                        advance.make()
                    }
                }
                throw ConnectionLost(reason: "the stream broke off")
            }
        }
    }

    /// Text where the bytes are UTF-8, else base 64.
    static func bytes(of event: EventReader.Event) throws(ClientFailure) -> Data {
        let document = try ClientAnswer(status: 200, headers: [:], body: Data(event.data.utf8)).document
        if let text = document["text"]?.text { return Data(text.utf8) }
        guard let data = document["base64"]?.text.flatMap({ Data(base64Encoded: $0) }) else {
            throw .notUnderstood("an event has no bytes")
        }
        return data
    }
}
