import Foundation
import Synchronization
import Testing

/// Runs the built `panal` with a home of its own.
final class CommandShell {
    struct Ended {
        var code: Int32
        /// Standard output as it came.
        var bytes: Data
        var error: String

        var output: String { String(decoding: bytes, as: UTF8.self) }

        var json: [String: Any] {
            get throws { try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]) }
        }
    }

    private let home = FileManager.default.temporaryDirectory.appending(path: "panal-home-\(UUID().uuidString)")
    /// Standard error of all commands, and the standard output of those that were not asked for a secret.
    private(set) var everything = ""
    private var known: Set<String> = []

    init() throws {
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(at: home) }

    func path(_ name: String) -> String { home.appending(path: name).path() }

    func file(_ name: String, _ text: String) throws -> String {
        try Data(text.utf8).write(to: URL(filePath: path(name)))
        return path(name)
    }

    /// The secret parts of the keys that were ever kept here.
    func secrets() throws -> Set<String> {
        note()
        return known
    }

    private func note() {
        let text = (try? String(contentsOfFile: path(".config/panal/servers.json"), encoding: .utf8)) ?? ""
        known.formUnion(text.matches(of: /pnl_[0-9a-z]+_[0-9a-z]+/).map { String($0.0) })
    }

    /// As the first administrator.
    func signIn(to server: RunningServer) throws {
        let login = try run(
            ["login", server.address, "--user", "admin", "--password-stdin"], input: server.password + "\n")
        #expect(login.code == 0, "\(login.error)")
    }

    /// With `isDetached` there is no terminal to ask at, whatever the tests were started from.
    func run(
        _ arguments: [String], input: String = "", environment: [String: String] = [:], isDetached: Bool = false,
        patience: Duration = .seconds(120)
    ) throws -> Ended {
        let command = try start(arguments, input: input, environment: environment, isDetached: isDetached)
        let ended = command.end(patience: patience)
        note()
        everything += ended.error
        if !["key", "user"].contains(arguments.first) { everything += ended.output }
        return ended
    }

    /// Ctrl-C twice within the two seconds that a second one has. On a busy machine these pass before it is sent: then nothing was
    /// cancelled, and it is tried again with another command.
    func interruptedTwice(_ arguments: [String], ready: (RunningCommand) -> Bool) throws -> Ended {
        for _ in 0..<10 {
            let command = try start(arguments)
            try command.until(output: { _ in ready(command) })
            command.interrupt()
            try command.until(error: { $0.contains("goes on") })
            command.interrupt()
            let ended = command.end()
            let last = ended.error.split(separator: "\n").last ?? ""
            if !last.contains("goes on") { return ended }
        }
        throw RunningServer.Failure(reason: "no second Ctrl-C came within two seconds, ten times")
    }

    func start(
        _ arguments: [String], input: String = "", environment: [String: String] = [:], isDetached: Bool = false
    ) throws -> RunningCommand {
        let panal = RunningServer.products.appending(path: "panal").path()
        // The tests may have been started where Ctrl-C is ignored, and what ignores it hands that on.
        let words =
            ["/usr/bin/env", "--default-signal=HUP,INT,TERM"] + (isDetached ? ["/usr/bin/setsid", "--wait"] : [])
            + [panal] + arguments
        return try RunningCommand(words, input: input, environment: environment.merging(["HOME": home.path()]) { $1 })
    }
}

/// A command that has not ended yet.
final class RunningCommand {
    private let process = Process()
    private let streams = Streams()

    private final class Streams: Sendable {
        let texts = Mutex([Data(), Data()])
        let ends = DispatchGroup()
    }

    init(_ words: [String], input: String, environment: [String: String]) throws {
        process.executableURL = URL(filePath: words[0])
        process.arguments = Array(words.dropFirst())
        process.environment = environment
        let given = Pipe()
        process.standardInput = given
        let pipes = [Pipe(), Pipe()]
        process.standardOutput = pipes[0]
        process.standardError = pipes[1]
        try process.run()
        for (place, pipe) in pipes.enumerated() {
            let descriptor = dup(pipe.fileHandleForReading.fileDescriptor)
            streams.ends.enter()
            Thread.detachNewThread { [streams] in
                // As it comes: a FileHandle would wait until all that it was asked for is there.
                var piece = [UInt8](repeating: 0, count: 65_536)
                while true {
                    let count = read(descriptor, &piece, piece.count)
                    guard count > 0 else { break }
                    streams.texts.withLock { $0[place].append(contentsOf: piece[..<count]) }
                }
                close(descriptor)
                streams.ends.leave()
            }
        }
        try given.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try given.fileHandleForWriting.close()
    }

    var output: String { streams.texts.withLock { String(decoding: $0[0], as: UTF8.self) } }
    var error: String { streams.texts.withLock { String(decoding: $0[1], as: UTF8.self) } }

    /// Waits until it has printed something, at most half a minute.
    func until(output isThere: (String) -> Bool = { _ in true }, error isSaid: (String) -> Bool = { _ in true }) throws
    {
        for _ in 0..<3_000 {
            if isThere(output), isSaid(error) { return }
            guard process.isRunning else { break }
            usleep(10_000)
        }
        guard isThere(output), isSaid(error) else {
            process.terminate()
            _ = end()
            throw RunningServer.Failure(reason: "not printed: \(output)\(error)")
        }
    }

    func interrupt() { kill(process.processIdentifier, SIGINT) }

    /// Waits until it has ended, at most `patience`; then it is killed.
    func end(patience: Duration = .seconds(120)) -> CommandShell.Ended {
        let limit = ContinuousClock.now + patience
        while process.isRunning {
            if ContinuousClock.now > limit { kill(process.processIdentifier, SIGKILL) }
            usleep(2_000)
        }
        streams.ends.wait()
        return CommandShell.Ended(
            code: process.terminationStatus, bytes: streams.texts.withLock { $0[0] }, error: error)
    }
}
