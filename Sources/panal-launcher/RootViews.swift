internal import CPanalSyscalls
internal import Glibc
internal import PanalLinux

/// The mount namespaces of one spawner: the stage, and one for each root that its cells are born with, in which there is nothing
/// but the slot's own view of that root. It goes to the one that the next cell is to get a copy of; a cell of an image is made by
/// the same steps and in the same time as one of the host's.
///
/// An ordinary user may mount proc only where a whole one is in sight: then a root's namespace is the stage with the view in it.
///
/// Views of images are made when a cell is first to have them, and of those that were used last a few are kept. One that is let
/// go of is gone with its last cell: nobody else has its namespace.
final class RootViews {
    /// How many images' views a spawner keeps: each is some mounts and what the kernel remembers of names in them.
    static let most = 4

    private let stage: Stage
    private let users: UserBlock
    /// The host's `/proc`, to take hold of namespaces by.
    private let processes: Int32
    private var stageNamespace: Int32 = -1
    private var hostNamespace: Int32 = -1
    /// The one that was used last comes last.
    private var images: [(tree: ImageTree, namespace: Int32)] = []
    /// The namespace that shows whose the last image's files are as the slot's user's, once a root was to be writable.
    private var owners: (user: UInt32, group: UInt32, namespace: Int32)?
    /// Where the last cell was born.
    private var home: Int32 = -1
    /// Where this process is.
    private var current: Int32 = -1

    /// The caller is in a namespace of its own whose root is the stage.
    init(_ stage: Stage, users: UserBlock, processes: Int32) throws(StepFailure) {
        self.stage = stage
        self.users = users
        self.processes = processes
        try stage.makeView(ofOrdinaryUser: users.isOrdinary)
        stageNamespace = try mountNamespace()
        current = stageNamespace
        hostNamespace = stageNamespace
        if !users.isOrdinary {
            try leaveForOwn()
            hostNamespace = try pivot(to: Stage.view(of: HostRootfs.name))
        }
        home = hostNamespace
    }

    /// The folder of the root's view in its namespace; nil where it is the root of that.
    func folder(of image: ImageTree?) -> String? {
        guard users.isOrdinary else { return nil }
        return image == nil ? Stage.view(of: HostRootfs.name) : ImageRootfs.view
    }

    /// Whether the program and inputs of a run can be put into its cell from here.
    var canComplete: Bool { !users.isOrdinary }

    /// Goes to where cells with this root are born.
    func enter(_ image: ImageTree?) throws(StepFailure) {
        defer { home = current }
        guard let image else { return go(to: hostNamespace) }
        if let index = images.firstIndex(where: { $0.tree == image }) {
            let found = images.remove(at: index)
            images.append(found)
            return go(to: found.namespace)
        }
        go(to: stageNamespace)
        if images.count >= Self.most { close(images.removeFirst().namespace) }
        images.append((image, try make(image)))
    }

    /// Goes to where trees are opened.
    func goToStage() { go(to: stageNamespace) }

    /// Goes back to where the last cell was born.
    func goHome() { go(to: home) }

    /// Goes to a namespace with a root of `image` that can be written, what is written lying in `scratch`. It is one cell's, and gone with
    /// it once this process has left it, which is the next thing to do when the cell is born.
    func enterWritable(_ image: ImageTree, scratch: borrowing Descriptor, slot: Int) throws(StepFailure) {
        go(to: stageNamespace)
        try leaveForOwn()
        let store = try ImageStore(stage.images.map { "/\($0)" })
        let tree = try ImageRootfs.open(image, in: store)
        try WritableRoot.make(
            of: tree, scratch: scratch, owner: users.owner(slot) ?? 0, owners: try ownersNamespace(tree, slot),
            users: users)
        if !users.isOrdinary { try pivotOnly(to: ImageRootfs.view) }
    }

    /// Leaves it.
    func leaveWritable() {
        home = hostNamespace
        goHome()
    }

    /// One that shows the image's owner as the slot's user; -1 where there is only one user.
    private func ownersNamespace(_ tree: borrowing Descriptor, _ slot: Int) throws(StepFailure) -> Int32 {
        guard let user = users.owner(slot) else { return -1 }
        let processes = processes
        let found = try StepFailure.naming("rootfs.owners") { () throws(SystemCallFailure) in
            try WritableRoot.look(at: tree)
        }
        if let owners, owners.user == found.st_uid, owners.group == found.st_gid { return owners.namespace }
        let made = try StepFailure.naming("rootfs.owners") { () throws(SystemCallFailure) in
            try OwnerShift.namespace(showing: found, as: user, processes: processes)
        }
        if let owners { close(owners.namespace) }
        let namespace = made.release()
        owners = (found.st_uid, found.st_gid, namespace)
        return namespace
    }

    /// A namespace with a view of an image; this process is in it afterwards.
    private func make(_ image: ImageTree) throws(StepFailure) -> Int32 {
        try leaveForOwn()
        // By its path, since the same folder in another namespace is another mount.
        let store = try ImageStore(stage.images.map { "/\($0)" })
        try ImageRootfs.makeView(of: image, in: store, owners: stage.owners, isOrdinary: users.isOrdinary)
        guard users.isOrdinary else { return try pivot(to: ImageRootfs.view) }
        current = try mountNamespace()
        return current
    }

    private func leaveForOwn() throws(StepFailure) {
        // No namespace that anybody has to find again.
        current = -1
        try StepFailure.naming("slot.view") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_unshare(panal_clone_newns()), "unshare(CLONE_NEWNS)")
        }
    }

    /// Leaves in this namespace nothing but the view in `folder`: so a cell has little to copy and nothing to leave. What is
    /// mounted there is read back in each cell.
    private func pivot(to folder: String) throws(StepFailure) -> Int32 {
        try pivotOnly(to: folder)
        current = try mountNamespace()
        return current
    }

    private func pivotOnly(to folder: String) throws(StepFailure) {
        try StepFailure.naming("slot.view") { () throws(SystemCallFailure) in
            try SystemCallFailure.checkErrno(unsafe chdir("/\(folder)"), "chdir(/\(folder))")
            try Mounts.pivotHere()
        }
    }

    private func mountNamespace() throws(StepFailure) -> Int32 {
        try StepFailure.naming("slot.view") { () throws(SystemCallFailure) in
            try SystemCallFailure.checkErrno(
                unsafe openat(processes, "\(getpid())/ns/mnt", O_RDONLY | O_CLOEXEC), "open(ns/mnt)")
        }
    }

    /// In the wrong one no cell could be made, nor a tree be opened: this process rather ends.
    func go(to namespace: Int32) {
        if namespace == current { return }
        if panal_enter(namespace, panal_clone_newns()) < 0 { panal_exit(1) }
        current = namespace
    }
}
