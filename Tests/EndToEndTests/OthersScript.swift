import Foundation

/// A script of this repository that runs tools of others, to its end.
enum OthersScript {
    /// All that it has written, and its exit code. `path` is below the repository; what it writes is collected in `folder`.
    static func run(
        _ path: String, _ arguments: [String], environment: [String: String], in folder: URL
    ) async throws -> (text: String, code: Int32) {
        let output = folder.appending(path: "output.txt")
        try Data().write(to: output)
        let file = try FileHandle(forWritingTo: output)
        let process = Process()
        process.executableURL = ServerPlace.root.appending(path: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardOutput = file
        process.standardError = file
        try process.run()
        while process.isRunning { try await Task.sleep(for: .milliseconds(100)) }
        return (try String(contentsOf: output, encoding: .utf8), process.terminationStatus)
    }
}
