package import Logging
package import PanalCore
package import PanalPublication
import PanalManifest
import PanalScheduler
import Synchronization

/// The verbs of the service. Each checks what its principal may do; what is not there *for this principal* is `notFound`, so that an
/// answer never tells that something of another user's exists.
///
/// All throw `ServiceError` where the caller is to be told something, and other errors where Panal itself failed.
package final class Panal: Sendable {
    let store: any Store
    let blobs: any BlobStore
    let executor: any Executor
    let profileList: [Profile]
    let clock: any WallClock
    let configuration: ServiceConfiguration
    let logger: Logger
    let passwords: Passwords
    let throttle: SignInThrottle
    let signals = JobSignals()
    let accessSignals = AccessSignals()
    let manifests = ManifestCache()
    let exitCodes = ExitCodeCache()
    let cellFiles: CellFiles
    let retries = RetryTurns()
    let busyUploads = BusyUploads()
    /// Whose publications are being tested.
    let testing = Mutex<[UserID]>([])
    let cursorKey = Mutex<[UInt8]?>(nil)
    let reads = OutputReads()
    let removedBytes = Mutex<[RemovalCause: Int]>([:])
    let keptOutputs = Mutex<OutputFigures?>(nil)
    /// As of the last housekeeping.
    let measured = Mutex<BlobFigures?>(nil)
    /// Nil where nothing is sent.
    let webhooks: (store: any WebhookStore, dispatcher: WebhookDispatcher, policy: WebhookPolicy)?
    /// Nil where programs see the host's files and no others.
    let rootfs: RootfsPlace?
    let auditTrail: AuditTrail
    let settingRules: [SettingRule]
    let runtime: Mutex<RuntimeSettings>
    let settingTurns = Mutex(0)
    /// When the use of a key was last noted.
    let keyUses = Mutex<[APIKeyID: Timestamp]>([:])
    /// What users and groups may have, as it is stored.
    let book = Mutex(Tenancy())

    private enum Phase {
        case made
        case running(JobRunner)
        case stopped(JobRunner)
    }

    private let phase = Mutex(Phase.made)

    package init(
        store: any Store, blobs: any BlobStore, executor: any Executor, profiles: [Profile], clock: any WallClock,
        configuration: ServiceConfiguration = ServiceConfiguration(),
        webhooks: (any WebhookStore, WebhookOutlet)? = nil, cellFiles: CellFiles = CellFiles(),
        rootfs: RootfsPlace? = nil,
        logger: Logger
    ) {
        self.cellFiles = cellFiles
        self.store = store
        self.blobs = blobs
        self.executor = executor
        profileList = profiles
        self.clock = clock
        self.configuration = configuration
        self.rootfs = rootfs
        self.logger = logger
        settingRules = SettingRule.all(profiles: profiles.map(\.name))
        runtime = Mutex(RuntimeSettings(configuration))
        auditTrail = AuditTrail(store: store, logger: logger)
        passwords = Passwords(cost: configuration.passwordCost)
        throttle = SignInThrottle(rule: configuration.throttle)
        self.webhooks = webhooks.map { kept, outlet in
            let dispatcher = WebhookDispatcher(store: kept, jobs: store, outlet: outlet, clock: clock, logger: logger)
            return (kept, dispatcher, outlet.policy)
        }
        if let dispatcher = self.webhooks?.dispatcher { signals.onStep { dispatcher.wake() } }
    }

    /// Takes up what an earlier run left, makes the first administrator where there is no user yet, and begins to take jobs.
    ///
    /// Cells that an earlier process left with the executor go on; jobs whose attempt is lost are queued again, and those that waited
    /// in their order. The answer, if any, is the only place that ever
    /// names the first administrator's password. Call it once, and before any other verb: it removes uploads that nothing refers to.
    package func start() async throws -> FirstStart? {
        guard runner == nil else { throw ServiceError(.conflict, "the service is started already") }
        // Nothing is being uploaded yet, so whatever nothing refers to was left behind, at whatever time the clock shows.
        try await removeUnreferenced(before: Timestamp(microseconds: .max))
        let first = try await makeFirstAdministrator()
        try await store.claim()
        try await checkLedger()
        try await startRootfs()
        let left = try await store.unfinishedJobs()
        try await loadSettings()
        let tenancy = try await store.tenancy()
        book.withLock { $0 = tenancy }
        var schedule = terms.schedule
        schedule.takeEverybody(atLeast: left.count)
        let runner = JobRunner(
            store: store, blobs: blobs, executor: executor,
            scheduler: Scheduler(state: ScheduleState(hosts: hostList, settings: schedule), clock: clock), clock: clock,
            signals: signals, deadlines: settings.deadlines, mostAttempts: configuration.attempts, logger: logger)
        do {
            for (number, status) in terms.hosts.enumerated() where status == .closed {
                _ = await runner.scheduler.apply(.host(HostID(number: number), status))
            }
            try await takeUp(left, runner)
        } catch {
            // What goes on is the next start's, in the state that is stored.
            runner.leave()
            throw error
        }
        if terms.schedule != schedule { await runner.bind(terms) }
        phase.withLock { $0 = .running(runner) }
        return first
    }

    /// Housekeeping until the task is cancelled: deadlines when they pass, and once an hour expired sessions and content that nothing
    /// refers to.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            if let runner {
                group.addTask { await runner.watchDeadlines() }
                group.addTask { await runner.watchUsage() }
            }
            group.addTask {
                await self.measureBlobs()
                await self.sweepOutputs()
                await self.tidyHourly()
            }
            group.addTask { await self.runWebhooks() }
            group.addTask {
                repeat { await self.retest() } while (try? await Task.sleep(for: .seconds(3_600))) != nil
            }
            group.addTask { await self.watchRootfs() }
        }
    }

    private func tidyHourly() async {
        while (try? await Task.sleep(for: .seconds(3_600))) != nil {
            await sweepOutputs()
            do {
                try await tidy()
            } catch {
                logger.warning("housekeeping failed", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Takes no more jobs. What runs is ended, and queued for the next start like what waits; or it is left to go on without a
    /// server, in the state in which it is stored: `detach` then makes the executor let go of it. Harmless when called twice.
    package func shutdown(leavingCells: Bool = false, detach: @Sendable () async -> Void = {}) async {
        let runner = phase.withLock { phase -> JobRunner? in
            guard case .running(let runner) = phase else { return nil }
            phase = .stopped(runner)
            return runner
        }
        await stopRootfs()
        await runner?.stop(leavingCells: leavingCells, detach: detach)
        await auditTrail.flush()
    }

    package func health() async -> Health {
        let (runner, takesJobs) = phase.withLock { phase -> (JobRunner?, Bool) in
            switch phase {
            case .made: (nil, false)
            case .running(let runner): (runner, true)
            case .stopped(let runner): (runner, false)
            }
        }
        return Health(
            takesJobs: takesJobs, runningJobs: await runner?.scheduler.running ?? 0,
            waitingJobs: await runner?.scheduler.waiting ?? 0)
    }

    /// What this host can give to cells: a core with several threads counts once.
    var capacity: HostCapacity {
        guard let host = configuration.host else { return executor.capacity }
        return HostCapacity(
            cores: host.cores.compactMap(\.threads.first), memory: host.memory,
            readingRefusal: executor.capacity.readingRefusal)
    }

    /// The profiles in the operator's order, and which of them this host is too small for, or `principal` may not use.
    package func profiles(for principal: Principal? = nil) -> [ProfileAvailability] {
        let capacity = capacity
        let allowed = principal.flatMap { tenancy.rights(of: $0.user).profiles }
        return profileList.map { profile in
            let isAllowed = allowed?.contains(profile.name) ?? true
            return ProfileAvailability(
                profile: profile,
                refusal: isAllowed ? capacity.refusal(of: profile.limits) : "you may not use this profile",
                shortage: isAllowed ? capacity.shortage(of: profile.limits) : nil)
        }
    }

    /// Who carries jobs out, also while stopping; nil before `start`.
    var runner: JobRunner? {
        phase.withLock { phase in
            switch phase {
            case .made: nil
            case .running(let runner), .stopped(let runner): runner
            }
        }
    }

    /// Who takes new jobs. Throws `overloaded` while there is nobody.
    func takingRunner() throws -> JobRunner {
        let runner = phase.withLock { phase -> JobRunner? in
            if case .running(let runner) = phase { runner } else { nil }
        }
        guard let runner else {
            throw ServiceError(.overloaded, "the service is starting or stopping", retryAfter: .seconds(5))
        }
        return runner
    }

    /// Runs `body` to its end even if the caller's task is cancelled: a client that goes away must not leave a step half done.
    func uncancelled<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await Task { try await body() }.value
    }

    func tidy() async throws {
        let now = clock.now()
        _ = try await store.deleteSessions(expiredBefore: now)
        try await tidyUploads()
        _ = try await store.deleteMarks(before: now + .seconds(-RetryKey.lifetime))
        _ = try await webhooks?.store.deleteDeliveries(createdBefore: now + .seconds(-30 * 86_400))
        if let span = settings.auditRetention { _ = try await store.deleteAudit(before: now + (.zero - span)) }
        // A day's grace: content that was uploaded a moment ago may belong to a submission that is still being put together.
        try await removeUnreferenced(before: now + .seconds(-86_400))
        await measureBlobs()
    }

    private func removeUnreferenced(before moment: Timestamp) async throws {
        let content = try await blobs.removeBlobs(except: try await store.referencedBlobs(), before: moment)
        // The same grace for a version that was withdrawn while somebody submitted it.
        let kept = try await store.referencedPrograms(withdrawnAfter: moment)
        let programs = try await blobs.removePrograms(except: kept, before: moment)
        guard content + programs > 0 else { return }
        logger.info("removed what nothing refers to", metadata: ["files": "\(content)", "programs": "\(programs)"])
    }

    /// Loud, and with the numbers: somebody's money is concerned.
    private func checkLedger() async throws {
        for finding in try await store.checkLedger(at: clock.now()) {
            let what =
                finding.isRepaired ? "the ledger was put right" : "the ledger does not add up: a person has to look"
            logger.critical("\(what)", metadata: ["finding": .string(finding.detail)])
        }
    }

    private func makeFirstAdministrator() async throws -> FirstStart? {
        guard try await store.users().isEmpty else { return nil }
        let (user, password) = try await addUser(name: "admin", password: nil, role: .administrator)
        return FirstStart(name: user.name, password: password)
    }

    /// First the cells that go on, since they hold what they hold; then everybody who waits, in the order of submission.
    private func takeUp(_ left: [UnfinishedJob], _ runner: JobRunner) async throws {
        let handedOver = left.filter { $0.job.state != .queued }
        let held = await executor.recover(handedOver.map(\.attempt.id))
        var waiting: [UnfinishedJob] = []
        for job in left {
            if job.job.state == .queued, job.cancelledBy == nil {
                waiting.append(job)
            } else if held.contains(job.attempt.id) {
                try await runner.takeOver(job, of: try await manifest(of: job), demand: demand(of: job))
            } else if let again = try await runner.settleLost(job) {
                waiting.append(again)
            }
        }
        let gangs = Dictionary(grouping: waiting.filter { $0.gang != nil }, by: \.gang)
        for job in waiting {
            // A gang comes with its first.
            let together = job.gang.flatMap { gangs[$0] } ?? [job]
            guard together.first?.order == job.order else { continue }
            var submitted: [(job: SubmittedJob, order: Int64)] = []
            for member in together {
                let job = SubmittedJob(
                    attempt: member.attempt, manifest: try await manifest(of: member), demand: demand(of: member))
                submitted.append((job, member.order))
            }
            guard let refusal = await runner.resubmit(submitted) else { continue }
            try await fail(together.map(\.job.id), because: refusal.reason)
        }
    }

    private func manifest(of left: UnfinishedJob) async throws -> Manifest {
        guard let version = try await store.version(left.job.version, of: left.job.program) else {
            throw StoreError.damaged("version \(left.job.version) of program \(left.job.programName) is gone")
        }
        return try manifests.manifest(of: version)
    }

    private func demand(of left: UnfinishedJob) -> JobDemand {
        demand(left.attempt.limits, owner: left.job.owner, priority: left.job.priority)
    }

    func demand(_ limits: CellLimits, owner: UserID, priority: PriorityClass) -> JobDemand {
        var demand = JobDemand(limits, user: owner.text, priority: priority)
        demand.terms = terms.terms(of: owner)
        return demand
    }

    private func fail(_ jobs: [JobID], because reason: String) async throws {
        let cause = SystemError(step: "scheduler.admission", detail: reason)
        let change = JobChange(
            to: .failed, at: clock.now(), message: reason, result: JobResult(outcome: .systemError(cause)))
        _ = try await store.change(jobs, from: .queued, [change])
    }
}
