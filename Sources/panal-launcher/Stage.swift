internal import Glibc
internal import PanalLinux

/// The folder in the launcher's own mount namespace, reached by nobody else, that holds what cells are made of: the root `host`,
/// the skeleton of those that are images, the data folder and the folder of images, read-only; with an ordinary user's launcher
/// `/proc` too. A spawner has it as its whole file system.
struct Stage {
    let folder: String
    /// Whether a data folder stands in it, as `data`.
    let hasData: Bool
    /// As what the folder of images stands in it; nil where there is none.
    var images: String?
    /// See `OwnerShift`; -1 for none.
    var owners: Int32 = -1
    /// See `WritableRoot`.
    var writesRoots = false

    /// What the processes that make cells keep open of the launcher's.
    var inherited: [Int32] { owners < 0 ? [] : [owners] }

    static let data = "data"
    static let images = "images"
    /// Where a cell that is being made has its scratch for a moment.
    static let scratch = "scratch"
    /// A folder without anything in it.
    static let empty = "empty"

    /// Where a slot has its own view of a root.
    static func view(of root: String) -> String { "\(root).view" }

    /// In a spawner: a view of the root `host` with inodes that no other slot has. Runs of different tenants would otherwise meet at
    /// locks on the files that they share. Only the host's own device nodes, which an ordinary user's cells have, stay shared: in
    /// a file system that such a user mounts no node counts.
    func makeView(ofOrdinaryUser isOrdinary: Bool) throws(StepFailure) {
        try StepFailure.naming("slot.view") { () throws(SystemCallFailure) in
            let (from, to) = ("/\(HostRootfs.name)", "/\(Self.view(of: HostRootfs.name))")
            let empty = "/\(Self.empty)"
            try Mounts.view(of: from, empty: empty, at: to, flags: Mounts.noDevices)
            try Mounts.view(of: "\(from)/usr", empty: empty, at: "\(to)/usr", flags: Mounts.noDevices)
            try Mounts.view(of: "\(from)/dev", empty: empty, at: "\(to)/dev", flags: Mounts.noExecution)
            if isOrdinary { try HostRootfs.bindNodes(from: "\(from)/dev", to: "\(to)/dev") }
        }
    }

    /// In a spawner: a detached, read-only view of something below the data folder; no link on the way, and nothing but what is
    /// expected there. It has inodes that no other run has: two runs that were given the same would otherwise meet at locks on
    /// it.
    func tree(_ path: String, isFolder: Bool, step: String) throws(StepFailure) -> Descriptor {
        guard hasData else { throw .mismatch(step, "this launcher has no data folder") }
        return try StepFailure.naming(step) { () throws(SystemCallFailure) in
            let data = try Descriptor.open("/\(Self.data)", Descriptor.pathOnly | O_DIRECTORY)
            let flags = Descriptor.pathOnly | O_DIRECTORY
            if isFolder { return try view(of: try Descriptor.open(beneath: data, path, flags)) }
            let parts = path.split(separator: "/")
            let parent = parts.count < 2 ? "." : parts.dropLast().joined(separator: "/")
            let folder = try view(of: try Descriptor.open(beneath: data, parent, flags))
            return try file(String(parts.last ?? ""), in: folder)
        }
    }

    private func view(of folder: borrowing Descriptor) throws(SystemCallFailure) -> Descriptor {
        // By the current folder, since what was opened has no other name that stays.
        try SystemCallFailure.checkErrno(fchdir(folder.raw), "fchdir")
        var (here, wanted) = (stat(), stat())
        try SystemCallFailure.checkErrno(unsafe lstat(".", &here), "lstat(.)")
        try SystemCallFailure.checkErrno(unsafe fstat(folder.raw, &wanted), "fstat")
        // Anywhere else, a program would get what is not meant for it.
        guard here.st_ino == wanted.st_ino, here.st_dev == wanted.st_dev else {
            throw SystemCallFailure(call: "fchdir, which came elsewhere", errno: ESTALE)
        }
        let view = try Mounts.view(of: ".", empty: "/\(Self.empty)")
        try SystemCallFailure.checkErrno(unsafe chdir("/"), "chdir(/)")
        return view
    }

    /// A tree of one file of a view, for which the view has to be mounted for a moment.
    private func file(_ name: String, in view: borrowing Descriptor) throws(SystemCallFailure) -> Descriptor {
        let place = "/\(Self.scratch)"
        try Mounts.attach(view.raw, at: place)
        let tree: Descriptor
        do throws(SystemCallFailure) {
            let opened = try Descriptor.open(beneath: view, name, Descriptor.pathOnly)
            let status = try opened.status()
            guard status.isRegular, !status.hasSetID else {
                throw SystemCallFailure(call: "fstat(\(name))", errno: EINVAL)
            }
            tree = try Mounts.sealedClone(of: opened)
        } catch {
            try? Mounts.detach(place)
            throw error
        }
        try Mounts.detach(place)
        return tree
    }
}
