import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import PanalCore
import PanalService
import Synchronization
import Testing

@testable import PanalHTTP

/// Publications whose client, or whose client's right, is gone before their tests have ended; and what refused ones leave.
@Suite("Publications that come to nothing") struct PublicationEndTests {
    private static let manifest = """
        {"name": "Probado", "inputs": [{"name": "f", "type": "file", "optional": true}],
         "tests": [{"inputs": {"f": {"name": "a", "text": "inline"}}}, {"inputs": {"f": "run.sh"}}]}
        """

    private static func body(_ token: String? = nil, number: Int = 0) -> MultipartBody {
        var body = MultipartBody()
        if let token { body.add("_csrf", token) }
        body.add("manifest", manifest)
        body.add("program", fileName: "run.sh", Array("#!/bin/sh\n# \(number)\n".utf8))
        return body
    }

    private static func headers(_ headers: HTTPFields) -> HTTPFields {
        var headers = headers
        headers[.contentType] = MultipartBody.contentType[.contentType]
        return headers
    }

    private static func waitUntil(_ condition: () async throws -> Bool) async throws {
        for _ in 0..<2_000 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("it did not come true within twenty seconds")
    }

    enum Leaving: Sendable, CaseIterable { case hangsUp, resets, saysNothingMore }

    /// Its cells are free for others, and nothing is left.
    @Test(arguments: Leaving.allCases) func aClientThatGoesEndsItsTests(leaving: Leaving) async throws {
        try await Site.listen { site, port in
            let before = try site.stored
            let runs = site.executor.attempts.withLock(\.count)
            site.executor.script.withLock { $0 = Script(isEndless: true) }
            let connection = try RawConnection(port: port)
            let body = Array(Self.body().ended.readableBytesView)
            try await connection.send(
                "POST /api/v1/programs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(site.owner.key)\r\n"
                    + "Content-Type: \(MultipartBody.contentType[.contentType] ?? "")\r\n"
                    + "Content-Length: \(body.count)\r\n\r\n")
            try await connection.send(body)
            try await Self.waitUntil { site.executor.attempts.withLock(\.count) == runs + 1 }
            #expect(await site.panal.health().runningJobs == 1)
            switch leaving {
            case .hangsUp: connection.hangUp()
            case .resets: connection.reset()
            case .saysNothingMore: connection.halfClose()
            }
            try await Self.waitUntil { await site.panal.health().runningJobs == 0 }
            try await Self.waitUntil { try site.stored == before }
            let owner = try #require(site.owner.principal)
            #expect(try await !site.panal.programs(owner).contains { $0.program.name == "probado" })
            #expect(site.executor.attempts.withLock(\.count) == runs + 1)
        }
    }

    /// One that stays has its answer on the same connection, and the next one too.
    @Test func aClientThatStaysIsAnswered() async throws {
        try await Site.listen { site, port in
            let connection = try RawConnection(port: port)
            for number in 1...2 {
                let body = Array(Self.body(number: number).ended.readableBytesView)
                try await connection.send(
                    "POST /api/v1/programs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(site.owner.key)\r\n"
                        + "Content-Type: \(MultipartBody.contentType[.contentType] ?? "")\r\n"
                        + "Content-Length: \(body.count)\r\n\r\n")
                try await connection.send(body)
                let isAnswered = try await connection.read {
                    $0.text.components(separatedBy: "HTTP/1.1 201").count == number + 1
                        && $0.text.components(separatedBy: "\"latest\"").count == number + 1
                }
                #expect(isAnswered, "\(connection.text)")
            }
        }
    }

    enum End: Sendable, CaseIterable { case keyRevoked, userBlocked, signedOut }

    /// Tests may take ten minutes: who may not publish any more by then does not.
    @Test(arguments: End.allCases) func accessThatEndsMeanwhilePublishesNothing(end: End) async throws {
        try await Site.open { site, client in
            let owner = try #require(site.owner.principal)
            let root = try #require(site.administrator.principal)
            let panal = site.panal
            let before = try site.stored
            let key = try await panal.createKey(owner, label: "other", lifetime: nil)
            let session = try await panal.signIn(name: "ana", password: "a-long-password", from: "here")
            site.executor.meanwhile.withLock {
                $0 = {
                    switch end {
                    case .keyRevoked: try? await panal.revokeKey(owner, key.key.id)
                    case .userBlocked: _ = try? await panal.setStatus(root, user: owner.user, to: .disabled)
                    case .signedOut: try? await panal.signOut(token: session.token)
                    }
                }
            }
            let answer =
                end == .signedOut
                ? try await client.send(
                    .post, "/publish", Self.headers([.cookie: "panal_session=\(session.token)"]),
                    body: Self.body(session.csrf).ended)
                : try await client.send(
                    .post, "/api/v1/programs", Self.headers([.authorization: "Bearer \(key.secret)"]),
                    body: Self.body().ended)
            if end == .signedOut {
                // As everybody who is not signed in.
                #expect([.seeOther, .unauthorized].contains(answer.status), "\(answer.status)")
                #expect(answer.headers[.location]?.contains("/programs/") != true)
            } else {
                #expect(answer.status == .unauthorized, "\(answer.text)")
                #expect(answer.text.contains("nothing was published"))
            }
            #expect(try await !panal.programs(root).contains { $0.program.name == "probado" })
            #expect(try site.stored == before)
        }
    }

    /// A form that is refused at once, tests that fail, and a program that passes: no archive and no test's file stays, and what fails
    /// leaves no program.
    @Test func uploadsGoWithTheirPublication() async throws {
        try await Site.open { site, client in
            let before = try site.stored
            func publish(_ body: MultipartBody) async throws -> HTTPResponse.Status {
                try await client.send(
                    .post, "/api/v1/programs", Self.headers(site.owner.bearer), body: body.ended
                ).status
            }
            var unknown = Self.body()
            unknown.add("nonsense", "1")
            #expect(try await publish(unknown) == .unprocessableContent)
            #expect(try site.stored == before)
            site.executor.script.withLock { $0 = Script(outcome: .exited(code: 1)) }
            for number in 0..<10 {
                #expect(try await publish(Self.body(number: number)) == .unprocessableContent)
                #expect(try site.stored == before)
            }
            site.executor.script.withLock { $0 = Script() }
            #expect(try await publish(Self.body()) == .created)
            let new = try site.stored.subtracting(before)
            #expect(new.filter { $0.hasSuffix("/run.sh") }.count == 1)
            // Its folder and its file.
            #expect(new.count == 2, "\(new)")
        }
    }
}
