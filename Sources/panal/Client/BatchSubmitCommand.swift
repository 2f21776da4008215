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

            Prints the batch's id; with --wait a table of the jobs and how they ended. ‘panal batch show ID’ does the same later.
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

    @Option(
        help: "Hardware profile; the program's own when it is not given.",
        completion: .custom { _, _, prefix in await Completions.profiles(prefix) })
    var profile: String?

    @Option(help: "Version of the program; the newest when it is not given.")
    var version: Int?

    @Option(help: "low, normal, high or opportunistic.", completion: .list(PriorityClass.allCases.map(\.rawValue)))
    var priority: String?

    @Flag(help: "Wait until all have ended; ends with the exit code of the first that did not end well.")
    var wait = false

    @Option(
        help: ArgumentHelp(
            "Wait, and put result files into a folder there for each job, by its number.", valueName: "folder"),
        completion: .directory)
    var download: String?

    @Option(
        help: ArgumentHelp(
            "A name of your own for this submission: sent again with it, it is the same batch.", valueName: "key"))
    var idempotencyKey: String?

    @OptionGroup var server: ServerOptions

    func validate() throws {
        if format == nil, BatchInputs.Format(file: inputs) == nil {
            throw ValidationError("--format csv or --format json? The name of the file does not say")
        }
        try JobSubmitCommand.validate(priority: priority, idempotencyKey: idempotencyKey)
    }

    func run() async throws {
        let client = try server.client
        let schema = try await client.get(ProgramCommand.path(program, "/schema", version: version)).document
        let read = try BatchInputs(
            try InputFile.bytes(inputs), format: format ?? .init(file: inputs) ?? .csv, schema: schema,
            common: try input.map(SubmissionDraft.pair))
        let uploads = try await upload(read, client)
        var members: [String: JSONValue] = [
            "submissions": .array(read.entries.map { $0.draft.document(uploads: uploads) })
        ]
        members["profile"] = profile.map(JSONValue.string)
        members["version"] = version.map(JSONValue.integer)
        members["priority"] = priority.map(JSONValue.string)
        var request = ClientRequest(
            .POST, ProgramCommand.path(program, "/batches"), body: .json(.object(members)))
        request.repeatSafely(key: idempotencyKey ?? JobSubmitCommand.freshKey())
        let answer = try await client.send(request)
        let id = try answer.document.text("id")
        guard wait || download != nil else { return try server.show(answer) { _ in "\(id)\n" } }
        if !server.json { StandardError.line("batch \(id) of \(read.entries.count) jobs") }
        let isShown = !server.json
        let attendance = Attendance(
            what: "batch \(id)", comeBack: "panal batch wait \(id)", isShown: isShown, cancel: nil)
        let end = try await attendance.attended { try await BatchCommand.end(id, client, isShown: isShown) }
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
