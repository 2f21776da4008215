internal import Glibc

/// What the kernel still counts of a group without processes. Segments of System V memory, descriptors that only lie in each
/// other's sockets, and file systems that nobody sees any more are freed by kernel threads, some time after the last process is
/// gone; files that somebody has open are not freed at all.
enum GroupRemainder {
    /// As little is no run's: the kernel's own of processes that have ended, and what each processor has taken in advance.
    static let usual: Int64 = 8 << 20

    /// Bytes that nobody else can have yet; 0 for a group that is not there any more. What the kernel drops as soon as somebody
    /// needs room is not among them: pages of files, and of its own what can be made again.
    static func bytes(_ folder: String, counter: String) throws(SystemCallFailure) -> UInt64 {
        do throws(SystemCallFailure) {
            // The rule: one number is read, and it is small.
            let used = try KernelHandle("\(folder)/\(counter)").number()
            guard used > usual else { return 0 }
            let parts = try KernelHandle("\(folder)/memory.stat")
            var left = used - (try parts.entry("inactive_file")) - (try parts.entry("active_file"))
            // v1 does not tell of it.
            left -= (try? parts.entry("slab_reclaimable")) ?? 0
            return left > usual ? UInt64(left) : 0
        } catch {
            guard error.errno == ENOENT || error.errno == ENODEV else { throw error }
            return 0
        }
    }
}
