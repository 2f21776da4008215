internal import CPanalSyscalls
internal import Glibc

/// An open file descriptor with exactly one owner, who closes it by letting it go.
package struct Descriptor: ~Copyable, Sendable {
    package let raw: Int32

    /// `O_PATH`, which Glibc's module hides: a place in the tree, not opened for reading.
    package static let pathOnly: Int32 = 0o10000000

    /// Takes ownership of `raw`, which must be open.
    package init(owning raw: Int32) {
        self.raw = raw
    }

    deinit {
        close(raw)
    }

    /// Gives the number away; the taker closes it.
    package consuming func release() -> Int32 {
        let number = raw
        discard self
        return number
    }

    /// Opens `path`; close-on-exec always.
    package static func open(_ path: String, _ flags: Int32, mode: UInt32 = 0) throws(SystemCallFailure) -> Descriptor {
        let opened = unsafe Glibc.open(path, flags | O_CLOEXEC, mode)
        return Descriptor(owning: try SystemCallFailure.checkErrno(opened, "open(\(path))"))
    }

    /// Opens a relative `path` below `folder`: no `..` out of it, no link of any kind, no other file system.
    package static func open(
        beneath folder: borrowing Descriptor, _ path: String, _ flags: Int32
    ) throws(SystemCallFailure) -> Descriptor {
        let opened = unsafe panal_open_beneath(folder.raw, path, flags)
        return Descriptor(owning: try SystemCallFailure.check(opened, "openat2(\(path))"))
    }

    /// A pipe, both ends close-on-exec: `first` is read, `second` is written.
    package static func pipe() throws(SystemCallFailure) -> DescriptorPair {
        var ends: [Int32] = [-1, -1]
        try SystemCallFailure.check(unsafe panal_pipe(&ends), "pipe2")
        return DescriptorPair(first: ends[0], second: ends[1])
    }

    /// A pair of connected sockets that keep message boundaries.
    package static func messageSockets() throws(SystemCallFailure) -> DescriptorPair {
        var ends: [Int32] = [-1, -1]
        try SystemCallFailure.check(unsafe panal_seqpacket_pair(&ends), "socketpair")
        return DescriptorPair(first: ends[0], second: ends[1])
    }

    /// A counter that becomes readable when somebody adds to it; non-blocking.
    package static func event() throws(SystemCallFailure) -> Descriptor {
        Descriptor(owning: try SystemCallFailure.check(panal_eventfd(), "eventfd"))
    }

    /// An anonymous file in memory that holds `bytes`, at its start.
    package static func memory(name: String, bytes: [UInt8]) throws(SystemCallFailure) -> Descriptor {
        let file = Descriptor(owning: try SystemCallFailure.check(unsafe panal_memfd(name), "memfd_create"))
        try file.writeAll(bytes)
        try SystemCallFailure.checkErrno(lseek(file.raw, 0, SEEK_SET), "lseek(\(name))")
        return file
    }

    /// Another number for the same open file; close-on-exec.
    package borrowing func duplicate() throws(SystemCallFailure) -> Descriptor {
        Descriptor(owning: try SystemCallFailure.checkErrno(fcntl(raw, F_DUPFD_CLOEXEC, 0), "fcntl(F_DUPFD_CLOEXEC)"))
    }

    package borrowing func setNonBlocking() throws(SystemCallFailure) {
        try SystemCallFailure.check(panal_set_nonblocking(raw), "fcntl(O_NONBLOCK)")
    }

    /// Writes all of `bytes`, waiting where the other side is slow.
    package borrowing func writeAll(_ bytes: [UInt8]) throws(SystemCallFailure) {
        var offset = 0
        while offset < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { buffer in
                unsafe write(raw, buffer.baseAddress?.advanced(by: offset), buffer.count - offset)
            }
            if written < 0, errno == EINTR { continue }
            offset += try SystemCallFailure.checkErrno(written, "write")
        }
    }

    /// Reads once, at most `limit` bytes; empty at the end.
    package borrowing func read(atMost limit: Int) throws(SystemCallFailure) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            var got: Int
            repeat { got = unsafe Glibc.read(raw, buffer.baseAddress, limit) } while got < 0 && errno == EINTR
            failure = got < 0 ? errno : 0
            count = max(0, got)
        }
        guard failure == 0 else { throw SystemCallFailure(call: "read", errno: failure) }
        return bytes
    }

    /// Reads to the end; a file of more than `limit` bytes is EFBIG.
    package borrowing func readAll(limit: Int, atOnce size: Int = 65_536) throws(SystemCallFailure) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let part = try read(atMost: size)
            if part.isEmpty { return all }
            all += part
            guard all.count <= limit else { throw SystemCallFailure(call: "read", errno: EFBIG) }
        }
    }

    /// Locks the file, for its owner alone or shared with others, without waiting; false when somebody's lock excludes it.
    package borrowing func lock(exclusively: Bool) throws(SystemCallFailure) -> Bool {
        let answer = panal_lock(raw, exclusively ? 1 : 0)
        if answer == -EWOULDBLOCK { return false }
        try SystemCallFailure.check(answer, "flock")
        return true
    }

    package borrowing func unlock() {
        _ = panal_unlock(raw)
    }

    package borrowing func status() throws(SystemCallFailure) -> FileStatus {
        var fields = [UInt64](repeating: 0, count: 5)
        try SystemCallFailure.check(unsafe panal_fstat(raw, &fields), "fstat")
        return FileStatus(
            mode: UInt32(truncatingIfNeeded: fields[0]), links: Int(clamping: fields[1]),
            bytes: Int(clamping: fields[2]),
            device: fields[3], owner: UInt32(truncatingIfNeeded: fields[4]))
    }
}

