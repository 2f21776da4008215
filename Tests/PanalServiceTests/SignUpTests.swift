import PanalCore
import Testing

@testable import PanalService

@Suite struct SignUpTests {
    private static func open(_ mode: String) async throws -> ServiceFixture {
        let fixture = try await ServiceFixture()
        _ = try await fixture.panal.changeSettings(fixture.admin, ["signUp": .string(mode)])
        return fixture
    }

    private static func signUp(
        _ fixture: ServiceFixture, _ name: String, token: String? = nil, from address: String = "here"
    ) async throws -> User {
        try await fixture.panal.signUp(
            name: name, password: "a long password", invitation: token, from: address)
    }

    @Test func nobodySignsUpUnlessItIsSet() async throws {
        let fixture = try await ServiceFixture()
        let token = try await fixture.panal.createInvitation(fixture.admin, label: "x", lifetime: .seconds(60)).token
        await refused(.forbidden) { _ = try await Self.signUp(fixture, "carla") }
        await refused(.forbidden) { _ = try await Self.signUp(fixture, "carla", token: token) }
        #expect(try await fixture.panal.users(fixture.admin).count == 3)
    }

    @Test func everybodySignsUpWhereItIsOpenAndIsNobodySpecial() async throws {
        let fixture = try await Self.open("open")
        let carla = try await Self.signUp(fixture, "carla")
        #expect(carla.role == .user && carla.status == .available)
        _ = try await fixture.panal.signIn(name: "carla", password: "a long password", from: "here")
        await refused(.conflict) { _ = try await Self.signUp(fixture, "admin") }
        await refused(.invalid) { _ = try await Self.signUp(fixture, "Carla") }
        await refused(.invalid) {
            _ = try await fixture.panal.signUp(name: "dora", password: "short", invitation: nil, from: "there")
        }
        // A token that is none is no way in, even where none is needed: it was meant to give something.
        await refused(.forbidden) { _ = try await Self.signUp(fixture, "dora", token: "x", from: "there") }
    }

    @Test func anInvitationGivesItsRoleAndGroupOnce() async throws {
        let fixture = try await Self.open("invitation")
        let panal = fixture.panal
        let group = try await panal.createGroup(fixture.admin, name: "lab", GroupChange())
        let made = try await panal.createInvitation(
            fixture.admin, label: " for Carla ", lifetime: .seconds(60), role: .administrator, group: group.id)
        #expect(made.invitation.label == "for Carla")
        await refused(.forbidden) { _ = try await Self.signUp(fixture, "carla") }
        // A name that is taken does not use it up.
        await refused(.conflict) { _ = try await Self.signUp(fixture, "ana", token: made.token) }
        let carla = try await Self.signUp(fixture, "carla", token: made.token)
        #expect(carla.role == .administrator)
        #expect(try await panal.members(fixture.admin, group.id).map(\.name) == ["carla"])
        await refused(.forbidden) { _ = try await Self.signUp(fixture, "dora", token: made.token) }
        #expect(try await panal.invitations(fixture.admin).map(\.usedBy) == [carla.id])
    }

    @Test func whatExpiredOrWasTakenBackOpensNothing() async throws {
        let fixture = try await Self.open("invitation")
        let panal = fixture.panal
        let old = try await panal.createInvitation(fixture.admin, label: "x", lifetime: .seconds(60))
        fixture.clock.advance(.seconds(60))
        await refused(.forbidden) { _ = try await Self.signUp(fixture, "carla", token: old.token) }
        let revoked = try await panal.createInvitation(fixture.admin, label: "x", lifetime: .seconds(60))
        try await panal.revokeInvitation(fixture.admin, revoked.invitation.id)
        await refused(.forbidden) { _ = try await Self.signUp(fixture, "carla", token: revoked.token) }
        await refused(.notFound) { try await panal.revokeInvitation(fixture.admin, revoked.invitation.id) }
        await refused(.forbidden) {
            _ = try await panal.createInvitation(fixture.ana, label: "x", lifetime: .seconds(60), role: .administrator)
        }
        await refused(.forbidden) { _ = try await panal.invitations(fixture.ana) }
        await refused(.forbidden) { try await panal.revokeInvitation(fixture.ana, old.invitation.id) }
        await refused(.invalid) {
            _ = try await panal.createInvitation(
                fixture.admin, label: "x", lifetime: .seconds(60), group: .make(at: fixture.clock.now()))
        }
        for lifetime in [Duration.zero, Panal.longestInvitation + .seconds(1)] {
            await refused(.invalid) {
                _ = try await panal.createInvitation(fixture.admin, label: "x", lifetime: lifetime)
            }
        }
    }

    /// Twelve at the same time with one invitation: one becomes a user.
    @Test func anInvitationIsUsedOnceByManyAtOnce() async throws {
        let fixture = try await Self.open("invitation")
        let made = try await fixture.panal.createInvitation(fixture.admin, label: "x", lifetime: .seconds(60))
        let count = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<12 {
                group.addTask {
                    (try? await Self.signUp(fixture, "user\(number)", token: made.token, from: "a\(number)")) != nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(count == 1)
        #expect(try await fixture.panal.users(fixture.admin).count == 4)
    }

    /// From one address neither tokens are guessed nor users made by the thousand; others are not kept out by it.
    @Test func triesAreSlowedDown() async throws {
        let fixture = try await Self.open("open")
        for number in 0..<5 { _ = try await Self.signUp(fixture, "user\(number)", from: "there") }
        let error = await refused(.overloaded) { _ = try await Self.signUp(fixture, "user5", from: "there") }
        #expect(error?.retryAfter == .seconds(1))
        _ = try await Self.signUp(fixture, "user5", from: "here")
        fixture.clock.advance(.seconds(1))
        _ = try await Self.signUp(fixture, "user6", from: "there")
        await refused(.overloaded) { _ = try await Self.signUp(fixture, "user7", from: "there") }
    }
}
