package import Glibc

/// A call of the file system that failed.
package struct FileError: Error, Hashable, Sendable {
    package var operation: String
    package var path: String
    package var errno: Int32

    package init(_ operation: String, _ path: String, errno: Int32 = Glibc.errno) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }
}

extension FileError: CustomStringConvertible, CustomDebugStringConvertible {
    /// What failed and why, without the path: this text reaches people whose job it ended, and where the operator keeps things is
    /// none of their business.
    package var description: String {
        let words = unsafe strerror(errno).map { unsafe String(cString: $0) }
        return "\(operation): \(words ?? "no reason known") (errno \(errno))"
    }

    /// With the path, for the log.
    package var debugDescription: String { "\(description): \(path)" }
}

/// An open file that is closed with its owner.
package struct OwnedDescriptor: ~Copyable, Sendable {
    package let number: Int32
    let path: String

    package init(opening path: String, _ flags: Int32, mode: mode_t = 0) throws(FileError) {
        var number: Int32
        repeat { number = unsafe open(path, flags | O_CLOEXEC, mode) } while number < 0 && errno == EINTR
        guard number >= 0 else { throw FileError("open", path) }
        self.number = number
        self.path = path
    }

    deinit { Glibc.close(number) }

    package borrowing func write(_ bytes: [UInt8]) throws(FileError) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(number, buffer.baseAddress.map { unsafe $0 + written }, buffer.count - written)
            }
            if count >= 0 {
                written += count
            } else if errno != EINTR {
                throw FileError("write", path)
            }
        }
    }

    /// Up to `count` bytes at `offset`; empty only at the end.
    package borrowing func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            var got: Int
            repeat { got = unsafe pread(number, buffer.baseAddress, count, offset) } while got < 0 && errno == EINTR
            if got < 0 { failure = FileError("read", path) }
            filled = max(got, 0)
        }
        if let failure { throw failure }
        return bytes
    }

    package borrowing func size() throws(FileError) -> Int {
        var status = stat()
        guard unsafe fstat(number, &status) == 0 else { throw FileError("stat", path) }
        return Int(status.st_size)
    }

    package borrowing func seekToEnd() throws(FileError) {
        guard lseek(number, 0, SEEK_END) >= 0 else { throw FileError("lseek", path) }
    }

    /// Cuts the file off behind its first `bytes`.
    package borrowing func truncate(to bytes: Int) throws(FileError) {
        guard ftruncate(number, bytes) == 0 else { throw FileError("ftruncate", path) }
    }

    package borrowing func setMode(_ mode: mode_t) throws(FileError) {
        guard fchmod(number, mode) == 0 else { throw FileError("chmod", path) }
    }

    /// Takes the file's lock until the descriptor is closed; false when somebody else has it.
    package borrowing func tryLock() throws(FileError) -> Bool {
        if flock(number, LOCK_EX | LOCK_NB) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw FileError("flock", path) }
        return false
    }

    package borrowing func synchronize() throws(FileError) {
        guard fsync(number) == 0 else { throw FileError("fsync", path) }
    }
}

/// For a file whose imports name other modules than the C library.
let openFolder = O_RDONLY | O_DIRECTORY

/// What is done with names, here and in the store. All paths are their caller's own: none is made of what a client or a program
/// said, but of what `EntryPaths` let through.
package enum Files {
    /// The file is there; answers its size and when it was last written. Nil when there is none.
    package static func look(_ path: String) throws(FileError) -> (size: Int, modified: Int64, isFolder: Bool)? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else { throw FileError("stat", path) }
            return nil
        }
        let modified = Int64(status.st_mtim.tv_sec) * 1_000_000 + Int64(status.st_mtim.tv_nsec) / 1_000
        return (Int(status.st_size), modified, status.st_mode & S_IFMT == S_IFDIR)
    }

    /// A folder of mode 0700, harmless when it is there.
    package static func makeFolder(_ path: String) throws(FileError) {
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileError("mkdir", path) }
    }

    package static func rename(_ from: String, to path: String) throws(FileError) {
        guard unsafe Glibc.rename(from, path) == 0 else { throw FileError("rename", path) }
    }

    /// Makes the names in a folder durable.
    package static func synchronizeFolder(_ path: String) throws(FileError) {
        let folder = try OwnedDescriptor(opening: path, O_RDONLY | O_DIRECTORY)
        try folder.synchronize()
    }

    package static func makeLink(_ target: [UInt8], at path: String) throws(FileError) {
        let made = unsafe (target.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { text in
            unsafe text.baseAddress.map { unsafe symlink($0, path) } ?? -1
        }
        guard made == 0 else { throw FileError("symlink", path) }
    }

    /// A second name for a file.
    package static func link(_ path: String, to other: String) throws(FileError) {
        guard unsafe Glibc.link(path, other) == 0 else { throw FileError("link", other) }
    }

    package static func setMode(_ path: String, _ mode: mode_t) throws(FileError) {
        guard unsafe chmod(path, mode) == 0 else { throw FileError("chmod", path) }
    }

    /// Marks a file as used now.
    package static func touch(_ path: String) throws(FileError) {
        guard unsafe utimensat(AT_FDCWD, path, nil, 0) == 0 else { throw FileError("touch", path) }
    }

    package static func removeFile(_ path: String) throws(FileError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw FileError("unlink", path) }
    }

    /// Names in a folder without `.` and `..`; none when there is no such folder.
    package static func names(in path: String) throws(FileError) -> [String] {
        guard let folder = unsafe opendir(path) else {
            guard errno == ENOENT else { throw FileError("opendir", path) }
            return []
        }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while true {
            // The end and a failure look alike but for this.
            errno = 0
            guard let entry = unsafe readdir(folder) else {
                guard errno == 0 else { throw FileError("readdir", path) }
                break
            }
            let length = unsafe Int(entry.pointee.d_reclen)
            let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 0
            let start = unsafe UnsafeRawPointer(entry) + offset
            let bytes = unsafe UnsafeRawBufferPointer(start: start, count: length - offset)
            let name = unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a file, or a folder with all that is in it, also where folders are read-only. Links are removed, not followed.
    package static func removeTree(_ path: String) throws(FileError) {
        guard let found = try look(path) else { return }
        guard found.isFolder else { return try removeFile(path) }
        try setMode(path, 0o700)
        for name in try names(in: path) { try removeTree(path + "/" + name) }
        guard unsafe rmdir(path) == 0 || errno == ENOENT else { throw FileError("rmdir", path) }
    }
}
