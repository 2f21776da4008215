import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Run programs on a server, and fetch what they made.",
        subcommands: [
            JobSubmitCommand.self, List.self, Show.self, Wait.self, JobLogsCommand.self, Cancel.self,
            JobDownloadCommand.self, JobCopyCommand.self, Keep.self, RemoveOutputs.self, JobShareCommand.self,
            JobSharesCommand.self, JobUnshareCommand.self,
        ])

    static func path(_ id: String, _ rest: String = "") -> String { "/api/v1/jobs/\(PercentCoding.encoded(id))\(rest)" }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List jobs, the newest first.",
            discussion:
                "With --json one page as the server answers it; ‘next’ in it is the --cursor of the page behind it.")

        @Option(help: "At most so many.")
        var limit = 20

        @Option(help: "Only those in one state.", completion: .list(JobState.allCases.map(\.rawValue)))
        var state: String?

        @Option(help: "Only those of one batch, by its id.")
        var batch: String?

        @OptionGroup var range: ListRange

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
                return try server.show(try await client.get(path(range.cursor, min(limit, Self.page)))) { _ in "" }
            }
            var jobs: [JSONValue] = []
            var next = range.cursor
            repeat {
                let page = try await client.get(path(next, min(limit - jobs.count, Self.page))).document
                jobs += try page.list("jobs")
                next = page["next"]?.text
            } while next != nil && jobs.count < limit
            StandardOutput.write(JobText.table(jobs, withOwner: range.everyone).text(width: Terminal.width))
        }

        /// As many as the server gives at a time.
        private static let page = 200

        private func path(_ cursor: String?, _ limit: Int) -> String {
            "/api/v1/jobs"
                + ClientRequest.query(
                    range.words(limit, from: cursor) + [("state", state), ("batch", batch)])
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
                let watch = Watch(.job, id, client, isShown: !server.json)
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
        static let configuration = CommandConfiguration(
            abstract: "Cancel jobs.", discussion: "With a job of a batch that waits to start together, the whole batch."
        )

        @OptionGroup var jobs: Jobs

        func run() async throws {
            try await jobs.each(.POST, "/cancel") { JobText.line($0) }
        }
    }

    struct Keep: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep what jobs left, whatever its age.",
            discussion: """
                Where results are removed after some time, those that are kept stay. ‘panal job show’ says until when others do.

                  panal job keep ID
                  panal job keep ID --no-longer
                """)

        @Flag(help: "Not any more: it goes when its time comes, or within the hour where that has come already.")
        var noLonger = false

        @OptionGroup var jobs: Jobs

        func run() async throws {
            try await jobs.each(.PATCH, "", body: .json(["kept": .boolean(!noLonger)])) {
                JobText.outputs($0) ?? "kept for good"
            }
        }
    }

    struct RemoveOutputs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove-outputs", abstract: "Remove what jobs left: both streams and all result files.",
            discussion: """
                It cannot be had again. What the job was, used and came to stays, with the names and hashes of its files; a job that has not \
                ended is to be cancelled first.
                """)

        @OptionGroup var jobs: Jobs

        func run() async throws {
            try await jobs.each(.DELETE, "/outputs") { JobText.outputs($0) ?? "there was nothing" }
        }
    }

    /// Some jobs that the same is asked of.
    struct Jobs: ParsableArguments {
        @Argument(help: "Ids.", completion: .custom { _, _, prefix in await Completions.jobs(prefix) })
        var ids: [String]

        @OptionGroup var server: ServerOptions

        func each(
            _ method: HTTPMethod, _ rest: String, body: ClientRequest.Body = .none, _ text: (JSONValue) -> String
        ) async throws {
            try await server.each(ids, method, { JobCommand.path($0, rest) }, body: body) { "\($0) \(text($1))" }
        }
    }
}
