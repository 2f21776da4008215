internal import Glibc
internal import PanalCore
internal import PanalLinux

/// Copies a descriptor (a terminal, a pipe, a stored file) into a pipe, so that the cell never holds the original: a terminal
/// in a cell's hands could be typed into, a file would show where it stands.
enum InputFeeder {
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
