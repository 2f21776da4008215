import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import PanalCore

/// Talks to a server's programming interface. Refusals come as ``CommandFailure`` with the server's own words.
struct PanalClient {
    private let server: String
    private let key: String
    /// Answers are small documents.
    private static let largestAnswer = 4 * 1_048_576

    init(server: String, key: String) throws {
        guard server.hasPrefix("http://") || server.hasPrefix("https://") else {
            throw CommandFailure("‘\(server)’ is not an address of a server; write http://127.0.0.1:8080")
        }
        self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
        self.key = key
    }

    func get(_ path: String) async throws -> JSONValue {
        try await answer(to: HTTPClientRequest(url: server + path))
    }

    func post(_ path: String, form: MultipartForm) async throws -> JSONValue {
        var request = HTTPClientRequest(url: server + path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "multipart/form-data; boundary=\(form.boundary)")
        request.body = .stream(form, length: .known(form.length))
        return try await answer(to: request)
    }

    private func answer(to request: HTTPClientRequest) async throws -> JSONValue {
        var request = request
        request.headers.add(name: "Authorization", value: "Bearer \(key)")
        request.headers.add(name: "Accept", value: "application/json")
        // A server that is not there is to be said at once, not after retries.
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(5)
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let answer = try await answer(to: request, by: client)
            try await client.shutdown()
            return answer
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private func answer(to request: HTTPClientRequest, by client: HTTPClient) async throws -> JSONValue {
        let response: HTTPClientResponse
        do {
            response = try await client.execute(request, timeout: .hours(1))
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("\(server) does not answer: \(error)")
        }
        let body = try await response.body.collect(upTo: Self.largestAnswer)
        let document = try? JSONValue(parsing: Data(buffer: body))
        guard (200..<300).contains(response.status.code) else {
            throw Self.refusal(status: response.status, document: document)
        }
        guard let document else { throw CommandFailure("\(server) answered, but not as a Panal server does") }
        return document
    }

    /// RFC 9457: title, detail, and each mistake with its place.
    private static func refusal(status: HTTPResponseStatus, document: JSONValue?) -> CommandFailure {
        guard case .object(let fields)? = document else {
            return CommandFailure("the server refused: \(status.code) \(status.reasonPhrase)")
        }
        func text(_ key: String, of fields: [String: JSONValue]) -> String? {
            if case .string(let text)? = fields[key], !text.isEmpty { text } else { nil }
        }
        var lines = [
            [text("title", of: fields), text("detail", of: fields)].compactMap(\.self).joined(separator: ": ")
        ]
        if case .array(let mistakes)? = fields["errors"] {
            for case .object(let mistake) in mistakes {
                lines.append("  \(text("pointer", of: mistake) ?? "")  \(text("detail", of: mistake) ?? "")")
            }
        }
        return CommandFailure(lines.joined(separator: "\n"))
    }
}
