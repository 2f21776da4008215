internal import CPanalSyscalls

/// For threads that do little at a time and are waited for. Since Linux 6.12 the kernel lets a thread that asks for short slices
/// run as soon as it wakes, where others would first use up their own longer ones; older kernels take no notice. It gets no more
/// time by that.
package enum ShortSlice {
    /// The shortest that there is, in nanoseconds.
    private static let length: UInt64 = 100_000

    /// Asks for the calling thread. A courtesy of the kernel's, which it may refuse. With `isOwn` what the thread makes has the
    /// usual slices again; without privileges it can then change its policy no more.
    package static func take(isOwn: Bool) { _ = panal_set_slice(length, isOwn ? 1 : 0) }
}
