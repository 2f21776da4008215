import FoundationEssentials
import Hummingbird
import Logging
import PanalCore
import PanalHTTP
import PanalLinux
import PanalProfiles
import PanalRootfs
import PanalSandbox
import PanalScheduler
import PanalSeccomp
import PanalService
import PanalStore
import PanalWebhooks
import Glibc
import ServiceLifecycle
import UnixSignals

/// The composition root: puts the service together out of its parts, in the one order in which that is safe.
///
/// 1. As root: the data folder, the policies, the profiles and the demos are read or made, and the launcher is started.
/// 2. The privileges are given up, which is read back from the kernel.
/// 3. Only then is a byte read that strangers may have written: the store is opened, the service takes up what an
///    earlier run
///    left, and the server listens.
struct Service: Sendable {
    let panal: Panal
    let store: SQLiteStore
    let executor: LocalExecutor
    let web: Web
    let faces: Faces
    let demos: [Demo]
    /// Whether running jobs go on while the service is stopped.
    let leavesCells: Bool

    static func build(_ settings: Settings, logger: Logger) throws -> Service {
        try Host.requireRoot()
        let owner = try Host.ids(of: settings.user)
        let faces = try Faces(settings, logger: logger)
        try Host.prepare(folder: settings.data, owner: owner, user: settings.user)
        let policies = try SeccompPolicies.load(folder: "\(settings.profiles)/seccomp")
        let profiles = try ProfileCatalog.load(folder: settings.profiles).profiles
        try check(profiles, against: policies)
        let demos = try settings.demos.flatMap(Demo.load)
        let executor = try LocalExecutor.start(
            LauncherSettings(
                executable: settings.launcher, instance: settings.instance, dataFolder: settings.data,
                seccomp: policies, userRange: settings.cellUsers, reservedCores: settings.reservedCores,
                reservedMemory: settings.reservedMemory, keepsCells: settings.deadlines.reconnecting,
                limitsReading: profiles.contains { $0.limits.diskRead != nil })
        ) { () throws(SystemError) in
            do throws(StepFailure) {
                try Privileges.drop(toUser: settings.user)
            } catch {
                throw SystemError(step: error.step, errno: Int(error.errno), detail: error.detail)
            }
        }
        let store = try SQLiteStore(path: "\(settings.data)/panal.sqlite")
        let blobs = try DirectoryBlobStore(path: settings.data)
        let panal = Panal(
            store: store, blobs: blobs, executor: executor, profiles: profiles,
            clock: SystemClock(), configuration: settings.service(on: try host(executor.capacity, settings)),
            webhooks: (store, WebhookOutlet(transport: ClientTransport(), policy: settings.webhooks)),
            rootfs: RootfsPlace(
                store: store, library: try RootfsFolder(dataFolder: settings.data), quota: settings.rootfsQuota),
            logger: logger)
        return Service(
            panal: panal, store: store, executor: executor,
            web: try Web(panal: panal, configuration: settings.web), faces: faces, demos: demos,
            leavesCells: settings.leavesCells)
    }

    /// This machine as the scheduler sees it.
    private static func host(_ capacity: HostCapacity, _ settings: Settings) throws -> HostDescription {
        let memory = capacity.memory - settings.opportunisticMemory
        guard memory >= 64 << 20 else {
            throw StartRefusal(
                reason:
                    "with \(ByteCount.text(settings.opportunisticMemory)) for opportunistic jobs too little is left for others",
                mend: "panald --opportunistic-memory \((capacity.memory / 4) >> 20)MiB")
        }
        let cores = HostTopology.sites(of: capacity.cores).map {
            CoreDescription(threads: $0.threads, cache: $0.cache, node: $0.node)
        }
        return HostDescription(
            name: "local", cores: cores, memory: memory, opportunisticMemory: settings.opportunisticMemory,
            isDesk: settings.isDesk)
    }

    /// A profile whose policy does not exist would fail at its first run; the operator is to hear of it now.
    private static func check(_ profiles: [Profile], against policies: [SeccompProgram]) throws {
        let names = Set(policies.map(\.name))
        for profile in profiles where !names.contains(profile.seccomp) {
            throw StartRefusal(
                reason: "profile ‘\(profile.name)’ wants the system call policy ‘\(profile.seccomp)’, "
                    + "and there are \(names.sorted().joined(separator: ", "))")
        }
        for profile in profiles where profile.network != .none {
            guard policies.contains(where: { $0.name == profile.seccomp && !$0.makesSockets }) else { continue }
            throw StartRefusal(
                reason:
                    "profile ‘\(profile.name)’ wants the network ‘\(profile.network.rawValue)’, but its system call "
                    + "policy ‘\(profile.seccomp)’ lets no socket be made; ‘seccomp: loopback’ does")
        }
    }

