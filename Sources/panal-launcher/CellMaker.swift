internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// A cell that stands ready: its group is made, its init was born in fresh namespaces, has been moved into the group, and
/// waits for one order. It is used for one run and never again.
final class PreparedCell {
    let group: String
    let process: Int32
    let pidfd: Descriptor
    /// The launcher's end; closing it lets init go.
    let orders: Descriptor
    let reports: Descriptor
    let outOfMemory: Descriptor?

    init(
        group: String, process: Int32, pidfd: consuming Descriptor, orders: consuming Descriptor,
        reports: consuming Descriptor, outOfMemory: consuming Descriptor?
    ) {
        self.group = group
        self.process = process
        self.pidfd = pidfd
        self.orders = orders
        self.reports = reports
        self.outOfMemory = outOfMemory
    }

    /// Ends init and removes the group, when no run came or the run could not be given to it.
    func discard(_ groups: any CgroupDriver) throws(StepFailure) {
        Processes.kill(pidfd: pidfd.raw)
        var status: Int32 = 0
        _ = unsafe panal_wait(process, &status)
        try groups.remove(group)
    }
}

/// Makes cells ahead, in a process of its own beside the launcher: a root process of one thread that hears nobody but the
/// launcher.
///
/// Moving a process into a v1 group costs 8 to 20 ms whenever nobody has done it for a while, since the kernel waits for a
/// grace period; making namespaces and groups costs another one or two. None of it depends on the run, so it is done before
/// there is one, and where the launcher need not wait for it: its deadlines would. The inits are the launcher's own children
/// all the same (`CLONE_PARENT`), so that it reaps them, and its death ends them.
struct CellMaker {
    let groups: any CgroupDriver
    let roots: [String]
    let table: LauncherTable
    /// Where the data folder stands in the launcher's mount namespace; nil for none.
    let dataFolder: String?
    private var serial: UInt64 = 0

    init(groups: any CgroupDriver, roots: [String], table: LauncherTable, dataFolder: String?) {
        self.dataFolder = dataFolder
        self.groups = groups
        self.roots = roots
        self.table = table
    }

    /// What comes back for each byte that the launcher sends.
    enum Answer {
        case made(PreparedCell)
        case failed(StepFailure)
    }

