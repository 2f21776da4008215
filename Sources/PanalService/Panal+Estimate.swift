package import PanalCore
package import PanalManifest
import PanalPublication
import PanalScheduler

/// What would become of a submission, without making it.
package struct JobEstimate: Hashable, Sendable {
    /// Why a submission would be refused now; nil when it would be taken.
    package var refusal: ServiceError?
    /// What follows is nil where the submission does not come so far.
    package var profile: String?
    package var priority: PriorityClass
    package var version: Int?
    /// The longest that it may run.
    package var longest: Duration?
    /// Where it would run, if it started now.
    package var host: String?
    /// Whether it would start at once.
    package var startsNow: Bool
    /// When it would start if everything before it takes as long as it may; nil where that cannot be said.
    package var estimatedStart: Timestamp?
    /// Why it would have to wait.
    package var reason: String?
    /// What it may cost at most, at which price; `hold` is what would be set aside.
    package var charge: JobCharge?
    /// How the account that pays stands now.
    package var standing: AccountStanding?

    package var isValid: Bool { refusal?.code != .invalid && refusal?.code != .malformed }
}

/// What would become of jobs that were submitted together.
package struct BatchEstimate: Hashable, Sendable {
    /// Of all of them: it starts when the last of them does. Its charge is that of one.
    package var whole: JobEstimate
    package var size: Int
    package var isGang: Bool
    /// What all may cost at most, and what would be set aside.
    package var most = Credits.zero
    package var hold = Credits.zero
}

/// A submission that is right and allowed, as far as can be said without storing it.
struct PreparedJob: Sendable {
    var program: ProgramEntry
    var profile: Profile
    var demand: JobDemand
    var invocation: Invocation
    var charge: JobCharge
    var rootfs: ChosenRootfs
}

extension Panal {
    /// What would become of a submission now: whether it is right and allowed, where and when it would start, what it may cost. Nothing
    /// is stored and nothing changes. Throws `notFound` for an unknown program, and what a submission throws while the service is not up.
    package func estimate(
        _ principal: Principal, program name: String, version: Int? = nil, profile: String? = nil,
        priority: PriorityClass = .normal, submission: Submission
    ) async throws -> JobEstimate {
        let runner = try takingRunner()
        var estimate = JobEstimate(priority: priority, startsNow: false)
        let prepared: PreparedJob
        do {
            prepared = try await prepare(
                principal, program: name, version: version, profile: profile, priority: priority,
                submission: submission, runner)
        } catch let error as ServiceError where error.code != .notFound && error.code != .internal {
            estimate.refusal = error
            return estimate
        }
        try await self.estimate(prepared, &estimate)
        estimate.refusal = estimate.standing?.refusal(of: prepared.charge.hold).map { ServiceError($0) }
        note(await runner.scheduler.forecast(of: prepared.demand), in: &estimate)
        return estimate
    }

    /// What a prepared job says of itself and of who pays.
    func estimate(_ prepared: PreparedJob, _ estimate: inout JobEstimate) async throws {
        estimate.profile = prepared.profile.name
        estimate.version = prepared.program.version.number
        estimate.longest = prepared.profile.limits.wallTime
        estimate.charge = prepared.charge
        estimate.standing = try await store.standing(of: prepared.charge.payer, at: clock.now())
    }

    func note(_ forecast: Forecast, in estimate: inout JobEstimate) {
        switch forecast {
        case .starts(let reservations):
            estimate.startsNow = true
            estimate.estimatedStart = clock.now()
            // There is one host so far, the one that this process runs on.
            estimate.host = reservations.isEmpty ? nil : hosts.first?.name
        case .waits(let report):
            estimate.reason = report?.reason.sentence
            estimate.estimatedStart = report?.estimatedStart
        case .refused(let refusal): estimate.refusal = estimate.refusal ?? Self.refused(refusal)
        }
    }

    /// Everything about a submission that can be said before it is stored. Throws as ``submit`` does.
    func prepare(
        _ principal: Principal, program name: String, version: Int?, profile: String?, priority: PriorityClass,
        submission: Submission, _ runner: JobRunner
    ) async throws -> PreparedJob {
        if priority == .high { try requireAdministrator(principal) }
        let program = try await program(principal, name: name, version: version)
        let rights = tenancy.rights(of: principal.user)
        let chosen = try self.profile(named: profile, for: program.manifest, rights)
        try await checkStorage(of: principal.user, rights, adding: 0)
        let demand = demand(chosen.limits, owner: principal.user, priority: priority)
        // Cheap, before anything is written; the scheduler decides for good when the job is stored.
        if let refusal = await runner.scheduler.refusal(of: demand) { throw Self.refused(refusal) }
        if priority == .opportunistic, !executor.canFreeze {
            throw ServiceError(
                .invalid, mistake: "/priority",
                "this host cannot freeze programs, which opportunistic jobs have to bear")
        }
        let rootfs = try chosenRootfs(of: program.manifest, for: program.program.owner)
        let submission = try await withUploads(submission, of: program.manifest, principal)
        var invocation: Invocation
        do {
            invocation = try program.manifest.plan(submission, entry: program.version.entry)
        } catch {
            throw ServiceError(.invalid, "the submission has mistakes", mistakes: error.mistakes)
        }
        let charge = JobCharge(
            of: chosen.limits, price: chosen.tariff.price(for: priority), payer: try await payer(of: principal),
            isHeld: credits.isOn)
        invocation.environment = rootfs.environment(of: invocation.environment, manifest: program.manifest)
        return PreparedJob(
            program: program, profile: chosen, demand: demand, invocation: invocation, charge: charge, rootfs: rootfs)
    }
}
