internal import Glibc

/// Making, listing and removing folders.
package enum Folders {
    package static func make(_ path: String, mode: UInt32) throws(SystemCallFailure) {
        try SystemCallFailure.checkErrno(unsafe mkdir(path, mode), "mkdir(\(path))")
    }

    /// Makes the folder unless it stands already.
    package static func ensure(_ path: String, mode: UInt32) throws(SystemCallFailure) {
        if unsafe mkdir(path, mode) == 0 || errno == EEXIST { return }
        throw SystemCallFailure(call: "mkdir(\(path))", errno: errno)
    }

    package static func exists(_ path: String) -> Bool {
        unsafe access(path, F_OK) == 0
    }

    /// The same, where it is no answer that the kernel could not look.
    package static func isThere(_ path: String) throws(SystemCallFailure) -> Bool {
        if unsafe access(path, F_OK) == 0 { return true }
        if errno == ENOENT || errno == ENOTDIR { return false }
        throw SystemCallFailure(call: "access(\(path))", errno: errno)
    }

    /// How long a sweep waits for killed processes: gigabytes of memory take seconds to give back.
    package static let sweepPatience = 10_000

    /// Removes an empty folder; is patient while the kernel still counts a process that has just ended in it.
    package static func removeSettling(_ path: String, milliseconds: Int = 500) throws(SystemCallFailure) {
        for attempt in 0... {
            if unsafe rmdir(path) == 0 || errno == ENOENT { return }
            let number = errno
            guard number == EBUSY, attempt < milliseconds / 2 else {
                throw SystemCallFailure(call: "rmdir(\(path))", errno: number)
            }
            usleep(2_000)
        }
    }

    /// Names in a folder, `.` and `..` left out, as bytes, since a program may choose names that are not UTF-8; at most
    /// `limit`.
    package static func names(in folder: consuming Descriptor, limit: Int) throws(SystemCallFailure) -> [[UInt8]] {
        let raw = folder.release()
        guard let stream = unsafe fdopendir(raw) else {
            let number = errno
            Glibc.close(raw)
            throw SystemCallFailure(call: "fdopendir", errno: number)
        }
        defer { unsafe closedir(stream) }
        var names: [[UInt8]] = []
        while names.count < limit {
            // The end and a failure look alike but for this.
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                let number = errno
                guard number == 0 else { throw SystemCallFailure(call: "readdir", errno: number) }
                break
            }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: UInt8.self, capacity: 256) { bytes in
                    unsafe Array(UnsafeBufferPointer(start: bytes, count: strnlen(tuple, 256)))
                }
            }
            if name != [46], name != [46, 46] { names.append(name) }
        }
        return names
    }

    /// Names of the folders directly below `path`.
    package static func children(of path: String) throws(SystemCallFailure) -> [String] {
        let names = try names(in: try Descriptor.open(path, O_RDONLY | O_DIRECTORY), limit: 100_000)
        return names.map { String(decoding: $0, as: UTF8.self) }.filter { name in
            var found = stat()
            return unsafe lstat("\(path)/\(name)", &found) == 0 && found.st_mode & S_IFMT == S_IFDIR
        }
    }
}
