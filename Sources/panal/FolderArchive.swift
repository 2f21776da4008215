import FoundationEssentials
import Glibc

/// A folder packed into a temporary `.tar.gz`, the form in which servers take folders.
struct FolderArchive {
    let path: String
    private let folder: TemporaryFolder

    init(of source: String) throws {
        let name = try FileManager.default.realName(of: source)
        folder = try TemporaryFolder("panal")
        path = "\(folder.path)/\(name).tar.gz"
        do {
            let code = try ChildProcess.run(
                "/usr/bin/tar", ["-C", source, "-czf", path, "--owner=0", "--group=0", "."])
            guard code == 0 else { throw CommandFailure("tar could not pack \(source)") }
        } catch {
            remove()
            throw error
        }
    }

    func remove() {
        folder.remove()
    }
}

extension FileManager {
    /// The last part of a folder's path with all links followed: what `.` is called.
    fileprivate func realName(of folder: String) throws -> String {
        guard let real = unsafe realpath(folder, nil) else { throw CommandFailure("\(folder) cannot be read") }
        defer { unsafe free(real) }
        let name = unsafe String(cString: real).split(separator: "/").last.map(String.init)
        return name ?? "program"
    }
}
