import ArgumentParser
import Glibc
import NIOHTTP1
import PanalClient
import PanalCore

struct JobLogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print what a job has written.",
        discussion: """
            Standard output goes to standard output, standard error to standard error, byte for byte. With --follow as it comes, until \
            the job has ended; a connection that is lost is made again, and no byte is missing or printed twice.

              panal job logs ID
              panal job logs ID --follow --stdout > output.txt
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
        _ = try await Watch(.job, id, client, isShown: true).attended { try await logs.follow() }
    }
}