    /// Starts the maker; answers the launcher's end of the line to it, and its pid.
    func start() throws(StepFailure) -> (line: Int32, process: Int32) {
        let ends = try StepFailure.naming("maker.start") { () throws(SystemCallFailure) in
            try Descriptor.messageSockets()
        }
        let ours = Descriptor(owning: ends.first)
        let theirs = Descriptor(owning: ends.second)
        var pidfd: Int32 = -1
        let process = try StepFailure.naming("maker.start") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_fork(0, -1, &pidfd), "clone3")
        }
        if process == 0 {
            var maker = self
            maker.serve(theirs.release())
        }
        close(pidfd)
        close(theirs.release())
        return (ours.release(), process)
    }

    private mutating func serve(_ number: Int32) -> Never {
        let line = Descriptor(owning: number)
        try? Processes.closeAll(but: [0, 1, 2, number])
        _ = panal_set_parent_death_signal(SIGKILL)
        while true {
            var polled = pollfd(fd: line.raw, events: Int16(POLLIN), revents: 0)
            while unsafe poll(&polled, 1, -1) < 0, errno == EINTR {}
            do throws(SystemCallFailure) {
                guard let message = try MessageSocket.receive(line) else { continue }
                if message.bytes.isEmpty { panal_exit(0) }
                for _ in message.bytes { answer(line) }
            } catch {
                panal_exit(1)
            }
        }
    }

    private mutating func answer(_ line: borrowing Descriptor) {
        var writer = ByteWriter()
        do throws(StepFailure) {
            let cell = try make()
            writer.put(UInt8(1))
            writer.put(cell.group)
            writer.put(cell.process)
            let event = cell.outOfMemory.number
            let descriptors = [cell.pidfd.raw, cell.orders.raw, cell.reports.raw] + (event < 0 ? [] : [event])
            if MessageSocket.send(line, writer.bytes, descriptors: descriptors, waiting: true) == .sent { return }
            // Nobody is there to take it. The init is the launcher's child: here it can only be ended.
            Processes.kill(pidfd: cell.pidfd.raw)
            try? groups.remove(cell.group)
        } catch {
            writer.put(UInt8(2))
            writer.put(error.step)
            writer.put(error.errno)
            writer.put(error.detail)
            _ = MessageSocket.send(line, writer.bytes, descriptors: [], waiting: true)
        }
    }

    /// The launcher's side: one answer; nil when none is there now.
    static func take(_ line: borrowing Descriptor) throws(StepFailure) -> Answer? {
        let message = try StepFailure.naming("maker.line") { () throws(SystemCallFailure) in
            try MessageSocket.receive(line)
        }
        guard let message else { return nil }
        guard !message.bytes.isEmpty else { throw .mismatch("maker.lost", "the process that makes cells has ended") }
        let descriptors = message.descriptors
        do throws(ProtocolError) {
            var reader = ByteReader(message.bytes)
            guard try reader.number(UInt8.self) == 1, descriptors.count >= 3 else {
                let step = try reader.text(limit: 256)
                let number = try reader.number(Int32.self)
                return .failed(StepFailure(step: step, detail: try reader.text(limit: 8_192), errno: number))
            }
            let group = try reader.text(limit: 64)
            let process = try reader.number(Int32.self)
            return .made(
                PreparedCell(
                    group: group, process: process, pidfd: Descriptor(owning: descriptors[0]),
                    orders: Descriptor(owning: descriptors[1]), reports: Descriptor(owning: descriptors[2]),
                    outOfMemory: descriptors.count > 3 ? Descriptor(owning: descriptors[3]) : nil))
        } catch {
            throw .mismatch("maker.line", "the answer is not readable: \(error)")
        }
    }

    private mutating func make() throws(StepFailure) -> PreparedCell {
        serial += 1
        let group = "cell-\(serial)"
        try groups.create(group)
        do throws(StepFailure) {
            return try makeInit(group)
        } catch {
            try? groups.remove(group)
            throw error
        }
    }

    private func makeInit(_ group: String) throws(StepFailure) -> PreparedCell {
        let event = try groups.outOfMemoryEvent(group)
        let reports = try StepFailure.naming("cell.pipes") { () throws(SystemCallFailure) in try Descriptor.pipe() }
        let reportRead = Descriptor(owning: reports.first)
        let reportWrite = Descriptor(owning: reports.second)
        let line = try StepFailure.naming("cell.pipes") { () throws(SystemCallFailure) in
            try Descriptor.messageSockets()
        }
        let orders = Descriptor(owning: line.first)
        let ordersInside = Descriptor(owning: line.second)
        let birthplace = try groups.birthplace(group)
        var pidfdNumber: Int32 = -1
        let process = try StepFailure.naming("cell.clone") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_fork(Self.namespaces, birthplace.number, &pidfdNumber), "clone3")
        }
        if process == 0 {
            let cell = CellInit(
                roots: roots, table: table, dataFolder: dataFolder, reports: reportWrite.raw, orders: ordersInside.raw)
            cell.run()
        }
        let pidfd = Descriptor(owning: pidfdNumber)
        // The child has its own copies; up to here these had to stay open.
        _ = consume birthplace
        close(reportWrite.release())
        close(ordersInside.release())
        do throws(StepFailure) {
            try groups.attach(group, process: process)
            try StepFailure.naming("cell.pipes") { () throws(SystemCallFailure) in try reportRead.setNonBlocking() }
        } catch {
            Processes.kill(pidfd: pidfd.raw)
            throw error
        }
        return PreparedCell(
            group: group, process: process, pidfd: pidfd, orders: orders, reports: reportRead, outOfMemory: event)
    }

    private static var namespaces: UInt64 {
        panal_clone_newns() | panal_clone_newpid() | panal_clone_newnet() | panal_clone_newipc() | panal_clone_newuts()
            | panal_clone_parent()
    }
}
