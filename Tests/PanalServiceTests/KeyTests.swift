import PanalCore
import Testing

@testable import PanalService

@Suite struct KeyTests {
    @Test func keysOpenUntilTheyEnd() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        let (key, secret) = try await panal.createKey(fixture.ana, label: " ci ", lifetime: .seconds(60))
        #expect(key.label == "ci")
        #expect(secret.hasPrefix("pnl_\(key.id)_"))
        let principal = try #require(try await panal.principal(apiKey: secret))
        #expect(principal.user == fixture.ana.user && principal.role == .user)
        #expect(
            principal.key == KeyGrant(id: key.id, scopes: [.read, .jobs, .programs, .account], expires: key.expires))
        #expect(try await panal.keys(fixture.ana).map(\.id) == [key.id])
        #expect(try await panal.key(fixture.ana, key.id).expires == key.expires)
        await refused(.notFound) { _ = try await panal.key(fixture.berta, key.id) }
        #expect(try await panal.keys(fixture.berta).isEmpty)
        let last = try #require(secret.last)
        let wrong = [
            "", "pnl__", "pnl_\(key.id)_", String(secret.dropLast()), secret.dropLast() + (last == "a" ? "b" : "a"),
            "xnl" + secret.dropFirst(3), secret + "_", secret.uppercased(),
        ]
        for text in wrong { #expect(try await panal.principal(apiKey: text) == nil, "\(text)") }
        fixture.clock.advance(.seconds(60))
        #expect(try await panal.principal(apiKey: secret) == nil)

        let (lasting, lastingSecret) = try await panal.createKey(fixture.ana, label: "x", lifetime: nil)
        await refused(.notFound) { try await panal.revokeKey(fixture.berta, lasting.id) }
        #expect(try await panal.principal(apiKey: lastingSecret)?.user == fixture.ana.user)
        try await panal.revokeKey(fixture.ana, lasting.id)
        #expect(try await panal.principal(apiKey: lastingSecret) == nil)
        await refused(.notFound) { try await panal.revokeKey(fixture.ana, lasting.id) }
        for label in ["", "  ", String(repeating: "x", count: 81), "a\nb"] {
            await refused(.invalid) { _ = try await panal.createKey(fixture.ana, label: label, lifetime: nil) }
        }
    }

    private static func enter(
        _ fixture: ServiceFixture, as principal: Principal, _ scopes: Set<KeyScope>?, lifetime: Duration? = nil
    ) async throws -> Principal {
        let made = try await fixture.panal.createKey(principal, label: "k", lifetime: lifetime, scopes: scopes)
        return try #require(try await fixture.panal.principal(apiKey: made.secret))
    }

    /// Nobody gets out of a key's bounds by making another one.
    @Test func aKeyMakesNoKeyThatMayMore() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        await refused(.forbidden) {
            _ = try await panal.createKey(fixture.ana, label: "x", lifetime: nil, scopes: [.administration])
        }
        await refused(.invalid) { _ = try await panal.createKey(fixture.ana, label: "x", lifetime: nil, scopes: []) }
        let small = try await Self.enter(fixture, as: fixture.admin, [.account, .read], lifetime: .seconds(60))
        for scopes: Set<KeyScope> in [[.jobs], [.read, .jobs], [.administration], Set(KeyScope.allCases)] {
            let error = await refused(.forbidden) {
                _ = try await panal.createKey(small, label: "x", lifetime: .seconds(1), scopes: scopes)
            }
            #expect(error?.mistakes.map(\.pointer) == ["/scopes"])
        }
        await refused(.forbidden) { _ = try await panal.createKey(small, label: "x", lifetime: .seconds(61)) }
        // What is left out is the key's own.
        let (child, _) = try await panal.createKey(small, label: "x", lifetime: nil)
        #expect(child.scopes == [.account, .read])
        #expect(child.expires == small.key?.expires)
    }

    @Test func aKeyRenewsNoKeyThatMayMore() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        let (large, largeSecret) = try await panal.createKey(fixture.ana, label: "large", lifetime: nil)
        let small = try await Self.enter(fixture, as: fixture.ana, [.account])
        let short = try await Self.enter(fixture, as: fixture.ana, nil, lifetime: .seconds(60))
        await refused(.forbidden) { _ = try await panal.rotateKey(small, large.id, grace: .zero) }
        await refused(.forbidden) { _ = try await panal.rotateKey(short, large.id, grace: .zero) }
        for other in [fixture.berta, fixture.admin] {
            await refused(.notFound) { _ = try await panal.rotateKey(other, large.id, grace: .zero) }
        }
        #expect(try await panal.principal(apiKey: largeSecret) != nil)
        // Itself it may.
        let own = try #require(small.key)
        #expect(try await panal.rotateKey(small, own.id, grace: .zero).key.scopes == [.account])
    }

    @Test func theSecretBeforeIsTakenForItsGrace() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        let (key, first) = try await panal.createKey(fixture.ana, label: "ci", lifetime: .seconds(1_000))
        let second = try await panal.rotateKey(fixture.ana, key.id, grace: .seconds(60))
        #expect(second.key.expires == key.expires)
        #expect(try await panal.principal(apiKey: first)?.key == panal.principal(apiKey: second.secret)?.key)
        #expect(try await panal.keys(fixture.ana).first?.previousHoldsUntil == second.key.previousHoldsUntil)
        fixture.clock.advance(.seconds(59))
        #expect(try await panal.principal(apiKey: first) != nil)
        fixture.clock.advance(.seconds(1))
        #expect(try await panal.principal(apiKey: first) == nil)
        #expect(try await panal.principal(apiKey: second.secret) != nil)
        let fifth = try await panal.rotateKey(fixture.ana, key.id, grace: .zero)
        #expect(try await panal.principal(apiKey: second.secret) == nil)
        for grace in [Duration.seconds(-1), Panal.longestGrace + .seconds(1)] {
            await refused(.invalid) { _ = try await panal.rotateKey(fixture.ana, key.id, grace: grace) }
        }
        // Neither a grace nor a rotation gives an expired key life.
        _ = try await panal.rotateKey(fixture.ana, key.id, grace: .seconds(86_400))
        fixture.clock.advance(.seconds(1_000))
        #expect(try await panal.principal(apiKey: fifth.secret) == nil)
        await refused(.conflict) { _ = try await panal.rotateKey(fixture.ana, key.id, grace: .zero) }
    }

    /// Who was promised an hour has it, whoever rotates meanwhile; only somebody who wants all earlier secrets gone takes it.
    @Test func aGraceIsNotCutShortUnasked() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        let (key, first) = try await panal.createKey(fixture.ana, label: "ci", lifetime: nil)
        let second = try await panal.rotateKey(fixture.ana, key.id, grace: .seconds(3_600))
        let end = try #require(second.key.previousHoldsUntil)
        fixture.clock.advance(.seconds(600))
        let refusal = await refused(.conflict) {
            _ = try await panal.rotateKey(fixture.ana, key.id, grace: .seconds(60))
        }
        #expect(refusal?.detail.contains(end.rfc3339) == true)
        #expect(refusal?.numbers["until"] == .string(end.rfc3339))
        #expect(refusal?.retryAfter == .seconds(3_000))
        for secret in [first, second.secret] { #expect(try await panal.principal(apiKey: secret) != nil) }
        // Its time is over.
        fixture.clock.advance(.seconds(3_000))
        let third = try await panal.rotateKey(fixture.ana, key.id, grace: .seconds(60))
        #expect(try await panal.principal(apiKey: first) == nil)
        #expect(try await panal.principal(apiKey: second.secret) != nil)
        // Without grace all earlier ones end, which is what it is asked for.
        let fourth = try await panal.rotateKey(fixture.ana, key.id, grace: .zero)
        for secret in [second.secret, third.secret] { #expect(try await panal.principal(apiKey: secret) == nil) }
        #expect(try await panal.principal(apiKey: fourth.secret) != nil)
        _ = try await panal.rotateKey(fixture.ana, key.id, grace: .seconds(60))
        #expect(try await panal.principal(apiKey: fourth.secret) != nil)
    }

    @Test func theLastUseIsNotedOnceAMinute() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        let (key, secret) = try await panal.createKey(fixture.ana, label: "ci", lifetime: nil)
        #expect(try await panal.key(fixture.ana, key.id).lastUsed == nil)
        // A wrong secret is no use.
        #expect(try await panal.principal(apiKey: "pnl_\(key.id)_x") == nil)
        let first = fixture.clock.now()
        _ = try await panal.principal(apiKey: secret)
        try await eventually { try await panal.key(fixture.ana, key.id).lastUsed == first }
        fixture.clock.advance(.seconds(59))
        _ = try await panal.principal(apiKey: secret)
        fixture.clock.advance(.seconds(1))
        let second = fixture.clock.now()
        _ = try await panal.principal(apiKey: secret)
        try await eventually { try await panal.key(fixture.ana, key.id).lastUsed == second }
    }
}
