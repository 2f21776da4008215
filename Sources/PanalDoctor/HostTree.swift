internal import Glibc
internal import PanalLinux

/// The files of a host, `/proc` and `/sys` above all, below a folder that stands for `/`.
///
/// Whatever is asked of a host by path goes through here, so that a folder of files can stand for any host, and a repair
/// can be tried on it.
package struct HostTree: Sendable {
    private let root: String

    /// `root`: a folder that stands for `/`, without a slash at its end; empty for the host itself.
    package init(root: String) {
        self.root = root
    }

    package static let thisHost = HostTree(root: "")

    /// The whole text without its last newline; nil where the file is not there or not readable.
    func text(_ path: String) -> String? {
        try? KernelFile.read(root + path)
    }

    func lines(_ path: String) -> [Substring] {
        text(path)?.split(separator: "\n") ?? []
    }

    /// Names in a folder, sorted; none where it is not there.
    func names(in path: String) -> [String] {
        guard let folder = try? Descriptor.open(root + path, O_RDONLY | O_DIRECTORY),
            let names = try? Folders.names(in: folder, limit: 100_000)
        else { return [] }
        return names.map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    /// Where a symbolic link points to; nil where none is there.
    func target(of path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 256)
        let count = unsafe readlink(root + path, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }

    func exists(_ path: String) -> Bool {
        Folders.exists(root + path)
    }

    /// Who may write to a file, by its owner, group and mode; nil where it is not there.
    func permissions(_ path: String) -> Permissions? {
        var found = stat()
        guard unsafe stat(root + path, &found) == 0 else { return nil }
        return Permissions(owner: found.st_uid, group: found.st_gid, mode: found.st_mode & 0o7777)
    }

    /// Room that an ordinary user has on the file system at `path`; nil where nothing can be said.
    func space(_ path: String) -> DiskSpace? {
        var found = statvfs()
        guard unsafe statvfs(root + path, &found) == 0 else { return nil }
        return DiskSpace(
            freeBytes: Int(clamping: found.f_bavail) * Int(clamping: found.f_frsize),
            freeFiles: found.f_files == 0 ? nil : Int(clamping: found.f_favail))
    }

    /// Writes one of the kernel's files.
    func write(_ path: String, _ text: String) throws(SystemCallFailure) {
        try KernelFile.write(root + path, text)
    }
}

/// Owner, group and mode of a file.
struct Permissions: Hashable, Sendable {
    var owner: UInt32
    var group: UInt32
    var mode: UInt32

    func allowWriting(by user: UserFacts) -> Bool {
        if user.id == 0 { return true }
        if owner == user.id { return mode & 0o200 != 0 }
        if user.groups.contains(group) { return mode & 0o020 != 0 }
        return mode & 0o002 != 0
    }
}

/// Room on a file system.
package struct DiskSpace: Hashable, Sendable {
    /// For an ordinary user, without what is reserved to root.
    package var freeBytes: Int
    /// Inodes; nil where the file system has no fixed number of them.
    package var freeFiles: Int?

    package init(freeBytes: Int, freeFiles: Int?) {
        self.freeBytes = freeBytes
        self.freeFiles = freeFiles
    }
}
