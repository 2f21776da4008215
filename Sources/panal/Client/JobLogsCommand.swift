import ArgumentParser
import Glibc
import NIOHTTP1
import PanalClient
import PanalCore

struct JobLogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print what a job has written.",
        discussion: """
            Standard output goes to standard output, standard error to standard error, byte for byte. With --follow until the job has ended; a \
            connection that is lost is made again, and no byte is missing or printed twice.
            """)

    @Argument(help: "The job's id.", completion: .custom { _, _, prefix in await Completions.jobs(prefix) })
    var id: String

    @Flag(name: .shortAndLong, help: "Go on until the job has ended.")
    var follow = false

    @Flag(help: "Only standard output.")
    var stdout = false

    @Flag(help: "Only standard error, on standard error.")
    var stderr = false

    @Option(help: "A server that you are signed in to, or an address.")
    var server: String?

    func run() async throws {
        var options = ServerOptions()
        options.server = server
        let client = try options.client
        let logs = JobLogs(client: client, id: id, output: stdout || !stderr, error: stderr || !stdout)
        guard follow else { return try await logs.once() }
        _ = try await JobWatch(client: client, id: id, isShown: true).attended { try await logs.follow() }
    }
}

/// A job's two streams, copied to this process's own.
struct JobLogs: Sendable {
    let client: PanalClient
    let id: String
    var output = true
    var error = true

    private var streams: [(name: String, descriptor: Int32)] {
        (output ? [("stdout", STDOUT_FILENO)] : []) + (error ? [("stderr", STDERR_FILENO)] : [])
    }

    func once() async throws {
        for stream in streams { _ = try await copy(stream, from: 0) }
    }

    /// Until the job has ended; answers how it ended.
    func follow() async throws -> ClientAnswer {
        let watch = JobWatch(client: client, id: id, isShown: false)
        var offsets = [0, 0]
        while true {
            // The state is asked for first: what was written before the end is then there to be read.
            let answer = try await watch.state(waiting: 1)
            for (place, stream) in streams.enumerated() {
                offsets[place] = try await copy(stream, from: offsets[place])
            }
            if try answer.document["final"]?.flag == true { return answer }
        }
    }

    private func copy(_ stream: (name: String, descriptor: Int32), from offset: Int) async throws -> Int {
        try await RangedBytes(client: client, path: JobCommand.path(id, "/\(stream.name)")).copy(from: offset) {
            piece in
            try StandardOutput.write(piece, to: stream.descriptor)
        }
    }
}
