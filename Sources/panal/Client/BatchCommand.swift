import ArgumentParser
import FoundationEssentials
import NIOHTTP1
import PanalClient
import PanalCore

struct BatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch", abstract: "Run a program with many inputs.",
        subcommands: [BatchSubmitCommand.self, List.self, Show.self, Wait.self, Cancel.self])

    static func path(_ id: String) -> String { "/api/v1/batches/\(PercentCoding.encoded(id))" }

    /// `12 of 40 have ended, 2 of them badly`
    static func progress(_ batch: JSONValue) -> String {
        let results = batch["results"]?.list ?? []
        let ended = results.filter { JobState(rawValue: $0["state"]?.text ?? "")?.isFinal == true }
        let bad = ended.count(where: { $0["outcome"]?["success"]?.flag != true })
        return "\(ended.count) of \(batch["size"]?.integer ?? results.count) have ended"
            + (bad > 0 ? ", \(bad) of them badly" : "")
    }

    static func text(_ batch: JSONValue) throws -> String {
        let columns: [ListColumn] = [
            .number("number") { "\(($0["index"]?.integer ?? 0) + 1)" }, .fixed("job"), .fixed("state"),
            .flexible("result", JobText.result),
        ]
        return Table(of: try batch.list("results"), columns).text(width: Terminal.width)
    }

    /// That of the first job that did not end well.
    static func code(_ batch: JSONValue) -> Int32 {
        (batch["results"]?.list ?? []).lazy.map { ExitStatus.of(job: $0) }.first { $0 != 0 } ?? 0
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List batches, the newest first.",
            discussion: """
                ‘next’ of what --json prints is the --cursor of the page behind it. The jobs of one: panal job list --batch ID
                """)

        @Option(help: "At most so many, 1 to 200.")
        var limit = 20

        @OptionGroup var range: ListRange

        @OptionGroup var server: ServerOptions

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is 1 to 200") }
        }

        func run() async throws {
            let query = ClientRequest.query(range.words(limit))
            try await server.ask(ClientRequest(.GET, "/api/v1/batches\(query)")) { page in
                let columns: [ListColumn] = [
                    .fixed("id"), .flexible("program"), .number("jobs") { "\($0["size"]?.integer ?? 0)" },
                    .flexible("states", Self.states), .fixed("submitted"),
                ]
                return Table(of: try page.list("batches"), columns).text(width: Terminal.width)
            }
        }

        /// `38 finished, 2 running`
        private static func states(_ batch: JSONValue) -> String {
            (batch["states"]?.members ?? [:]).sorted { $0.key < $1.key }.map { "\($0.value.integer ?? 0) \($0.key)" }
                .joined(separator: ", ")
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a batch and the results of its jobs.")

        @Argument(help: "The batch's id.")
        var id: String

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.ask(ClientRequest(.GET, BatchCommand.path(id))) { batch in
                if Terminal.width != nil { StandardError.line(BatchCommand.progress(batch)) }
                return try BatchCommand.text(batch)
            }
        }
    }

    struct Wait: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Wait until all jobs of a batch have ended.",
            discussion: """
                Ends with the exit code of the first job that did not end well. Ctrl-C stops the waiting, not the batch; a second one within \
                two seconds cancels it.
                """)

        @Argument(help: "The batch's id.")
        var id: String

        @Option(help: ArgumentHelp("Wait no longer than that; then the exit code is 75.", valueName: "seconds"))
        var timeout: Int?

        @Option(
            help: ArgumentHelp(
                "Put result files into a folder there for each job, by its number.", valueName: "folder"),
            completion: .directory)
        var download: String?

        @OptionGroup var server: ServerOptions

        func validate() throws {
            if let timeout, timeout < 1 { throw ValidationError("--timeout is 1 or more") }
        }

        func run() async throws {
            let limit = timeout.map { ContinuousClock.now + .seconds($0) }
            let client = try server.client
            let watch = Watch(.batch, id, client, isShown: !server.json)
            let answer = try await watch.attended { try await watch.end(by: limit) }
            let batch = try answer.document
            guard batch["final"]?.flag == true else {
                StandardError.line("batch \(id): \(BatchCommand.progress(batch)) within \(timeout ?? 0) s")
                throw ExitCode(ExitStatus.later)
            }
            try await BatchCommand.tell(answer, server, client, download: download)
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancel all jobs of batches.", discussion: "Jobs that have ended stay as they are.")

        @Argument(help: "The batches' ids.")
        var ids: [String]

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.each(ids, .POST, { BatchCommand.path($0) + "/cancel" }) { id, batch in
                "\(id): \(BatchCommand.progress(batch))"
            }
        }
    }

    /// Results, files, and the exit code, as an error when it is not 0.
    static func tell(
        _ answer: ClientAnswer, _ server: ServerOptions, _ client: PanalClient, download: String?
    ) async throws {
        let batch = try answer.document
        if let download { try await fetch(batch, to: download, client, isShown: !server.json) }
        try server.show(answer, text)
        let code = Self.code(batch)
        if code != 0 { throw ExitCode(code) }
    }

    private static func fetch(
        _ batch: JSONValue, to folder: String, _ client: PanalClient, isShown: Bool
    ) async throws {
        let results = try batch.list("results")
        let digits = "\(results.count)".count
        for entry in results {
            let number = "\((entry["index"]?.integer ?? 0) + 1)"
            let place = "\(folder)/" + String(repeating: "0", count: max(0, digits - number.count)) + number
            let job = try await client.get(JobCommand.path(try entry.text("job"))).document
            guard try !job.list("files").isEmpty else { continue }
            try await JobDownloadCommand.fetchAll(
                job, to: place, client, isShown: isShown, replaces: false, prints: false)
        }
    }
}
