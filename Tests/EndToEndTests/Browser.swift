import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// An HTTP client that keeps cookies and follows no redirect by itself.
final class Browser {
    struct Answer {
        var status: Int
        var location: String?
        var text: String

        /// The value of the hidden field with the form's token.
        var token: String? {
            text.firstMatch(of: /name="_csrf" value="([^"]+)"/).map { String($0.1) }
        }

        var json: [String: Any] {
            get throws {
                guard let value = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else {
                    throw RunningServer.Failure(reason: "no object: \(text)")
                }
                return value
            }
        }
    }

    /// May change with the server.
    var address: String
    private let client: HTTPClient
    private var isClosed = false
    private var cookies: [String: String] = [:]
    /// Sent with each request when set; then no cookies are.
    var key: String?

    init(address: String) {
        self.address = address
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        // Where nobody listens any more nobody will.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// A test that fails does not get to its end.
    deinit {
        if !isClosed { try? client.syncShutdown() }
    }

    func close() async throws {
        isClosed = true
        try await client.shutdown()
    }

    func get(_ path: String) async throws -> Answer {
        try await send(HTTPClientRequest(url: address + path))
    }

    func delete(_ path: String) async throws -> Answer {
        var request = HTTPClientRequest(url: address + path)
        request.method = .DELETE
        return try await send(request)
    }

    /// A JSON object.
    func post(_ path: String, json: [String: any Sendable]) async throws -> Answer {
        var request = HTTPClientRequest(url: address + path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: json)))
        return try await send(request)
    }

    /// Publishes a script by the programming interface.
    func publish(_ script: String, manifest: String) async throws {
        let published = try await post(
            "/api/v1/programs", fields: [:],
            files: ["manifest": ("manifest.json", manifest), "program": ("program.sh", script)])
        #expect(published.status == 201, "\(published.text)")
    }

    /// Signs in as the page does and makes a key on the account page.
    func makeKey(password: String, scopes: String = "read jobs programs") async throws -> String {
        let token = try #require(try await get("/sign-in").token)
        let right = try await post(
            "/sign-in", fields: ["_csrf": token, "name": "admin", "password": password, "return": "/account"])
        #expect(right.status == 303)
        #expect(right.location == "/account")
        let account = try await get("/account")
        let made = try await post(
            "/account/keys",
            fields: [
                "_csrf": try #require(account.token), "label": "end to end", "days": "", "scope": scopes,
            ])
        return try #require(made.text.firstMatch(of: /pnl_[0-9a-z]+_[0-9a-z]+/).map { String($0.0) })
    }

    /// A form without files.
    func post(_ path: String, fields: [String: String]) async throws -> Answer {
        var request = HTTPClientRequest(url: address + path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        let pairs = fields.map { "\(Self.escaped($0.key))=\(Self.escaped($0.value))" }
        request.body = .bytes(ByteBuffer(string: pairs.joined(separator: "&")))
        return try await send(request)
    }

    /// A form with files, as a browser sends it.
    func post(
        _ path: String, fields: [String: String], files: [String: (name: String, content: String)],
        headers: [String: String] = [:]
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: address + path)
        request.method = .POST
        let boundary = "----panal\(UInt64.random(in: 0 ... .max))"
        request.headers.add(name: "Content-Type", value: "multipart/form-data; boundary=\(boundary)")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        var body = ""
        for (name, value) in fields {
            body += "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n"
        }
        for (name, file) in files {
            body += "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"\(file.name)\"\r\n"
            body += "Content-Type: application/octet-stream\r\n\r\n\(file.content)\r\n"
        }
        request.body = .bytes(ByteBuffer(string: body + "--\(boundary)--\r\n"))
        return try await send(request)
    }

    private func send(_ request: HTTPClientRequest) async throws -> Answer {
        var request = request
        if let key {
            request.headers.add(name: "Authorization", value: "Bearer \(key)")
        } else if !cookies.isEmpty {
            let pairs = cookies.map { "\($0.key)=\($0.value)" }
            request.headers.add(name: "Cookie", value: pairs.joined(separator: "; "))
        }
        let response = try await client.execute(request, timeout: .seconds(60))
        for header in response.headers["Set-Cookie"] {
            guard let pair = header.split(separator: ";").first, let equals = pair.firstIndex(of: "=") else { continue }
            cookies[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
        let body = try await response.body.collect(upTo: 16 * 1_048_576)
        return Answer(
            status: Int(response.status.code), location: response.headers.first(name: "Location"),
            text: String(buffer: body))
    }

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
    }
}
