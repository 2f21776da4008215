import Foundation

/// A folder of one test; it is removed with its owner.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "panal-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        // Published folders are read-only; root could remove them as they are, others could not.
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/chmod")
        process.arguments = ["-R", "u+w", path]
        try? process.run()
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Every file and folder below, relative and sorted, with its mode: `blobs/ab/ab… 444`.
    func tree(_ part: String = "") throws -> [String] {
        let root = part.isEmpty ? path : path + "/" + part
        let names = try FileManager.default.subpathsOfDirectory(atPath: root)
        return try names.sorted().map { name in
            let mode = try FileManager.default.attributesOfItem(atPath: root + "/" + name)[.posixPermissions] as? Int
            return name + " " + String(mode ?? 0, radix: 8)
        }
    }
}

/// Runs a Python 3 program; `arguments` are its `sys.argv[1:]`.
func python(_ program: String, _ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    process.arguments = ["-c", program] + arguments
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
}
