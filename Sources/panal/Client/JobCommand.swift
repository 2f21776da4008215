import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Run programs on a server, and fetch what they made.",
        subcommands: [
            JobSubmitCommand.self, List.self, Show.self, Wait.self, JobLogsCommand.self, Cancel.self,
            JobDownloadCommand.self,
        ])

    static func path(_ id: String, _ rest: String = "") -> String { "/api/v1/jobs/\(ClientRequest.escaped(id))\(rest)" }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List jobs, the newest first.",
            discussion:
                "With --json one page as the server answers it; ‘next’ in it is the --cursor of the page behind it.")

        @Option(help: "At most so many.")
        var limit = 20

        @Option(
            help: "Only those of one program.",
            completion: .custom { _, _, prefix in await Completions.programs(prefix) })
        var program: String?

        @Option(help: "Only those in one state.", completion: .list(JobState.allCases.map(\.rawValue)))
        var state: String?

        @Flag(help: "Everybody's; for administrators.")
        var everyone = false

        @Option(help: "Only those behind this place of the list.")
        var cursor: String?

        @OptionGroup var server: ServerOptions

        func validate() throws {
            guard (1...100_000).contains(limit) else { throw ValidationError("--limit is 1 to 100000") }
            if let state, JobState(rawValue: state) == nil {
                let known = JobState.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--state ‘\(state)’ is none of \(known)")
            }
        }

        func run() async throws {
            let client = try server.client
            if server.json {
                return try server.show(try await client.get(path(cursor, min(limit, Self.page)))) { _ in "" }
            }
            var jobs: [JSONValue] = []
            var next = cursor
            repeat {
                let page = try await client.get(path(next, min(limit - jobs.count, Self.page))).document
                jobs += try page.list("jobs")
                next = page["next"]?.text
            } while next != nil && jobs.count < limit
            StandardOutput.write(JobText.table(jobs, withOwner: everyone).text(width: Terminal.width))
        }

        /// As many as the server gives at a time.
        private static let page = 200

        private func path(_ cursor: String?, _ limit: Int) -> String {
            "/api/v1/jobs"
                + ClientRequest.query([
                    "limit": String(limit), "program": program, "state": state, "everyone": everyone ? "true" : nil,
                    "cursor": cursor,
                ])
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one job: its state, what it used, what it made.")

        @Argument(help: "The job's id.", completion: .custom { _, _, prefix in await Completions.jobs(prefix) })
        var id: String

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.ask(ClientRequest(.GET, JobCommand.path(id)), JobText.details)
        }
    }

    struct Wait: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Wait until jobs have ended.",
            discussion: """
                Ends with the job's own exit code, of several with that of the first that did not end well. Ctrl-C stops the waiting, not the \
                job; a second one within two seconds cancels it.
                """)

        @Argument(help: "Ids.", completion: .custom { _, _, prefix in await Completions.jobs(prefix) })
        var ids: [String]

        @Option(help: ArgumentHelp("Wait no longer than that; then the exit code is 75.", valueName: "seconds"))
        var timeout: Int?

        @OptionGroup var server: ServerOptions

        func validate() throws {
            if let timeout, timeout < 1 { throw ValidationError("--timeout is 1 or more") }
        }

        func run() async throws {
            let client = try server.client
            let limit = timeout.map { ContinuousClock.now + .seconds($0) }
            var code: Int32 = 0
            for id in ids {
                let watch = JobWatch(client: client, id: id, isShown: !server.json)
                let answer = try await watch.attended { try await watch.end(by: limit) }
                let job = try answer.document
                try server.show(answer) { _ in "\(id) \(JobText.line(job))\n" }
                guard job["final"]?.flag == true else {
                    StandardError.line("\(id) has not ended within \(timeout ?? 0) s")
                    throw ExitCode(ExitStatus.later)
                }
                if code == 0 { code = ExitStatus.of(job: job) }
            }
            if code != 0 { throw ExitCode(code) }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Cancel jobs.")

        @Argument(help: "Ids.", completion: .custom { _, _, prefix in await Completions.jobs(prefix) })
        var ids: [String]

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            for id in ids {
                var request = ClientRequest(.POST, JobCommand.path(id, "/cancel"))
                // Twice is once.
                request.isRepeatable = true
                try server.show(try await client.send(request)) { "\(id) \(JobText.line($0))\n" }
            }
        }
    }
}
