internal import PanalCore
internal import PanalLauncherProtocol
internal import PanalSeccomp

/// Turns an attempt into the request that the launcher understands. Pure; what cannot be asked for is a named failure.
struct CellPlanner {
    /// Whether the launcher has a folder of images.
    let hasImages: Bool
    /// The launcher's filters, by index.
    let seccomp: [SeccompProgram]
    /// Names of those that follow in the launcher's table, which explain.
    let explained: [String]
    /// Whether runs may be held to a rate of reading.
    let limitsReading: Bool

    func request(
        for attempt: AttemptSpec, id: UInt64, program: String?, label: [UInt8] = []
    ) throws(SystemError) -> RunRequest {
        let limits = attempt.limits
        let rootfs = try rootfs(attempt.rootfs)
        if attempt.hasWritableRoot, rootfs == .host {
            throw SystemError(
                step: "plan.rootfs", detail: "the host's own files cannot be written to: a writable root is an image's")
        }
        guard let seccomp = seccomp.firstIndex(where: { $0.name == attempt.seccomp }) else {
            throw SystemError(step: "plan.seccomp", detail: "there is no seccomp policy ‘\(attempt.seccomp)’")
        }
        if attempt.network != .none, !self.seccomp[seccomp].makesSockets {
            throw SystemError(
                step: "plan.network",
                detail: "the policy ‘\(attempt.seccomp)’ lets no socket be made; a run with the network "
                    + "‘\(attempt.network.rawValue)’ needs one that does, such as ‘loopback’")
        }
        if limits.diskRead != nil, !limitsReading {
            throw SystemError(
                step: "plan.disk-read",
                detail:
                    "no profile had disk-read when this executor was started, so nothing can hold a run to it; submit it again"
            )
        }
        let isExclusive: Bool
        let quota: Int
        switch limits.cpu {
        case .exclusive(let count):
            // More where a core has several threads: all of them are the cell's.
            guard attempt.cores.count >= count else {
                throw SystemError(
                    step: "plan.cores", detail: "\(count) cores were to be reserved, \(attempt.cores.count) were")
            }
            (isExclusive, quota) = (true, 0)
        case .shared(let millicores): (isExclusive, quota) = (false, millicores * 100)
        }
        let request = RunRequest(
            id: id, label: label, rootfs: rootfs, hasWritableRoot: attempt.hasWritableRoot,
            seccomp: UInt16(try filter(for: attempt, seccomp)),
            network: Self.network(attempt.network),
            cores: attempt.cores.sorted().map { UInt16(clamping: $0) }, exclusive: isExclusive, isIdle: attempt.isIdle,
            quota: UInt32(clamping: quota), burst: UInt32(clamping: limits.cpuBurst.wholeMicroseconds),
            memory: Self.pages(limits.memory), processes: UInt32(clamping: limits.processes),
            wallMicroseconds: UInt64(clamping: limits.wallTime.wholeMicroseconds),
            cpuMicroseconds: UInt64(clamping: limits.cpuTime.wholeMicroseconds),
            scratchBytes: Self.pages(limits.scratchBytes), scratchFiles: UInt32(clamping: limits.scratchFiles),
            collectedFiles: UInt32(clamping: limits.collectedFiles),
            collectedBytes: UInt64(clamping: limits.collectedBytes),
            openFiles: UInt32(clamping: limits.openFiles), fileBytes: UInt64(clamping: limits.fileBytes),
            program: program ?? "",
            inputs: attempt.inputs.map {
                .init(field: $0.field, name: $0.name, source: ContentLayout.blob($0.content))
            },
            arguments: attempt.arguments, environment: attempt.environment,
            diskRead: UInt64(clamping: limits.diskRead ?? 0))
        let bytes = Command.run(request).encoded().count
        guard bytes <= Command.maximumBytes else {
            throw SystemError(
                step: "plan.arguments",
                detail:
                    "arguments and environment take \(bytes) bytes, more than the \(Command.maximumBytes) that fit; "
                    + "pass large values as files")
        }
        return request
    }

    private func rootfs(_ name: String) throws(SystemError) -> Rootfs {
        if name == AttemptSpec.hostRootfs { return .host }
        guard let digest = ImageDigest(hex: name) else {
            throw SystemError(
                step: "plan.rootfs",
                detail: "there is no rootfs ‘\(name)’: it must be ‘\(AttemptSpec.hostRootfs)’ or an image's digest")
        }
        guard hasImages else {
            throw SystemError(step: "plan.rootfs", detail: "this executor was started without a folder of images")
        }
        return .image(digest)
    }

    private func filter(for attempt: AttemptSpec, _ plain: Int) throws(SystemError) -> Int {
        guard attempt.explain else { return plain }
        guard let place = explained.firstIndex(of: attempt.seccomp) else {
            throw SystemError(
                step: "plan.explain",
                detail: "this executor was not started to explain what ‘\(attempt.seccomp)’ refuses")
        }
        return seccomp.count + place
    }

    private static func network(_ network: CellNetwork) -> RunRequest.Network {
        switch network {
        case .none: .none
        case .loopback: .loopback
        }
    }

    /// The kernel counts memory in pages: rounded down, so that nobody gets more than was promised.
    private static func pages(_ bytes: Int) -> UInt64 { UInt64(clamping: bytes) / 4_096 * 4_096 }
}
