import PanalCore
import Testing

@testable import PanalService

@Suite struct AccountTests {
    @Test func theFirstStartMakesAnAdministratorOnce() async throws {
        let fixture = try await ServiceFixture()
        #expect(fixture.admin.role == .administrator)
        #expect(fixture.admin.name == "admin")
        await refused(.conflict) { _ = try await fixture.panal.start() }
        // The next service on the same data finds users and makes none.
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 1, queueLimit: 1)
        #expect(try await next.panal.users(next.admin).map(\.name) == ["admin", "ana", "berta"])
    }

    @Test func sessionsLiveAndEnd() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        let first = try await panal.signIn(name: "ana", password: "ana password", from: "here")
        let second = try await panal.signIn(name: "ana", password: "ana password", from: "here")
        #expect(first.token != second.token)
        #expect(first.csrf != second.csrf)
        let info = try #require(try await panal.session(token: first.token))
        #expect(info.principal == fixture.ana)
        #expect(info.csrf == first.csrf)
        #expect(try await panal.session(token: first.csrf) == nil)
        try await panal.signOut(token: first.token)
        #expect(try await panal.session(token: first.token) == nil)
        fixture.clock.advance(fixture.configuration.sessionLifetime - .seconds(1))
        #expect(try await panal.session(token: second.token) != nil)
        fixture.clock.advance(.seconds(1))
        #expect(try await panal.session(token: second.token) == nil)
    }

    /// Neither name nor password is told to be the wrong one.
    @Test(arguments: [("ana", "berta password"), ("nobody", "ana password"), ("ANA", "ana password"), ("ana", "")])
    func wrongSignIns(name: String, password: String) async throws {
        let fixture = try await ServiceFixture()
        let error = await refused(.unauthenticated) {
            _ = try await fixture.panal.signIn(name: name, password: password, from: "here")
        }
        #expect(error?.detail == "the name or the password is wrong")
    }

    @Test func guessingIsSlowedDown() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        for name in ["ana", "nobody"] {
            for _ in 0..<5 {
                await refused(.unauthenticated) { _ = try await panal.signIn(name: name, password: "x", from: "there") }
            }
            let right = name + " password"
            let error = await refused(.overloaded) {
                _ = try await panal.signIn(name: name, password: right, from: "there")
            }
            #expect(error?.retryAfter == .seconds(1))
        }
        // Who comes from elsewhere is not kept out by somebody's guesses.
        _ = try await panal.signIn(name: "ana", password: "ana password", from: "here")
        fixture.clock.advance(.seconds(1))
        await refused(.unauthenticated) { _ = try await panal.signIn(name: "ana", password: "x", from: "there") }
        let error = await refused(.overloaded) {
            _ = try await panal.signIn(name: "ana", password: "ana password", from: "there")
        }
        #expect(error?.retryAfter == .seconds(2))
        fixture.clock.advance(.seconds(2))
        _ = try await panal.signIn(name: "ana", password: "ana password", from: "there")
    }

    @Test func guessesFromEverywhereAreSlowedDownToo() async throws {
        let rule = ThrottleRule(tries: 5, triesAltogether: 8, longest: .seconds(4), memory: .seconds(60))
        let fixture = try await ServiceFixture(throttle: rule)
        for number in 0..<8 {
            await refused(.unauthenticated) {
                _ = try await fixture.panal.signIn(name: "ana", password: "x", from: "address \(number)")
            }
        }
        await refused(.overloaded) {
            _ = try await fixture.panal.signIn(name: "ana", password: "ana password", from: "address 9")
        }
        fixture.clock.advance(.seconds(60))
        _ = try await fixture.panal.signIn(name: "ana", password: "ana password", from: "address 9")
    }

    /// Guesses side by side get no more tries than guesses one after the other.
    /// One's own wrong guesses at one's own password are nobody else's.
    @Test func wrongOldPasswordsSlowTheirOwnerAlone() async throws {
        let rule = ThrottleRule(tries: 3, triesAltogether: 3, longest: .seconds(60), memory: .seconds(600))
        let fixture = try await ServiceFixture(throttle: rule)
        for _ in 1...3 {
            await refused(.invalid) {
                try await fixture.panal.changePassword(fixture.ana, old: "wrong", new: "a new password")
            }
        }
        await refused(.overloaded) {
            try await fixture.panal.changePassword(fixture.ana, old: "wrong", new: "a new password")
        }
        try await fixture.panal.changePassword(fixture.berta, old: "berta password", new: "a new password")
    }

    /// A clock that is set back by hours locks nobody out for hours.
    @Test func aClockThatIsSetBackLocksNobodyOut() async throws {
        let rule = ThrottleRule(tries: 1, triesAltogether: 30, longest: .seconds(60), memory: .seconds(600))
        let fixture = try await ServiceFixture(throttle: rule)
        await refused(.unauthenticated) { _ = try await fixture.panal.signIn(name: "ana", password: "no", from: "x") }
        await refused(.overloaded) { _ = try await fixture.panal.signIn(name: "ana", password: "no", from: "x") }
        fixture.clock.advance(.seconds(-7_200))
        _ = try await fixture.panal.signIn(name: "ana", password: "ana password", from: "x")
    }

    /// One character can have a million bytes, and the throttle remembers each name for an hour.
    @Test func longNamesAreCutByBytes() async throws {
        let rule = ThrottleRule(tries: 1, triesAltogether: 30, longest: .seconds(60), memory: .seconds(600))
        let fixture = try await ServiceFixture(throttle: rule)
        let long = "a" + String(repeating: "\u{301}", count: 100_000)
        await refused(.unauthenticated) { _ = try await fixture.panal.signIn(name: long, password: "no", from: "x") }
        await refused(.overloaded) {
            _ = try await fixture.panal.signIn(name: long + "\u{301}", password: "no", from: "x")
        }
    }

    @Test func guessingInParallelGainsNothing() async throws {
        let fixture = try await ServiceFixture()
        let looked = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<12 {
                group.addTask {
                    do {
                        _ = try await fixture.panal.signIn(name: "ana", password: "x", from: "there")
                        return true
                    } catch let error as ServiceError {
                        return error.code == .unauthenticated
                    } catch { return true }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(looked == 5)
    }

    /// Whoever is not available has no session, no key and no sign-in; afterwards keys work again, sessions do not.
    @Test(arguments: [UserStatus.disabled, .blocked])
    func whoIsNotAvailableStaysOut(status: UserStatus) async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        let session = try await panal.signIn(name: "ana", password: "ana password", from: "here")
        let (_, secret) = try await panal.createKey(fixture.ana, label: "ci", lifetime: nil)
        _ = try await panal.setStatus(fixture.admin, user: fixture.ana.user, to: status)
        #expect(try await panal.session(token: session.token) == nil)
        #expect(try await panal.principal(apiKey: secret) == nil)
        await refused(.forbidden) { _ = try await panal.signIn(name: "ana", password: "ana password", from: "here") }
        await refused(.unauthenticated) { _ = try await panal.signIn(name: "ana", password: "wrong", from: "here") }
        _ = try await panal.setStatus(fixture.admin, user: fixture.ana.user, to: .available)
        #expect(try await panal.session(token: session.token) == nil)
        #expect(try await panal.principal(apiKey: secret)?.user == fixture.ana.user)
    }

    @Test func passwordsChange() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        let session = try await panal.signIn(name: "ana", password: "ana password", from: "here")
        await refused(.invalid) { try await panal.changePassword(fixture.ana, old: "wrong", new: "long enough") }
        await refused(.invalid) { try await panal.changePassword(fixture.ana, old: "ana password", new: "too short") }
        #expect(try await panal.session(token: session.token) != nil)
        try await panal.changePassword(fixture.ana, old: "ana password", new: "ten letter")
        #expect(try await panal.session(token: session.token) == nil)
        await refused(.unauthenticated) { _ = try await panal.signIn(name: "ana", password: "ana password", from: "x") }
        _ = try await panal.signIn(name: "ana", password: "ten letter", from: "here")
        let reset = try await panal.resetPassword(fixture.admin, user: fixture.ana.user)
        _ = try await panal.signIn(name: "ana", password: reset, from: "here")
    }

    /// The parameters that are used in earnest do work; everything else here uses cheap ones. The one before stays good.
    @Test func theStandardCostWorks() async throws {
        let passwords = Passwords(cost: .standard)
        let credential = try await passwords.makeCredential(for: "correct horse")
        #expect(credential.costExponent == 17)
        let cheap = Passwords(cost: ServiceFixture.cheap)
        #expect(try await cheap.check("correct horse", against: credential))
        #expect(try await cheap.check("wrong horse", against: credential) == false)
        #expect(try await cheap.check("correct horse", against: nil) == false)
    }

    @Test func namesAndRoles() async throws {
        let fixture = try await ServiceFixture()
        let (panal, admin) = (fixture.panal, fixture.admin)
        for name in ["", "a", "Ana", "a b", "ñandú", String(repeating: "a", count: 41), "a/b"] {
            await refused(.invalid) { _ = try await panal.createUser(admin, name: name, password: nil, role: .user) }
        }
        await refused(.conflict) { _ = try await panal.createUser(admin, name: "ana", password: nil, role: .user) }
        await refused(.invalid) { _ = try await panal.createUser(admin, name: "new", password: "short", role: .user) }
        let (_, password) = try await panal.createUser(admin, name: "new", password: nil, role: .administrator)
        #expect(try await panal.signIn(name: "new", password: password, from: "here").principal.isAdministrator)
    }

    @Test func onlyAdministratorsAdminister() async throws {
        let fixture = try await ServiceFixture()
        let (panal, ana) = (fixture.panal, fixture.ana)
        await refused(.forbidden) { _ = try await panal.users(ana) }
        await refused(.forbidden) { _ = try await panal.createUser(ana, name: "new", password: nil, role: .user) }
        await refused(.forbidden) { _ = try await panal.setStatus(ana, user: fixture.berta.user, to: .blocked) }
        await refused(.forbidden) { _ = try await panal.resetPassword(ana, user: fixture.berta.user) }
        await refused(.forbidden) { _ = try await panal.jobs(ana, everyone: true) }
        await refused(.conflict) {
            _ = try await panal.setStatus(fixture.admin, user: fixture.admin.user, to: .disabled)
        }
        #expect(try await panal.users(fixture.admin).map(\.name) == ["admin", "ana", "berta"])
    }
}