    /// Runs until SIGTERM or SIGINT, then takes no more work, ends what runs, and leaves nothing behind, unless cells are to be left.
    func run(_ settings: Settings, logger: Logger) async throws {
        do {
            try await serve(settings, logger: logger)
        } catch {
            // What an operator has not told to end goes on: a port that is taken, or a full disk, is nothing of theirs.
            let isUsed = await panal.health().runningJobs > 0 || executor.hasInherited
            await end(leavingCells: leavesCells || isUsed, logger: logger)
            throw error
        }
        await end(leavingCells: leavesCells, logger: logger)
    }

    private func serve(_ settings: Settings, logger: Logger) async throws {
        if let first = try await panal.start() {
            // Once, and to whoever started the service; never to the log, which others may read.
            print("The first administrator is ‘\(first.name)’ with the password \(first.password)")
            print("The password is shown only now. Change it at /account after signing in.")
            // Standard output may be a pipe, which is not flushed line by line.
            fflush(nil)
        }
        if !demos.isEmpty, let owner = try await demoOwner() {
            await Demo.publish(demos, on: panal, as: owner, logger: logger)
        }
        var services = faces.services(web, logger: logger)
        services += [
            CertificateWatch(certificate: faces.certificate, logger: logger),
            Work(panal: panal, executor: executor, leavesCells: leavesCells),
            LauncherWatch(executor: executor),
        ]
        if settings.isDesk {
            services.append(
                PresenceWatch(
                    panal: panal, instance: settings.instance, departure: settings.deskDeparture, logger: logger))
        }
        // The last one is told to stop first: work ends, so that whoever waits for it is answered before the server
        // goes.
        var configuration = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        configuration.maximumCancellationDuration = .seconds(5)
        let addresses = settings.listeners.map(\.url).joined(separator: ", ")
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let refusal as StartRefusal {
            throw refusal
        } catch {
            throw StartRefusal(reason: "the server at \(addresses) cannot go on: \(error)")
        }
    }

    /// The oldest administrator who may sign in.
    private func demoOwner() async throws -> Principal? {
        try await store.users().filter { $0.role == .administrator && $0.status == .available }
            .min { $0.created < $1.created }
            .map { Principal(user: $0.id, name: $0.name, role: $0.role) }
    }

    private func end(leavingCells: Bool, logger: Logger) async {
        if leavingCells {
            await panal.shutdown(leavingCells: true) { await executor.detach() }
            await executor.detach()
        } else {
            await panal.shutdown()
            await executor.stop()
        }
        do {
            try store.close()
        } catch {
            logger.error("the store did not close", metadata: ["error": .string("\(error)")])
        }
        logger.info("stopped")
    }
}

/// Housekeeping while the service runs, and the end of its work when it is told to stop.
private struct Work: ServiceLifecycle.Service {
    let panal: Panal
    let executor: LocalExecutor
    let leavesCells: Bool

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await panal.run() }
            group.addTask {
                // Where something else has failed, whoever started the service decides what becomes of what runs.
                do { try await gracefulShutdown() } catch { return }
                // Detached first: every run then comes back, and its job stays as it is stored.
                if leavesCells {
                    await panal.shutdown(leavingCells: true) { await executor.detach() }
                } else {
                    await panal.shutdown()
                }
            }
            // Housekeeping ends only when it is cancelled.
            await group.next()
            group.cancelAll()
        }
    }
}

/// The machine's own clock.
private struct SystemClock: WallClock {
    func now() -> Timestamp { Timestamp(Date()) }
    func elapsed() -> Duration { ContinuousClock.now - Self.began }

    private static let began = ContinuousClock.now
}

/// Ends the service when its launcher is gone: a new one needs root, which this process has given up. What waits stays
/// queued for the next start, which whoever supervises the service makes.
private struct LauncherWatch: ServiceLifecycle.Service {
    let executor: LocalExecutor

    func run() async throws {
        let isLost = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in executor.lifetime() {}
                return !Task.isCancelled
            }
            group.addTask {
                try? await gracefulShutdown()
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
        if isLost { throw StartRefusal(reason: "the launcher is gone") }
    }
}
