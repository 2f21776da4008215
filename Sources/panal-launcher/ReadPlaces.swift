internal import PanalLauncherProtocol
internal import PanalLinux

/// From which disks cells read, for runs that are held to a rate. Found once at the launcher's start, while the places are those that
/// it pins (`HostRootfs`); nobody else's word counts for them afterwards.
struct ReadPlaces {
    private let host: Result<[Disk], StepFailure>
    private let images: Result<[Disk], StepFailure>
    private let data: Result<[Disk], StepFailure>

    /// Nil where no run may ask for a rate.
    init?(_ table: LauncherTable) {
        guard table.limitsReading else { return nil }
        host = Self.disks(behind: "/usr")
        images = Self.disks(behind: table.imageFolder)
        data = Self.disks(behind: table.dataFolder)
    }

    private static func disks(behind path: String) -> Result<[Disk], StepFailure> {
        if path.isEmpty { return .success([]) }
        do throws(StepFailure) {
            return .success(try DiskFinder().disks(behind: path))
        } catch {
            return .failure(error)
        }
    }

    /// The run's rate, of all disks that its root, its program and its inputs are on; nil where it is to have none, or all that it can
    /// read is in memory. Throws where it can read something whose disk is not known.
    func rate(of request: RunRequest) throws(StepFailure) -> ReadingRate? {
        guard request.diskRead > 0 else { return nil }
        var disks = try (request.rootfs == .host ? host : images).get()
        if !request.program.isEmpty || !request.inputs.isEmpty {
            for disk in try data.get() where !disks.contains(disk) { disks.append(disk) }
        }
        return disks.isEmpty ? nil : ReadingRate(bytes: request.diskRead, disks: disks)
    }
}

extension Launcher {
    /// What limits the run's reading; nil for one that is not limited. Throws where it is to be and cannot.
    func readingRate(of request: RunRequest) throws(StepFailure) -> ReadingRate? {
        guard request.diskRead > 0, let reading else { return nil }
        if let refusal = groups.readingRefusal { throw refusal }
        return try reading.rate(of: request)
    }
}
