import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct BatchSubmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Run a program once for each line of a file: all of them, or none.",
        discussion: """
            The file has comma-separated values under a line with the names of inputs, or a JSON object on each line. What is a file for \
            the program is a path here, relative to where you are; the same file is sent once. An empty cell takes what --input says, or \
            the program's default.

              panal batch submit filter photos.csv --input radio=3 --wait --download results

            where photos.csv is

              imagen,radio
              a.png,
              b.png,5

            Prints the batch's id; with --wait a table of the jobs and how they ended. ‘panal batch show ID’ does the same later. Ctrl-C \
            stops the waiting, not the batch; a second one within two seconds cancels it.
            """)

    @Argument(help: "The program's name.", completion: .custom { _, _, prefix in await Completions.programs(prefix) })
    var program: String

    @Argument(help: "File with the inputs; ‘-’ is standard input.", completion: .file(extensions: ["csv", "jsonl"]))
    var inputs: String

    @Option(
        help: ArgumentHelp("csv or json; by the file's name when it is not given.", valueName: "format"),
        completion: .list(BatchInputs.Format.allCases.map(\.rawValue)))
    var format: BatchInputs.Format?

    @Option(
        name: .shortAndLong, help: ArgumentHelp("A value for all that have none of their own.", valueName: "name=value")
    )
    var input: [String] = []

    @Flag(help: "Start all of them in one step: each waits until there is room for all.")
    var together = false

    @Flag(
        help: "Only say what would become of it, and what it costs at most; files are uploaded.")
    var dryRun = false

    @Flag(help: "Wait until all have ended; ends with the exit code of the first that did not end well.")
    var wait = false

    @Option(
        help: ArgumentHelp(
            "Wait, and put result files into a folder there for each job, by its number.", valueName: "folder"),
        completion: .directory)
    var download: String?

    @OptionGroup var options: SubmitOptions
    @OptionGroup var server: ServerOptions

    func validate() throws {
        if dryRun, wait || download != nil { throw ValidationError("--dry-run runs nothing that could be waited for") }
        if format == nil, BatchInputs.Format(file: inputs) == nil {
            throw ValidationError("--format csv or --format json? The name of the file does not say")
        }
    }

    func run() async throws {
        let client = try server.client
        let read = try BatchInputs(
            try InputFile.bytes(inputs), format: format ?? .init(file: inputs) ?? .csv,
            schema: try await options.schema(of: program, client), common: try input.map(SubmissionDraft.pair))
        let uploads = try await upload(read, client)
        var members: [String: JSONValue] = [
            "submissions": .array(read.entries.map { $0.draft.document(uploads: uploads) })
        ]
        members["profile"] = options.profile.map(JSONValue.string)
        members["version"] = options.version.map(JSONValue.integer)
        members["priority"] = options.priority.map(JSONValue.string)
        if together { members["together"] = true }
        if dryRun {
            members["dryRun"] = true
            let path = ProgramCommand.path(program, "/batches")
            let answer = try await client.send(ClientRequest(.POST, path, body: .json(.object(members))))
            try server.show(answer, JobText.estimate)
            guard try answer.document["allowed"]?.flag == true else { throw ExitCode(ExitStatus.refused) }
            return
        }
        var request = ClientRequest(
            .POST, ProgramCommand.path(program, "/batches"), body: .json(.object(members)))
        options.repeatSafely(&request)
        let answer = try await client.send(request)
        let id = try answer.document.text("id")
        guard wait || download != nil else { return try server.show(answer) { _ in "\(id)\n" } }
        let (isShown, count) = (!server.json, read.entries.count)
        let watch = Watch(.batch, id, client, isShown: isShown)
        let end = try await watch.attended {
            // Whoever reads this may press Ctrl-C.
            if isShown { StandardError.line("batch \(id) of \(count) jobs") }
            return try await watch.end()
        }
        try await BatchCommand.tell(end, server, client, download: download)
    }

    /// Uploads by path. Each file is sent once.
    private func upload(_ inputs: BatchInputs, _ client: PanalClient) async throws -> [String: String] {
        let files = Swift.Set(inputs.entries.flatMap(\.draft.paths)).sorted()
        // All of them are looked at before the first is sent.
        let uploads = try files.map { (path: $0, upload: try FileUpload(client: client, path: $0)) }
        var ids: [String: String] = [:]
        for (place, entry) in uploads.enumerated() {
            let display = ProgressDisplay(isOn: !server.json)
            defer { display.clear() }
            let label = "\(place + 1)/\(uploads.count) \(entry.path)"
            let total = entry.upload.size
            ids[entry.path] = try await entry.upload.run { display.transfer(label, done: $0, total: total) }
        }
        return ids
    }
}

extension BatchInputs.Format: ExpressibleByArgument {}
