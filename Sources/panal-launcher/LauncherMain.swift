internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// # Theory of operation
///
/// `panal-launcher` is the only privileged part of Panal: root, one thread, no network, no database, no Foundation. Its
/// parent (`panald`, or `panal run`) starts it with two descriptors: 3, a socket that keeps message boundaries, and 4, the
/// table of everything that may ever be asked for. It reads the table once; after that its parent gives up its own
/// privileges, and nothing that comes over the socket can widen the table.
///
/// At start, in this order: close what was inherited · take the instance's lock and a block of user ids that no other Panal
/// on this host uses · a mount namespace of its own · the root file system for cells · the control groups, swept of what an
/// earlier launcher of this instance left · the groups of other instances whose launchers were killed · `ready`.
///
/// Cells are made ahead (`CellMaker`, a process beside the launcher that hears nobody else), in this order: control group ·
/// `clone3` into new mount, pid, network, ipc and uts namespaces · the child is moved into its group, the membership read
/// back · the child waits for one order.
///
/// For each run (`Launcher.start`), in this order: hold the request against the table · lock its cores · take a cell that
/// stands ready · set the group's limits and read them back · a detached tmpfs for scratch · send the order.
///
/// The child is the cell's init (`CellInit`): cgroup namespace · scratch, the read-only program folder and inputs, proc,
/// `pivot_root`, each mount read back (`CellRoot`) · forks the program · drops its own rights · reaps · reports how the
/// program ended, and ends, upon which the kernel kills whatever is left in the cell. A cell is used for one run.
/// The program's process (`ProgramStart`) takes its limits, ids, no_new_privs and the seccomp filter, reads each back, and
/// only then executes. Whatever fails before that is reported with its step, and the program has not run.
///
/// When init has ended the group must be empty; then the usage is read, the result files are opened (`Collector`), the
/// group is removed and the server is told. Deadlines (wall, processor time), the memory event and the server's kills all
/// act by killing init. When the socket closes, every cell is killed, every group removed, and the launcher exits. When the
/// launcher itself is killed, the parent-death signal takes each init, and the next launcher on this host sweeps.
@main
struct LauncherMain {
    static let socketNumber: Int32 = 3
    static let tableNumber: Int32 = 4

    static func main() {
        let socket = Descriptor(owning: socketNumber)
        do throws(StepFailure) {
            let launcher = try start()
            launcher.serve(socket)
            exit(0)
        } catch {
            let report = Report.unusable(StepReport(step: error.step, errno: error.errno, detail: error.detail))
            _ = MessageSocket.send(socket, report.encoded(), descriptors: [], waiting: true)
            exit(1)
        }
    }

    private static func start() throws(StepFailure) -> Launcher {
        try StepFailure.naming("launcher.descriptors") { () throws(SystemCallFailure) in
            try Processes.closeAll(from: UInt32(tableNumber) + 1)
            try Processes.standAlone()
        }
        guard Privileges.isRoot else {
            throw StepFailure(step: "launcher.root", detail: "the launcher must be started by root", errno: EPERM)
        }
        let table = try readTable()
        let locks = try HostLocks(instance: table.instance)
        let users = try UserBlock.claim(first: table.firstUser, last: table.lastUser, locks: locks)
        let roots = try HostRootfs.build(names: table.rootfs, users: users, folder: locks.folder)
        let dataFolder = try HostRootfs.placeData(table.dataFolder, folder: locks.folder)
        let groups = try CgroupLayout.driver(instance: table.instance)
        try groups.prepare()
        locks.sweepDead { (name) throws(StepFailure) in try CgroupLayout.driver(instance: name).sweep() }
        let maker = CellMaker(groups: groups, roots: roots, table: table, dataFolder: dataFolder)
        return Launcher(
            table: table, locks: locks, users: users, groups: groups,
            maker: try MakerLine(maker, reserve: Int(table.prepared)))
    }

    private static func readTable() throws(StepFailure) -> LauncherTable {
        let file = Descriptor(owning: tableNumber)
        let bytes = try StepFailure.naming("launcher.table") { () throws(SystemCallFailure) in
            try file.readAll(limit: 16 << 20)
        }
        do {
            return try LauncherTable(decoding: bytes)
        } catch {
            throw StepFailure(step: "launcher.table", detail: "the table is not readable: \(error)", errno: 0)
        }
    }
}
