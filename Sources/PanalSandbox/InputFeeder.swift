internal import Glibc
internal import PanalCore
internal import PanalLinux

/// Copies a descriptor (a terminal, a pipe, a stored file) into a pipe, so that the cell never holds the original: a terminal
/// in a cell's hands could be typed into, a file would show where it stands.
enum InputFeeder {
    /// A copy of a whole stored file in memory, at its beginning, that its reader cannot change; the number is the caller's. EFBIG
    /// for more than a standard input may have. What takes a while is done by a thread of its own.
    static nonisolated(nonsending) func copy(of source: consuming Descriptor) async -> Result<Int32, SystemCallFailure>
    {
        let bytes: Int
        do throws(SystemCallFailure) {
            bytes = try source.status().bytes
        } catch {
            return .failure(error)
        }
        let number = source.release()
        let work: @Sendable () -> Result<Int32, SystemCallFailure> = {
            let source = Descriptor(owning: number)
            do throws(SystemCallFailure) {
                return .success(try copyAll(of: source))
            } catch {
                return .failure(error)
            }
        }
        guard bytes > atOnce else { return work() }
        return await withCheckedContinuation { continuation in
            do throws(SystemError) {
                try CellThread.start { continuation.resume(returning: work()) }
            } catch {
                close(number)
                continuation.resume(
                    returning: .failure(SystemCallFailure(call: "pthread_create", errno: Int32(clamping: error.errno))))
            }
        }
    }

    private static let atOnce = 1 << 20

    private static func copyAll(of source: borrowing Descriptor) throws(SystemCallFailure) -> Int32 {
        let file = try Descriptor.memory(name: "input", bytes: [])
        var left = AttemptSpec.maximumStandardInput
        while true {
            let bytes = try source.read(atMost: atOnce)
            if bytes.isEmpty { break }
            left -= bytes.count
            guard left >= 0 else { throw SystemCallFailure(call: "copy", errno: EFBIG) }
            try file.writeAll(bytes)
        }
        try SystemCallFailure.checkErrno(fchmod(file.raw, 0o444), "fchmod(input)")
        return try Descriptor.open("/proc/self/fd/\(file.raw)", O_RDONLY).release()
    }

    /// The pipe's read end. The thread ends when the source does, or when nobody is left to read.
    static func start(from source: Int32) throws(SystemCallFailure) -> Descriptor {
        let ends = try Descriptor.pipe()
        let read = Descriptor(owning: ends.first)
        let write = ends.second
        // The caller may close its own at once.
        let copy = dup(source)
        do throws(SystemError) {
            try CellThread.start {
                let write = Descriptor(owning: write)
                let source = Descriptor(owning: copy)
                while let bytes = try? source.read(atMost: 65_536), !bytes.isEmpty {
                    guard (try? write.writeAll(bytes)) != nil else { return }
                }
            }
        } catch {
            close(write)
            close(copy)
            throw SystemCallFailure(call: "pthread_create", errno: Int32(clamping: error.errno))
        }
        return read
    }
}
