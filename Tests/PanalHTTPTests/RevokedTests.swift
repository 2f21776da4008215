import Foundation
import PanalCore
@testable import PanalHTTP
import PanalService
import Testing

/// Answers that are under way when their reader's access ends, over real connections. No heart beats while these tests run: what ends
/// them is the change itself.
@Suite("Access that ends meanwhile") struct RevokedTests {
    private static let silent = WebConfiguration(
        heartbeat: .seconds(3_600), clockReadings: .milliseconds(10))

    enum End: String, Sendable, CaseIterable {
        case keyRevoked, keyRevokedByAdministrator, keyRotated, keyExpired
        case userBlocked, userDisabled
        case signedOut, passwordChanged, passwordReset
    }

    private struct Reader {
        var header: String
        var end: () async throws -> Void
    }

    /// Somebody who may read the owner's job, and how their access ends.
    private static func reader(_ end: End, _ site: Site) async throws -> Reader {
        let owner = try #require(site.owner.principal)
        let root = try #require(site.administrator.principal)
        let panal = site.panal
        let lifetime: Duration? = end == .keyExpired ? .seconds(3_600) : nil
        let made = try await panal.createKey(owner, label: "reader", lifetime: lifetime)
        let key = "Authorization: Bearer \(made.secret)"
        let session = try await panal.signIn(name: "ana", password: "a-long-password", from: "reader")
        let cookie = "Cookie: panal_session=\(session.token)"
        return switch end {
        case .keyRevoked: Reader(header: key) { try await panal.revokeKey(owner, made.key.id) }
        case .keyRevokedByAdministrator: Reader(header: key) { try await panal.revokeKey(root, made.key.id) }
        case .keyRotated: Reader(header: key) { _ = try await panal.rotateKey(owner, made.key.id, grace: .zero) }
        case .keyExpired: Reader(header: key) { site.clock.step(.seconds(3_600)) }
        case .userBlocked: Reader(header: key) { _ = try await panal.setStatus(root, user: owner.user, to: .blocked) }
        case .userDisabled:
            Reader(header: cookie) { _ = try await panal.setStatus(root, user: owner.user, to: .disabled) }
        case .signedOut: Reader(header: cookie) { try await panal.signOut(token: session.token) }
        case .passwordChanged:
            Reader(header: cookie) {
                try await panal.changePassword(owner, old: "a-long-password", new: "another-long-one")
            }
        case .passwordReset: Reader(header: cookie) { _ = try await panal.resetPassword(root, user: owner.user) }
        }
    }

    private static func stream(_ path: String, _ header: String, _ port: Int) async throws -> RawConnection {
        let connection = try RawConnection(port: port)
        try await connection.send(
            "GET \(path) HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\(header)\r\n\r\n")
        #expect(try await connection.read { $0.text.contains("retry: 1000") }, "\(connection.text)")
        return connection
    }

    private static let lastChunk = "\r\n0\r\n\r\n"

