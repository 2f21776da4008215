import PanalCore
import PanalScheduler
import Testing

@testable import PanalService

/// Groups and restrictions: who may set them, what they do to jobs that come, wait and run, and that they last.
@Suite struct TenancyTests {
    private static func group(
        _ fixture: ServiceFixture, _ name: String, of members: [Principal], _ change: GroupChange = GroupChange()
    ) async throws -> UserGroup {
        let group = try await fixture.panal.createGroup(fixture.admin, name: name, change)
        for member in members { try await fixture.panal.addMember(fixture.admin, member.user, to: group.id) }
        return group
    }

    /// Every verb about others is an administrator's, whatever id is named.
    @Test func onlyAdministratorsManage() async throws {
        let fixture = try await ServiceFixture()
        let (panal, ana) = (fixture.panal, fixture.ana)
        let group = try await Self.group(fixture, "lab", of: [fixture.berta])
        await refused(.forbidden) { _ = try panal.groups(ana) }
        await refused(.forbidden) { _ = try panal.group(ana, group.id) }
        await refused(.forbidden) { _ = try await panal.createGroup(ana, name: "mine", GroupChange()) }
        await refused(.forbidden) { _ = try await panal.changeGroup(ana, group.id, GroupChange(share: 9)) }
        await refused(.forbidden) { try await panal.deleteGroup(ana, group.id) }
        await refused(.forbidden) { _ = try await panal.members(ana, group.id) }
        await refused(.forbidden) { try await panal.addMember(ana, ana.user, to: group.id) }
        await refused(.forbidden) { try await panal.removeMember(ana, fixture.berta.user, from: group.id) }
        for subject in [RestrictionSubject.user(ana.user), .group(group.id)] {
            await refused(.forbidden) { _ = try await panal.restriction(ana, of: subject) }
            await refused(.forbidden) { try await panal.restrict(ana, subject, to: .none) }
        }
        await refused(.forbidden) { _ = try await panal.rights(ana, of: fixture.berta.user) }
        await refused(.forbidden) { _ = try await panal.setPool(ana, "local", isOpen: false) }
        await refused(.forbidden) { _ = try await panal.changeUser(ana, ana.user, role: .administrator) }
        #expect(try await panal.members(fixture.admin, group.id).map(\.name) == ["berta"])
        #expect(try await panal.users(fixture.admin).filter { $0.role == .administrator }.map(\.name) == ["admin"])
    }

    @Test func theLastAdministratorStaysOne() async throws {
        let fixture = try await ServiceFixture()
        let (panal, admin) = (fixture.panal, fixture.admin)
        await refused(.conflict) { _ = try await panal.changeUser(admin, admin.user, role: .user) }
        _ = try await panal.changeUser(admin, fixture.ana.user, role: .administrator)
        _ = try await panal.setStatus(admin, user: fixture.ana.user, to: .disabled)
        await refused(.conflict) { _ = try await panal.changeUser(admin, admin.user, role: .user) }
        _ = try await panal.setStatus(admin, user: fixture.ana.user, to: .available)
        #expect(try await panal.changeUser(admin, admin.user, role: .user).role == .user)
        await refused(.notFound) { _ = try await panal.changeUser(admin, .make(at: fixture.clock.now()), role: .user) }
    }

