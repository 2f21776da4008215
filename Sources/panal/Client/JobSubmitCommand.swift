import ArgumentParser
import Glibc
import NIOHTTP1
import PanalClient
import PanalCore

struct JobSubmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Run a program.",
        discussion: """
            Prints the job's id. ‘panal program show PROGRAM’ names the inputs; a list is given by naming its input several times, an \
            input of a block by the block, a number from 0 and its name: --input layer.0.text=a --file layer.1.picture=b.png.

              panal job submit filter --file imagen=photo.png --input radio=3 --download results

            --wait waits for the end and takes the job's exit code; --follow also shows its output while it runs; --download also fetches \
            its files. Ctrl-C leaves the job running; a second one within two seconds cancels it. The submission is sent with an \
            idempotency key: when the connection is lost it is sent again, and never becomes two jobs. --dry-run says whether it would be \
            taken, when it would start and what it costs at most, and runs nothing.
            """)

    @Argument(help: "The program's name.", completion: .custom { _, _, prefix in await Completions.programs(prefix) })
    var program: String

    @Option(name: .shortAndLong, help: ArgumentHelp("A value.", valueName: "name=value"))
    var input: [String] = []

    @Option(
        name: .shortAndLong, help: ArgumentHelp("A file; ‘name=@path’ is the same.", valueName: "name=path"),
        completion: .file())
    var file: [String] = []

    @Option(
        help: ArgumentHelp("A JSON object of values; ‘-’ is standard input.", valueName: "path"),
        completion: .file(extensions: ["json"]))
    var inputs: String?

    @Flag(help: "Only say what would become of it; ends with 77 when it would be refused.")
    var dryRun = false

    @Flag(help: "Wait for the end, and end with the job's exit code.")
    var wait = false

    @Flag(help: "Show the output while the job runs, and wait for the end.")
    var follow = false

    @Option(
        help: ArgumentHelp("Wait for the end and put the result files there.", valueName: "folder"),
        completion: .directory)
    var download: String?

    @OptionGroup var options: SubmitOptions
    @OptionGroup var server: ServerOptions

    func validate() throws {
        if dryRun, isWaiting { throw ValidationError("--dry-run runs nothing that could be waited for") }
        if follow, server.json {
            throw ValidationError("--follow prints the job's output, --json its document: one of them")
        }
    }

    private var isWaiting: Bool { wait || follow || download != nil }

    func run() async throws {
        let client = try server.client
        let draft = try SubmissionDraft(
            schema: try await options.schema(of: program, client), values: try input.map(SubmissionDraft.pair),
            files: try file.map(SubmissionDraft.pair),
            document: try inputs.map(InputFile.object))
        let answer = try await submit(draft, client)
        let job = try answer.document
        if dryRun {
            try server.show(answer, JobText.estimate)
            if job["allowed"]?.flag != true { throw ExitCode(ExitStatus.refused) }
            return
        }
        let id = try job.text("id")
        guard isWaiting else { return try server.show(answer) { _ in "\(id)\n" } }
        let watch = Watch(.job, id, client, isShown: !server.json)
        let (follow, isShown, isOver) = (follow, !server.json, job["final"]?.flag == true)
        let end = try await watch.attended {
            // Whoever reads this may press Ctrl-C.
            if isShown, !isOver { StandardError.line("job \(id)") }
            if isOver, !follow { return answer }
            return follow ? try await JobLogs(client: client, id: id).follow() : try await watch.end()
        }
        let ended = try end.document
        if let download {
            try await JobDownloadCommand.fetchAll(ended, to: download, client, isShown: !server.json, replaces: false)
        }
        if server.json || !follow { try server.show(end) { "\(id) \(JobText.line($0))\n" } }
        let code = ExitStatus.of(job: ended)
        if code != 0 {
            if follow { StandardError.line("job \(id) \(JobText.line(ended))") }
            throw ExitCode(code)
        }
    }

    private func submit(_ draft: SubmissionDraft, _ client: PanalClient) async throws -> ClientAnswer {
        let query = ClientRequest.query([
            "profile": options.profile, "version": options.version.map(String.init), "priority": options.priority,
            "dryRun": dryRun ? "true" : nil,
        ])
        let path = ProgramCommand.path(program, "/jobs") + query
        let upload = try draft.hasFiles ? Upload(draft.parts, label: program, isShown: !server.json) : nil
        var request = ClientRequest(.POST, path, body: upload.map { .form($0.form) } ?? .json(draft.document))
        if dryRun { request.isRepeatable = true } else { options.repeatSafely(&request) }
        // A short job's end comes with the answer; a longer one is waited for by its id, so that nothing is lost with the connection.
        if isWaiting { request.headers.add(name: "Prefer", value: "wait=1") }
        guard let upload else { return try await client.send(request) }
        return try await upload.while { try await client.send(request) }
    }
}
