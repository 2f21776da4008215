import FoundationEssentials
import Glibc

/// A folder of one's own that is there for a while.
struct TemporaryFolder {
    let path: String

    /// `name` says what it is for, to whoever finds it.
    init(_ name: String) throws {
        let base = ProcessInfo.processInfo.environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        var template = Array("\(base)/\(name)-XXXXXX".utf8CString)
        guard let made = unsafe mkdtemp(&template) else {
            throw CommandFailure("no temporary folder can be made in \(base) (errno \(errno))")
        }
        path = unsafe String(cString: made)
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}