    @Test(arguments: End.allCases, ["events", "stdout"]) func anOpenStreamEnds(end: End, kind: String) async throws {
        try await Site.listen(configuration: Self.silent) { site, port in
            let job = try await site.job(Script(isEndless: true))
            let path = "/api/v1/jobs/\(job)/\(kind)"
            let reader = try await Self.reader(end, site)
            let connection = try await Self.stream(path, reader.header, port)
            // Somebody else's access has not changed: the administrator reads on.
            let witness = try await Self.stream(path, "Authorization: Bearer \(site.administrator.key)", port)
            if kind == "events" { #expect(try await connection.read { $0.text.contains("\"queued\"") }) }
            #expect(!connection.text.contains("refused"))
            try await reader.end()
            #expect(try await connection.read { $0.text.hasSuffix(Self.lastChunk) }, "\(connection.text)")
            #expect(connection.text.contains("event: refused\ndata: {") && connection.text.contains("unauthenticated"))
            #expect(!connection.text.contains("event: end"))
            // What happens now is not told any more; the witness hears it.
            _ = try await site.panal.cancel(try #require(site.administrator.principal), job)
            #expect(try await witness.read { $0.text.contains("event: end") }, "\(witness.text)")
            #expect(!witness.text.contains("refused"))
            connection.take()
            #expect(!connection.text.contains("cancelled"))
        }
    }

    /// An administrator who is one no more must not read on what is somebody else's.
    @Test func whoIsNoAdministratorAnyMoreReadsNoLonger() async throws {
        try await Site.listen(configuration: Self.silent) { site, port in
            let root = try #require(site.administrator.principal)
            let ben = try #require(site.other.principal)
            _ = try await site.panal.changeUser(root, ben.user, role: .administrator)
            // A key that was made before is good for no more than it was.
            let key = try await site.panal.createKey(
                Principal(user: ben.user, name: ben.name, role: .administrator), label: "new", lifetime: nil)
            let job = try await site.job(Script(isEndless: true))
            let connection = try await Self.stream(
                "/api/v1/jobs/\(job)/stdout", "Authorization: Bearer \(key.secret)", port)
            _ = try await site.panal.changeUser(root, ben.user, role: .user)
            #expect(try await connection.read { $0.text.hasSuffix(Self.lastChunk) }, "\(connection.text)")
            #expect(connection.text.contains("event: refused"))
        }
    }

    /// A key of the same user that nobody touched goes on.
    @Test func otherKeysGoOn() async throws {
        try await Site.listen(configuration: Self.silent) { site, port in
            let owner = try #require(site.owner.principal)
            let made = try await site.panal.createKey(owner, label: "other", lifetime: nil)
            let job = try await site.job(Script(isEndless: true))
            let connection = try await Self.stream(
                "/api/v1/jobs/\(job)/events", "Authorization: Bearer \(site.owner.key)", port)
            try await site.panal.revokeKey(owner, made.key.id)
            _ = try await site.panal.cancel(owner, job)
            #expect(try await connection.read { $0.text.contains("event: end") }, "\(connection.text)")
            #expect(!connection.text.contains("refused"))
        }
    }

    /// An answer that is waited for tells nothing either.
    @Test func whoWaitsIsToldNothing() async throws {
        try await Site.listen { site, port in
            let owner = try #require(site.owner.principal)
            let made = try await site.panal.createKey(owner, label: "waits", lifetime: nil)
            let job = try await site.job(Script(isEndless: true))
            let connection = try RawConnection(port: port)
            try await connection.send(
                "GET /api/v1/jobs/\(job) HTTP/1.1\r\nHost: x\r\nPrefer: wait=30\r\nExpect: 100-continue\r\n"
                    + "Authorization: Bearer \(made.secret)\r\n\r\n")
            #expect(try await connection.isAnswered(100))
            try await Task.sleep(for: .seconds(1))
            try await site.panal.revokeKey(owner, made.key.id)
            _ = try await site.panal.cancel(owner, job)
            #expect(try await connection.read { $0.text.contains("HTTP/1.1 401") }, "\(connection.text)")
            #expect(!connection.text.contains("\"state\""), "\(connection.text)")
        }
    }

    /// Streams without number would cost the server more than they cost whoever opens them.
    @Test func liveAnswersOfOneUserAreCounted() async throws {
        try await Site.listen(configuration: Self.silent) { site, port in
            let job = try await site.job(Script(isEndless: true))
            let path = "/api/v1/jobs/\(job)/stdout"
            let header = "Authorization: Bearer \(site.owner.key)"
            var held: [RawConnection] = []
            for _ in 0..<LivePlaces.most { held.append(try await Self.stream(path, header, port)) }
            let more = try await Self.stream(path, header, port)
            #expect(try await more.read { $0.text.hasSuffix(Self.lastChunk) }, "\(more.text)")
            #expect(more.text.contains("event: refused") && more.text.contains("overloaded"))
            // Others are not concerned.
            let witness = try await Self.stream(path, "Authorization: Bearer \(site.administrator.key)", port)
            _ = try await site.panal.cancel(try #require(site.owner.principal), job)
            #expect(try await witness.read { $0.text.contains("event: end") }, "\(witness.text)")
            #expect(try await held[0].read { $0.text.contains("event: end") }, "\(held[0].text)")
            // What has ended is not counted any more.
            for connection in held { #expect(try await connection.read { $0.text.hasSuffix(Self.lastChunk) }) }
            let again = try await Self.stream(path, header, port)
            #expect(try await again.read { $0.text.contains("event: end") }, "\(again.text)")
        }
    }
}
