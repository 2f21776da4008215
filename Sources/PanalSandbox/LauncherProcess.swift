internal import Glibc
internal import PanalCore
internal import PanalLauncherProtocol
internal import PanalLinux
internal import PanalSeccomp

/// What a launcher can do on its host, as it said itself.
struct LauncherAbilities: Hashable, Sendable {
    var freezes: Bool
    var writesRoots: Bool
}

/// The launcher: a child of this process, started by root or by an ordinary user and told its table once, or one that an
/// earlier server left behind and that was told the same.
struct LauncherProcess: ~Copyable {
    let socket: Descriptor
    /// 0 where it is no child of this process.
    let process: pid_t
    /// What it may give to cells, as it said itself.
    let capacity: HostCapacity
    let abilities: LauncherAbilities
    /// What it kept.
    let held: [HeldCell]
    /// What had to end with an earlier launcher that was told another table.
    let replaced: [AttemptID]

    static func start(_ settings: LauncherSettings) throws(SystemError) -> LauncherProcess {
        do throws(StepFailure) {
            try StepFailure.naming("launcher.open-files") { () throws(SystemCallFailure) in try OpenFiles.allowMost() }
            let table = try makeTable(settings)
            let replaced: [AttemptID]
            let claim = try LauncherClaim.make(table)
            switch consume claim {
            case .taken(let socket, let capacity, let abilities, let held):
                return LauncherProcess(
                    socket: socket, process: 0, capacity: capacity, abilities: abilities, held: held, replaced: [])
            case .replaced(let attempts): replaced = attempts
            case .nobody: replaced = []
            }
            let ends = try StepFailure.naming("launcher.socket") { () throws(SystemCallFailure) in
                try Descriptor.messageSockets()
            }
            let ours = Descriptor(owning: ends.first)
            let theirs = Descriptor(owning: ends.second)
            let tableFile = try StepFailure.naming("launcher.table") { () throws(SystemCallFailure) in
                try Descriptor.memory(name: "panal-table", bytes: table.encoded())
            }
            let process = try spawn(settings.executable, socket: theirs, table: tableFile)
            close(theirs.release())
            do throws(StepFailure) {
                let (capacity, abilities) = try waitUntilReady(ours)
                return LauncherProcess(
                    socket: ours, process: process, capacity: capacity, abilities: abilities, held: [],
                    replaced: replaced)
            } catch {
                kill(process, SIGKILL)
                var status: Int32 = 0
                while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
                throw error
            }
        } catch {
            throw SystemError(step: error.step, errno: Int(error.errno), detail: error.detail)
        }
    }

    private static func makeTable(_ settings: LauncherSettings) throws(StepFailure) -> LauncherTable {
        let host = try StepFailure.naming("launcher.topology") { () throws(SystemCallFailure) in
            try HostTopology.read()
        }
        let cores = host.cores.dropFirst(settings.reservedCores)
        let memory = host.memory - settings.reservedMemory
        guard !cores.isEmpty, memory >= 64 << 20 else {
            throw StepFailure(
                step: "launcher.topology",
                detail:
                    "with \(settings.reservedCores) cores and \(ByteCount.text(settings.reservedMemory)) reserved for the "
                    + "host nothing is left for cells", errno: 0)
        }
        return LauncherTable(
            instance: settings.instance, dataFolder: settings.dataFolder ?? "", imageFolder: settings.imageFolder ?? "",
            seccomp: try filters(settings), firstUser: settings.userRange.lowerBound,
            lastUser: settings.userRange.upperBound, cores: cores.map { UInt16(clamping: $0) },
            memory: UInt64(memory / 4_096 * 4_096),
            wallMicroseconds: UInt64(LauncherSettings.longestRun.wholeMicroseconds),
            processes: UInt32(LauncherSettings.mostProcesses),
            prepared: UInt16(clamping: min(64, settings.preparedCells ?? min(cores.count, 15) + 1)),
            keepSeconds: UInt32(clamping: settings.keepsCells.wholeMicroseconds / 1_000_000),
            limitsReading: settings.limitsReading)
    }

    /// The filters, and after them those that explain.
    private static func filters(_ settings: LauncherSettings) throws(StepFailure) -> [LauncherTable.Filter] {
        var filters = settings.seccomp.map {
            LauncherTable.Filter(
                instructions: $0.instructions, makesSockets: $0.makesSockets, permitsStart: $0.permitsStart)
        }
        for policy in settings.explained {
            do throws(SeccompMistake) {
                let program = try policy.compiled(for: .supervised)
                filters.append(
                    .init(instructions: program.instructions, makesSockets: program.makesSockets, explains: true))
            } catch {
                throw StepFailure(step: "launcher.table", detail: "\(error)", errno: 0)
            }
        }
        return filters
    }

    /// Starts the launcher with its two descriptors at the numbers that it expects, nothing on its standard input and
    /// output, this process's error stream, and an empty environment.
    private static func spawn(
        _ executable: String, socket: borrowing Descriptor, table: borrowing Descriptor
    ) throws(StepFailure) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // Moved above the targets first, so that neither is overwritten before it is copied.
        let socketCopy = Descriptor(owning: fcntl(socket.raw, F_DUPFD_CLOEXEC, 10))
        let tableCopy = Descriptor(owning: fcntl(table.raw, F_DUPFD_CLOEXEC, 10))
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, socketCopy.raw, 3)
        unsafe posix_spawn_file_actions_adddup2(&actions, tableCopy.raw, 4)
        var process: pid_t = 0
        let name = unsafe strdup(executable)
        defer { unsafe free(name) }
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe [name, nil]
        var environment: [UnsafeMutablePointer<CChar>?] = unsafe [nil]
        let answer = unsafe posix_spawn(&process, executable, &actions, nil, &arguments, &environment)
        guard answer == 0 else {
            throw StepFailure(
                step: "launcher.spawn", detail: "\(executable): \(SystemCallFailure.text(answer))", errno: answer)
        }
        withExtendedLifetime(socketCopy.raw) {}
        withExtendedLifetime(tableCopy.raw) {}
        return process
    }

    private static func waitUntilReady(
        _ socket: borrowing Descriptor
    ) throws(StepFailure) -> (HostCapacity, LauncherAbilities) {
        var polled = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
        let seconds: Int32 = 30
        guard unsafe poll(&polled, 1, seconds * 1_000) > 0 else {
            throw StepFailure(step: "launcher.start", detail: "it did not answer within \(seconds) s", errno: ETIMEDOUT)
        }
        do {
            let message = try MessageSocket.receive(socket)
            if let message, !message.bytes.isEmpty {
                switch try Report(decoding: message.bytes) {
                case .ready(let cores, let memory, let freezes, let writesRoots, let refusal):
                    let capacity = HostCapacity(
                        cores: cores.map(Int.init), memory: Int(clamping: memory),
                        readingRefusal: refusal.isEmpty ? nil : refusal)
                    return (capacity, LauncherAbilities(freezes: freezes, writesRoots: writesRoots))
                case .unusable(let step):
                    throw StepFailure(step: step.step, detail: step.detail, errno: step.errno)
                default: break
                }
            }
        } catch let error as StepFailure {
            throw error
        } catch {
            throw StepFailure(step: "launcher.start", detail: "its first message is not readable: \(error)", errno: 0)
        }
        throw StepFailure(step: "launcher.start", detail: "it ended before it was ready", errno: 0)
    }
}
