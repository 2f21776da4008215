import FoundationEssentials
import Glibc

/// The file of a ``ServerList``. It holds keys: it is made for its owner alone, replaced as a whole, and not believed when others
/// can read it.
package struct ServerListFile {
    /// Nil where there is no home to have one in.
    package let path: String?

    package init(path: String) {
        self.path = path
    }

    /// `panal/servers.json` in the user's configuration folder (XDG Base Directory), or what PANAL_CONFIG names.
    package init(environment: [String: String]) {
        if let path = environment["PANAL_CONFIG"], !path.isEmpty {
            self.path = path
        } else if let folder = environment["XDG_CONFIG_HOME"], folder.hasPrefix("/") {
            path = "\(folder)/panal/servers.json"
        } else if let home = environment["HOME"], home.hasPrefix("/") {
            path = "\(home)/.config/panal/servers.json"
        } else {
            path = nil
        }
    }

    /// An empty list where there is no file. Throws `local` where others can read it, or it cannot be understood.
    package func read() throws(ClientFailure) -> ServerList {
        guard let path else { return ServerList() }
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return ServerList() }
            throw ClientFailure(.local, "\(path) cannot be read: \(Self.reason(errno))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ClientFailure(.local, "\(path) is not a file")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw ClientFailure(
                .local,
                "\(path) holds keys, but others can read it (mode \(String(status.st_mode & 0o777, radix: 8))); "
                    + "if nobody has, mend it: chmod 600 \(path)")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ClientFailure(.local, "\(path) cannot be read")
        }
        return try ServerList(parsing: data, file: path)
    }

    /// Replaces the file. Folders that are missing are made for the user alone. Throws `local`.
    package func write(_ list: ServerList) throws(ClientFailure) {
        guard let path else {
            throw ClientFailure(.local, "HOME is not set, so there is no place for keys; name a file by PANAL_CONFIG")
        }
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        try Self.makeFolder(folder)
        let bytes: [UInt8]
        do { bytes = [UInt8](try list.serialized()) } catch { throw ClientFailure(.local, "\(error)") }
        let draft = "\(path).\(getpid())"
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ClientFailure(.local, "\(draft) cannot be made: \(Self.reason(errno))")
        }
        var failure: Int32 = 0
        // The user's umask must not make it more than asked for; it could only make it less.
        if unsafe Glibc.write(descriptor, bytes, bytes.count) != bytes.count || fsync(descriptor) != 0 {
            failure = errno
        }
        close(descriptor)
        if failure == 0, unsafe rename(draft, path) != 0 { failure = errno }
        guard failure == 0 else {
            _ = unsafe unlink(draft)
            throw ClientFailure(.local, "\(path) cannot be written: \(Self.reason(failure))")
        }
    }

    private static func makeFolder(_ path: String) throws(ClientFailure) {
        guard unsafe access(path, F_OK) != 0 else { return }
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex { try makeFolder(String(path[..<slash])) }
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw ClientFailure(.local, "\(path) cannot be made: \(reason(errno))")
        }
    }

    private static func reason(_ number: Int32) -> String { unsafe String(cString: strerror(number)) }
}