/// The two ends of a pipe or of connected sockets, which nobody owns yet: the caller takes each with
/// `Descriptor(owning:)` at once. (A non-copyable pair cannot be taken apart outside its module.)
package struct DescriptorPair: Sendable {
    package let first: Int32
    package let second: Int32

    package init(first: Int32, second: Int32) {
        self.first = first
        self.second = second
    }
}

extension Optional<Descriptor> {
    /// The number, or -1, which `poll` and the shims pass over, where there is none.
    package var number: Int32 {
        switch self {
        case .some(let descriptor): descriptor.raw
        case .none: -1
        }
    }
}

/// What `fstat` says of an open file.
package struct FileStatus: Hashable, Sendable {
    package var mode: UInt32
    package var links: Int
    package var bytes: Int
    package var device: UInt64
    package var owner: UInt32

    package var isRegular: Bool { mode & S_IFMT == S_IFREG }
    package var isFolder: Bool { mode & S_IFMT == S_IFDIR }
    package var hasSetID: Bool { mode & (S_ISUID | S_ISGID) != 0 }
}

/// Small files of the kernel's own: cgroup limits, `/proc` entries.
package enum KernelFile {
    /// The whole text without its last newline; at most 1 MiB.
    package static func read(_ path: String) throws(SystemCallFailure) -> String {
        var bytes = try bytes(of: path)
        if bytes.last == 10 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// All that is in it; at most 1 MiB.
    package static func bytes(of path: String) throws(SystemCallFailure) -> [UInt8] {
        let file = try Descriptor.open(path, O_RDONLY)
        // They are short, and each page that a cell's init touches has to be copied for it.
        return try file.readAll(limit: 1 << 20, atOnce: 2_048)
    }

    /// Writes `text` with one write, as the kernel's files want it.
    package static func write(_ path: String, _ text: String) throws(SystemCallFailure) {
        let file = try Descriptor.open(path, O_WRONLY)
        do throws(SystemCallFailure) {
            try file.writeAll(Array(text.utf8))
        } catch {
            throw SystemCallFailure(call: "write(\(path))", errno: error.errno)
        }
    }

    /// Writes `value` and reads it back.
    package static func set(_ path: String, _ value: String, step: String) throws(StepFailure) {
        let found = try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try write(path, value)
            return try read(path)
        }
        guard found == value else {
            throw StepFailure(step: step, detail: "\(path) was set to \(value) and reads \(found)", errno: 0)
        }
    }
}
