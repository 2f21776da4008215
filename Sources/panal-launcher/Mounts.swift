internal import CPanalSyscalls
internal import Glibc
internal import PanalLinux

/// The mount calls that the launcher and the cell's init need, each one system call.
enum Mounts {
    static let readOnly = UInt(1)
    static let noSetID = UInt(2)
    static let noDevices = UInt(4)
    static let noExecution = UInt(8)
    static let inert = noSetID | noDevices | noExecution
    private static let remount = UInt(32)
    private static let bindFlag = UInt(0x1000)
    private static let recursive = UInt(0x4000)
    private static let privateFlag = UInt(0x40000)

    /// A mount namespace of the caller's own, from which nothing spreads and into which nothing comes.
    static func unshareNamespace() throws(SystemCallFailure) {
        try SystemCallFailure.check(panal_unshare(panal_clone_newns()), "unshare(CLONE_NEWNS)")
        try SystemCallFailure.check(unsafe panal_mount(nil, "/", nil, recursive | privateFlag, nil), "mount(private /)")
    }

    static func tmpfs(at path: String, options: String, flags: UInt) throws(SystemCallFailure) {
        try SystemCallFailure.check(unsafe panal_mount("panal", path, "tmpfs", flags, options), "mount(tmpfs \(path))")
    }

    /// `withAllBelow`: with what is mounted below; an ordinary user cannot show what such a mount covers.
    static func bind(
        _ source: String, _ target: String, withAllBelow: Bool = false
    ) throws(SystemCallFailure) {
        let flags = bindFlag | (withAllBelow ? recursive : 0)
        try SystemCallFailure.check(unsafe panal_mount(source, target, nil, flags, nil), "mount(bind \(target))")
    }

    /// A read-only view of `lower` with inodes of its own: locks and watches on its files are nobody else's. `empty` is any
    /// empty folder, since a view that is never written needs two layers.
    static func view(
        of lower: String, empty: String, at path: String, flags: UInt, options: String = ""
    ) throws(SystemCallFailure) {
        try SystemCallFailure.check(
            unsafe panal_mount(
                "panal", path, "overlay", readOnly | noSetID | flags, "lowerdir=\(lower):\(empty)\(options)"),
            "mount(overlay \(path))")
    }

    /// The same of any folder, detached.
    static func view(of lower: String, empty: String) throws(SystemCallFailure) -> Descriptor {
        Descriptor(
            owning: try SystemCallFailure.check(unsafe panal_new_view("\(lower):\(empty)"), "fsmount(overlay)"))
    }

    /// An overlay that can be written: what is changed lies in `upper`.
    static func writableView(
        of lower: String, upper: String, work: String, at path: String, options: String
    ) throws(SystemCallFailure) {
        try SystemCallFailure.check(
            unsafe panal_mount(
                "panal", path, "overlay", noSetID | noDevices,
                "lowerdir=\(lower),upperdir=\(upper),workdir=\(work),\(options)"), "mount(overlay \(path))")
    }

    static func process(at path: String) throws(SystemCallFailure) {
        try SystemCallFailure.check(
            unsafe panal_mount("proc", path, "proc", inert, "hidepid=invisible,subset=pid"), "mount(proc)")
    }

    /// Read-only and without set-id bits, on one mount or on all below.
    static func seal(_ path: String, noDevices: Bool, recursive: Bool) throws(SystemCallFailure) {
        try SystemCallFailure.check(
            unsafe panal_seal_mount(AT_FDCWD, path, noDevices ? 1 : 0, recursive ? 1 : 0), "mount_setattr(\(path))")
    }

    /// A detached, read-only, nosuid and nodev clone of what is open as `tree`, without what is mounted below it.
    static func sealedClone(of tree: borrowing Descriptor) throws(SystemCallFailure) -> Descriptor {
        let clone = Descriptor(
            owning: try SystemCallFailure.check(unsafe panal_clone_tree(tree.raw, "", 0), "open_tree"))
        try SystemCallFailure.check(unsafe panal_seal_mount(clone.raw, "", 1, 0), "mount_setattr")
        return clone
    }

    /// A detached tmpfs with a quota in bytes and inodes.
    static func scratch(bytes: UInt64, inodes: UInt32) throws(SystemCallFailure) -> Descriptor {
        Descriptor(
            owning: try SystemCallFailure.check(
                unsafe panal_new_tmpfs(String(bytes), String(inodes), "0755"), "fsmount(tmpfs)"))
    }

    /// Gives a tmpfs another quota; its mount stays nosuid and nodev.
    static func resize(_ path: String, bytes: UInt64, inodes: UInt32) throws(SystemCallFailure) {
        let options = "size=\(bytes),nr_inodes=\(inodes)"
        try SystemCallFailure.check(
            unsafe panal_mount(nil, path, nil, remount | noSetID | noDevices, options), "mount(remount \(path))")
    }

    static func attach(_ tree: Int32, at path: String) throws(SystemCallFailure) {
        try SystemCallFailure.check(unsafe panal_attach_tree(tree, path), "move_mount(\(path))")
    }

    static func detach(_ path: String) throws(SystemCallFailure) {
        try SystemCallFailure.check(unsafe panal_unmount_detached(path), "umount2(\(path))")
    }

    /// Makes the current folder, a mount, the root, and lets the old root go.
    static func pivotHere() throws(SystemCallFailure) {
        try SystemCallFailure.check(unsafe panal_pivot_root(".", "."), "pivot_root")
        try detach(".")
        try SystemCallFailure.checkErrno(unsafe chdir("/"), "chdir(/)")
    }

    /// What `statfs` says: total bytes, total inodes, flags, magic number.
    static func status(_ path: String) throws(SystemCallFailure) -> (
        bytes: UInt64, inodes: UInt64, flags: UInt, magic: UInt64
    ) {
        var fields = [UInt64](repeating: 0, count: 4)
        try SystemCallFailure.check(unsafe panal_statfs(path, &fields), "statfs(\(path))")
        return (fields[0], fields[1], UInt(fields[2]), fields[3])
    }

    static let tmpfsMagic: UInt64 = 0x0102_1994
    static let pipeMagic: UInt64 = 0x5049_5045
    static let overlayMagic: UInt64 = 0x794c_7630
}

/// Symbolic links.
enum Links {
    static func make(_ path: String, to target: String) throws(SystemCallFailure) {
        try SystemCallFailure.checkErrno(unsafe symlink(target, path), "symlink(\(path))")
    }

    /// Where a link points; nil when `path` is something else.
    static func target(of path: String) throws(SystemCallFailure) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let length = unsafe buffer.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return -1 }
            return unsafe readlink(path, start.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        if length < 0 {
            let failure = SystemCallFailure(call: "readlink(\(path))", errno: errno)
            // “Not a link” is believed of what is none.
            var found = stat()
            guard failure.errno == EINVAL, unsafe lstat(path, &found) == 0, found.st_mode & S_IFMT != S_IFLNK else {
                throw failure
            }
            return nil
        }
        guard length > 0, length < buffer.count, let target = String(validating: buffer[0..<length], as: UTF8.self)
        else { throw SystemCallFailure(call: "readlink(\(path))", errno: EILSEQ) }
        return target
    }
}

/// Files that must not be there yet.
enum NewFile {
    static func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(SystemCallFailure) {
        let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
        try file.writeAll(bytes)
        guard try file.status().bytes == bytes.count else {
            throw SystemCallFailure(call: "write(\(path))", errno: EIO)
        }
    }
}