    @Test func namesThatAreNotKnownAreRefused() async throws {
        let fixture = try await ServiceFixture()
        let (panal, admin) = (fixture.panal, fixture.admin)
        let wrong = Restriction(
            profiles: ["small", "huge"], pools: ["moon"], allocator: "luck", repositories: [], runningCores: 0,
            queuedJobs: -1, storedBytes: .max, outputDays: 0)
        let error = await refused(.invalid) { try await panal.restrict(admin, .user(fixture.ana.user), to: wrong) }
        #expect(
            error?.mistakes.map(\.pointer) == [
                "/profiles", "/pools", "/allocator", "/repositories", "/runningCores", "/queuedJobs", "/storedBytes",
                "/outputDays",
            ])
        #expect(error?.mistakes.first?.detail == "there is no ‘huge’ here; there are small, half, xlarge")
        let nobody = UserID.make(at: fixture.clock.now())
        await refused(.notFound) { try await panal.restrict(admin, .user(nobody), to: .none) }
        await refused(.notFound) { _ = try await panal.restriction(admin, of: .user(nobody)) }
        await refused(.notFound) { try await panal.restrict(admin, .group(.make(at: fixture.clock.now())), to: .none) }
        #expect(try await panal.restriction(admin, of: .user(fixture.ana.user)) == .none)
        await refused(.notFound) { _ = try await panal.setPool(admin, "moon", isOpen: true) }
        let group = try await Self.group(fixture, "lab", of: [])
        await refused(.notFound) { try await panal.addMember(admin, nobody, to: group.id) }
        await refused(.notFound) { try await panal.removeMember(admin, fixture.ana.user, from: group.id) }
        await refused(.conflict) { _ = try await panal.createGroup(admin, name: "lab", GroupChange()) }
        for name in ["", "x", "Lab", "a b", String(repeating: "a", count: 41)] {
            await refused(.invalid) { _ = try await panal.createGroup(admin, name: name, GroupChange()) }
        }
        let bad = GroupChange(label: "\n", share: .nan, runningCores: 0, queuedJobs: -1)
        let mistakes = await refused(.invalid) { _ = try await panal.changeGroup(admin, group.id, bad) }?.mistakes
        #expect(mistakes?.map(\.pointer) == ["/label", "/share", "/runningCores", "/queuedJobs"])
    }

    @Test func aProfileThatIsNotAllowedIsRefusedWithTheAllowedOnes() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        try await fixture.publish()
        let group = try await Self.group(fixture, "lab", of: [fixture.ana])
        try await panal.restrict(fixture.admin, .group(group.id), to: Restriction(profiles: ["half", "xlarge"]))
        for profile in [nil, "small"] {
            let error = await refused(.invalid) { _ = try await fixture.submit(profile: profile) }
            #expect(
                error?.mistakes == [
                    Mistake(
                        pointer: "/profile", detail: "you may not use profile small; you may use half, xlarge")
                ])
        }
        #expect(try await panal.jobs(fixture.ana).isEmpty)
        #expect(panal.profiles(for: fixture.ana).map { $0.refusal != nil } == [true, false, true])
        _ = try await fixture.end(of: try await fixture.submit(profile: "half").id)
        #expect(try await panal.rights(fixture.ana).profiles == ["half", "xlarge"])
        // One's own replaces the group's; without a group there is none.
        try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: Restriction(profiles: ["small"]))
        await refused(.invalid) { _ = try await fixture.submit(profile: "half") }
        try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: .none)
        try await panal.deleteGroup(fixture.admin, group.id)
        _ = try await fixture.end(of: try await fixture.submit(profile: "small").id)
    }

    /// What waits is held to what holds now: limits, groups and pools.
    @Test func restrictionsReachJobsThatWait() async throws {
        let fixture = try await ServiceFixture(cores: 4, executor: .holds)
        let panal = fixture.panal
        try await fixture.publish()
        try await panal.restrict(
            fixture.admin, .user(fixture.ana.user), to: Restriction(runningCores: 1, queuedJobs: 1))
        let first = try await fixture.submit()
        try await eventually { try await panal.job(fixture.admin, first.id).state == .running }
        let second = try await fixture.submit()
        #expect(try await panal.job(fixture.admin, second.id).state == .queued)
        await refused(.overloaded) { _ = try await fixture.submit() }
        try await panal.restrict(
            fixture.admin, .user(fixture.ana.user), to: Restriction(runningCores: 2, queuedJobs: 1))
        try await eventually { try await panal.job(fixture.admin, second.id).state == .running }

        // Into a group that has all it may have already, and out of it.
        try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: .none)
        let group = try await Self.group(
            fixture, "lab", of: [fixture.ana], GroupChange(runningCores: .some(1)))
        let third = try await fixture.submit()
        try await eventually { try await panal.job(fixture.admin, third.id).state == .running }
        let fourth = try await fixture.submit()
        #expect(
            try await panal.job(fixture.ana, fourth.id).message
                == "needs 1 core, group ‘lab’ has 1 of at most 1 already")
        try await panal.removeMember(fixture.admin, fixture.ana.user, from: group.id)
        try await eventually { try await panal.job(fixture.admin, fourth.id).state == .running }
        await fixture.panal.shutdown()
    }

    @Test func aClosedPoolStartsNothingAlsoAfterARestart() async throws {
        let fixture = try await ServiceFixture(executor: .holds)
        try await fixture.publish()
        #expect(fixture.panal.pools == [PoolEntry(name: "local", isOpen: true, hosts: 1, cores: 2)])
        #expect(try await fixture.panal.setPool(fixture.admin, "local", isOpen: false).isOpen == false)
        let job = try await fixture.submit()
        #expect(
            try await fixture.panal.job(fixture.ana, job.id).message == "no host that it may run on is open")
        await fixture.panal.shutdown()
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 2, queueLimit: 10)
        #expect(try await next.panal.job(next.ana, job.id).state == .queued)
        #expect(next.panal.pools.map(\.isOpen) == [false])
        _ = try await next.panal.setPool(next.admin, "local", isOpen: true)
        #expect(try await next.end(of: job.id).state == .finished)
    }

    /// What was acknowledged before is not lost by a restart under tighter limits; groups and restrictions outlive it.
    @Test func limitsLastAndTakeNoAcknowledgedJobAway() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let jobs = [try await fixture.submit(), try await fixture.submit(), try await fixture.submit()]
        let group = try await Self.group(fixture, "lab", of: [fixture.ana], GroupChange(queuedJobs: .some(0)))
        try await fixture.panal.restrict(
            fixture.admin, .group(group.id), to: Restriction(allocator: "random", queuedJobs: 0))
        await refused(.overloaded) { _ = try await fixture.submit() }
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 1, queueLimit: 1)
        for job in jobs { #expect(try await next.end(of: job.id).state == .finished) }
        #expect(try await next.panal.rights(next.ana).queuedJobs == 0)
        #expect(try await next.panal.rights(next.ana).allocator == "random")
        #expect(try await next.panal.rights(next.ana).groups == [group])
        await fixture.panal.shutdown()
    }

    @Test func nobodyStoresMoreThanTheyMay() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        try await fixture.publish()
        let stored = try await panal.rights(fixture.ana).storedNow
        #expect(stored == "#!/bin/sh\necho hello\n".utf8.count)
        try await panal.restrict(
            fixture.admin, .user(fixture.ana.user), to: Restriction(storedBytes: stored + 1))
        _ = try await fixture.end(of: try await fixture.submit().id)
        let error = await refused(.forbidden) {
            try await fixture.publish(#"{"name": "second"}"#, script: "#!/bin/sh\nexit 1\n")
        }
        #expect(error?.detail.hasPrefix("you may have 22 bytes stored; your programs and results have") == true)
        try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: Restriction(storedBytes: stored))
        await refused(.forbidden) { _ = try await fixture.submit() }
        #expect(try await panal.jobs(fixture.ana).count == 1)
        // Others are not concerned.
        try await fixture.publish(#"{"name": "bertas"}"#, as: fixture.berta)
    }
}
