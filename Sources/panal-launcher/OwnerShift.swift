internal import CPanalSyscalls
internal import Glibc
internal import PanalLinux

/// Lets the files of images, which belong to the server's user, show as root's: there are programs that refuse what belongs to
/// somebody else. It protects from nothing, and where this kernel (before Linux 5.19) or the images' file system cannot do it, that
/// user's number shows.
enum OwnerShift {
    /// In the stage, at the launcher's start: a user namespace whose map is the shift, for whoever owns `folder`; -1 where nothing is to
    /// be shifted, or cannot be, which is found out by doing it.
    static func make(for folder: String, in stage: String) throws(StepFailure) -> Int32 {
        var found = stat()
        try StepFailure.naming("rootfs.owners") { () throws(SystemCallFailure) in
            try SystemCallFailure.checkErrno(unsafe stat(folder, &found), "stat(\(folder))")
        }
        guard found.st_uid != 0, let owners = try? namespace(showing: found, as: 0) else { return -1 }
        guard (try? tryOut(owners.raw, folder, in: stage)) != nil else { return -1 }
        return owners.release()
    }

    /// A user namespace whose map shows the owner and the group of what was looked at as `user`'s. The host's `/proc` is in sight.
    static func namespace(showing found: stat, as user: UInt32) throws(SystemCallFailure) -> Descriptor {
        let processes = try Descriptor.open("/proc", Descriptor.pathOnly | O_DIRECTORY)
        return try namespace(showing: found, as: user, processes: processes.raw)
    }

    /// The same where only an open `/proc` is there.
    static func namespace(
        showing found: stat, as user: UInt32, processes: Int32
    ) throws(SystemCallFailure) -> Descriptor {
        var pidfd: Int32 = -1
        let process = try SystemCallFailure.check(
            unsafe panal_fork(panal_clone_newuser(), -1, &pidfd), "clone3(CLONE_NEWUSER)")
        if process == 0 {
            // It is ended as soon as its namespace has been taken hold of.
            _ = panal_set_parent_death_signal(SIGKILL)
            while true { pause() }
        }
        defer {
            Processes.kill(pidfd: pidfd)
            close(pidfd)
            var status: Int32 = 0
            _ = unsafe panal_wait(process, &status)
        }
        for (name, id) in [("uid_map", found.st_uid), ("gid_map", found.st_gid)] {
            try open("\(process)/\(name)", O_WRONLY, in: processes).writeAll(Array("\(id) \(user) 1".utf8))
        }
        return try open("\(process)/ns/user", O_RDONLY, in: processes)
    }

    private static func open(
        _ path: String, _ flags: Int32, in processes: Int32
    ) throws(SystemCallFailure) -> Descriptor {
        Descriptor(
            owning: try SystemCallFailure.checkErrno(
                unsafe openat(processes, path, flags | O_CLOEXEC), "open(/proc/\(path))"))
    }

    /// Makes of the folder what is made of images, and takes it away.
    private static func tryOut(_ owners: Int32, _ folder: String, in stage: String) throws(SystemCallFailure) {
        let (image, view) = ("\(stage)/\(ImageRootfs.image)", "\(stage)/\(ImageRootfs.view)")
        let clone = try Mounts.sealedClone(of: try Descriptor.open(folder, Descriptor.pathOnly | O_DIRECTORY))
        try shift(clone, by: owners)
        try Mounts.attach(clone.raw, at: image)
        defer { try? Mounts.detach(image) }
        try ImageRootfs.mount(image, on: "\(stage)/\(ImageRootfs.skeleton)", at: view)
        try Mounts.detach(view)
    }

    /// Shows a detached tree's files so, and reads that back.
    static func shift(
        _ tree: borrowing Descriptor, by owners: Int32, to user: UInt32 = 0
    ) throws(SystemCallFailure) {
        try SystemCallFailure.check(panal_shift_owners(tree.raw, owners), "mount_setattr(MOUNT_ATTR_IDMAP)")
        guard try tree.status().owner == user else {
            throw SystemCallFailure(call: "mount_setattr(MOUNT_ATTR_IDMAP), without effect", errno: EBADMSG)
        }
    }
}
