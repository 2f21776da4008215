import Foundation

/// A built panald with data, a port and an instance of its own.
final class RunningServer {
    struct Failure: Error {
        var reason: String
    }

    let place: ServerPlace
    /// With the port that it took.
    let address: String
    /// The first administrator's, as the server printed it; empty where there was one already.
    let password: String
    let process: Process
    /// Everything that it printed.
    private let log: URL

    static let products = ServerPlace.products
    static let root = ServerPlace.root

    /// Starts the server and waits until it listens, at most a minute. `meanwhile` is called now and then with its process, and
    /// may end it.
    init(_ place: ServerPlace, meanwhile: (Process) -> Void = { _ in }) async throws {
        self.place = place
        log = place.folder.appending(path: "log-\(UInt64.random(in: 0 ... .max))")
        try Data().write(to: log)
        let output = try FileHandle(forWritingTo: log)
        process = Process()
        let command = place.wrapper + [Self.products.appending(path: "panald").path()] + place.arguments
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try output.close()
        let limit = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < limit {
            let isRunning = process.isRunning
            let lines = Self.text(log).split(separator: "\n").map(String.init)
            if let listens = lines.first(where: { $0.hasPrefix("Panal listens on ") && $0.hasSuffix("/") }) {
                address = String(listens.dropLast().split(separator: " ").last ?? "")
                let sentence = lines.first { $0.contains(" with the password ") }
                password = sentence?.split(separator: " ").last.map(String.init) ?? ""
                return
            }
            guard isRunning else { break }
            meanwhile(process)
            try await Task.sleep(for: .milliseconds(10))
        }
        let threads = HostProcess(id: process.processIdentifier).threads
        kill(process.processIdentifier, SIGKILL)
        throw Failure(reason: "the server did not start: \(Self.text(log))\(threads)")
    }

    private static func text(_ file: URL) -> String { (try? String(contentsOf: file, encoding: .utf8)) ?? "" }

    /// What it has printed so far, its warnings among it.
    var text: String { Self.text(log) }

    /// Ends the server as an operator does; its exit code, or nil when it did not end within a minute.
    func stop() async throws -> Int32? {
        process.terminate()
        return try await end()
    }

    /// The privileged process beside the server, if it is the server's child.
    var launcher: HostProcess? {
        HostProcess(id: process.processIdentifier).children.first(where: \.isLauncher)
    }

    /// Kills the privileged process beside the server; the server then ends by itself: its exit code.
    func loseLauncher() async throws -> Int32? {
        guard let launcher else { throw Failure(reason: "the server has no launcher") }
        kill(launcher.id, SIGKILL)
        return try await end()
    }

    /// Its exit code; nil when it was killed, or does not end.
    func end() async throws -> Int32? {
        for _ in 0..<1_200 {
            if !process.isRunning { return process.terminationReason == .exit ? process.terminationStatus : nil }
            try await Task.sleep(for: .milliseconds(50))
        }
        return nil
    }

    /// Makes sure that it is gone with all that it has started, and takes the data away. Where a test has failed, what still runs in its
    /// cells would hold cores against every test after it for ten minutes.
    func remove() {
        if process.isRunning { process.terminate() }
        for _ in 0..<1_000 where process.isRunning { usleep(20_000) }
        if process.isRunning {
            if let launcher { kill(launcher.id, SIGKILL) }
            kill(process.processIdentifier, SIGKILL)
        }
        place.remove()
    }
}
