import Foundation

/// A built panald with data, a port and an instance of its own.
final class RunningServer {
    struct Failure: Error {
        var reason: String
    }

    let address: String
    /// The first administrator's, as the server printed it.
    let password: String
    let data: URL
    let instance = "e2e-\(getpid())"
    private let process: Process
    private let folder: URL

    /// Where the test's own executable was built, and panald beside it.
    static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL

    /// Starts the server and waits until it listens, at most half a minute.
    init() throws {
        guard geteuid() == 0 else { throw Failure(reason: "cells need root; run the tests as root") }
        folder = FileManager.default.temporaryDirectory.appending(path: "panal-\(instance)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // The service goes on as another user, who has to reach its data.
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path())
        data = folder.appending(path: "data")
        process = Process()
        process.executableURL = Self.products.appending(path: "panald")
        process.arguments = [
            "--port", "0", "--data", data.path(), "--instance", instance, "--user", "nobody", "--profiles",
            Self.root.appending(path: "Profiles").path(), "--log-level", "warning",
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let lines = try Self.lines(of: output, until: "Panal listens on ", process: process)
        guard let listens = lines.last?.split(separator: " ").last,
            let password = lines.first(where: { $0.contains(" with the password ") })?.split(separator: " ").last
        else { throw Failure(reason: "the server printed \(lines)") }
        address = listens.hasSuffix("/") ? String(listens.dropLast()) : String(listens)
        self.password = String(password)
    }

    /// Reads lines until one begins with `mark`.
    private static func lines(of pipe: Pipe, until mark: String, process: Process) throws -> [String] {
        var text = ""
        let deadline = Date(timeIntervalSinceNow: 30)
        while Date() < deadline {
            let data = pipe.fileHandleForReading.availableData
            if data.isEmpty { break }
            text += String(decoding: data, as: UTF8.self)
            let lines = text.split(separator: "\n").map(String.init)
            if lines.contains(where: { $0.hasPrefix(mark) }), text.hasSuffix("\n") { return lines }
        }
        process.terminate()
        throw Failure(reason: "the server did not start: \(text)")
    }

    /// Ends the server as an operator does; its exit code, or nil when it did not end within half a minute.
    func stop() async throws -> Int32? {
        process.terminate()
        return try await end()
    }

    /// Kills the privileged process beside the server; the server then ends by itself: its exit code.
    func loseLauncher() async throws -> Int32? {
        let children = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.processIdentifier)/task")
            .compactMap {
                try? String(
                    contentsOfFile: "/proc/\(process.processIdentifier)/task/\($0)/children", encoding: .utf8)
            }
        let launchers = children.joined(separator: " ").split(separator: " ").compactMap { Int32($0) }.filter {
            (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8)) == "panal-launcher\n"
        }
        guard launchers.count == 1 else { throw Failure(reason: "the server has \(launchers.count) launchers") }
        kill(launchers[0], SIGKILL)
        return try await end()
    }

    private func end() async throws -> Int32? {
        for _ in 0..<300 {
            if !process.isRunning { return process.terminationReason == .exit ? process.terminationStatus : nil }
            try await Task.sleep(for: .milliseconds(100))
        }
        return nil
    }

    /// Takes the data away. The server has to be gone.
    func remove() {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(at: folder)
    }

    /// What of the server is still there: control groups, mounts, processes. Read from the kernel, not from Panal.
    func leftovers() throws -> [String] {
        var found: [String] = []
        let groups = FileManager.default.enumerator(atPath: "/sys/fs/cgroup")
        while let path = groups?.nextObject() as? String {
            if path.contains("panal-\(instance)") { found.append("group \(path)") }
        }
        let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        found += mounts.split(separator: "\n").filter { $0.contains(instance) }.map { "mount \($0)" }
        for entry in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int(entry) != nil {
            // A process may end while it is looked at.
            guard let bytes = FileManager.default.contents(atPath: "/proc/\(entry)/cmdline"),
                Int(entry) != Int(getpid())
            else { continue }
            if String(decoding: bytes, as: UTF8.self).contains(instance) { found.append("process \(entry)") }
        }
        return found
    }
}
