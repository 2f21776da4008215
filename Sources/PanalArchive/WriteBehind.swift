import CPanalSyscalls
import Glibc

/// Brings a large file to the disk while it is still being written, and gives back the memory that it takes in the page cache.
///
/// Without it a file of a gigabyte pushes out what running programs read, its end waits for all of it at once, and each page is memory
/// that was not used before: on a virtual machine, whose host has to find that first, 2.5 s of processor time for a gigabyte, against
/// 0.3 s for pages that are used again.
package struct WriteBehind: Sendable {
    /// Bytes that go to the disk at a time.
    static let window = 8 << 20
    /// Smaller files stay in memory, as they are likely read again soon.
    static let smallest = 64 << 20

    /// All before it is on its way to the disk.
    private var begun: Int
    /// All before it has left the memory.
    private var dropped: Int

    /// For a file that is written from `offset` on.
    package init(from offset: Int = 0) { (begun, dropped) = (offset, offset) }

    /// To be called when the file has grown to `bytes`. Throws what the disk says about what was written before: nobody else is told of
    /// that again.
    package mutating func note(_ bytes: Int, in file: borrowing OwnedDescriptor) throws(FileError) {
        while bytes - begun >= Self.window {
            try file.writeOut(from: begun, count: Self.window, waits: false)
            begun += Self.window
        }
        // The last window is left to itself: what it waits for is on its way then.
        let end = begun - Self.window
        guard begun >= Self.smallest, end > dropped else { return }
        try file.writeOut(from: dropped, count: end - dropped, waits: true)
        file.dropFromMemory(from: dropped, count: end - dropped)
        dropped = end
    }
}

/// Gives back the memory that a large file takes in the page cache while it is read from one end to the other. Smaller ones stay: they are
/// likely read again soon, and by several.
package struct ReadBehind: Sendable {
    static let smallest = 256 << 20

    /// All before it has left the memory.
    private var dropped: Int?

    package init() {}

    /// To be called when a file of `size` bytes was read up to `end`, from where it was read up to before.
    package mutating func note(_ end: Int, of size: Int, in file: borrowing OwnedDescriptor) {
        guard size >= Self.smallest else { return }
        // Where another place is read, it begins anew.
        guard let start = dropped, start <= end, end - start <= 3 * WriteBehind.window else {
            dropped = end
            return
        }
        guard end - start >= 2 * WriteBehind.window else { return }
        file.dropFromMemory(from: start, count: WriteBehind.window)
        dropped = start + WriteBehind.window
    }
}

extension OwnedDescriptor {
    fileprivate borrowing func writeOut(from offset: Int, count: Int, waits: Bool) throws(FileError) {
        let result = panal_sync_file_range(number, Int64(offset), Int64(count), waits ? 1 : 0)
        // Some file systems do not know the call: what it would bring is brought by `fsync` at the end.
        guard result < 0, ![ENOSYS, EINVAL, ESPIPE, EOPNOTSUPP].contains(-result) else { return }
        throw FileError("sync_file_range", path, errno: -result)
    }

    /// Advice, which may be passed over.
    fileprivate borrowing func dropFromMemory(from offset: Int, count: Int) {
        _ = posix_fadvise(number, offset, count, POSIX_FADV_DONTNEED)
    }
}
