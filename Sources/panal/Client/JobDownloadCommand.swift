import ArgumentParser
import Glibc
import NIOHTTP1
import PanalClient
import PanalCore

struct JobDownloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "download", abstract: "Fetch a job's result files.",
        discussion: """
            All of them, or those that are named. Each is checked against the server's SHA-256; one that was half fetched is gone on with, one \
            that is there already is left alone.
            """)

    @Argument(help: "The job's id.", completion: .custom { _, _, prefix in await Completions.jobs(prefix) })
    var id: String

    @Argument(help: "Paths of files, as ‘panal job show’ names them.")
    var paths: [String] = []

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Where to put them; made when it is not there.", valueName: "folder"),
        completion: .directory)
    var to = "."

    @Flag(help: "Replace files that are there with other content.")
    var overwrite = false

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = try server.client
        let answer = try await client.get(JobCommand.path(id))
        var job = try answer.document
        if !paths.isEmpty { job = try Self.narrowed(job, to: paths) }
        try await Self.fetchAll(job, to: to, client, isShown: !server.json, replaces: overwrite)
        if server.json { try server.show(answer) { _ in "" } }
    }

    private static func narrowed(_ job: JSONValue, to paths: [String]) throws -> JSONValue {
        let files = try job.list("files")
        for path in paths where !files.contains(where: { $0["path"]?.text == path }) {
            let known = files.compactMap { $0["path"]?.text }.joined(separator: ", ")
            throw ClientFailure(
                .refused(status: 404), "the job has no file ‘\(path)’; it has \(known.isEmpty ? "none" : known)")
        }
        return .object(["files": .array(files.filter { $0["path"]?.text.map(paths.contains) == true })])
    }

    /// With `prints` each file's path below `folder` is printed when it is there.
    static func fetchAll(
        _ job: JSONValue, to folder: String, _ client: PanalClient, isShown: Bool, replaces: Bool, prints: Bool = true
    ) async throws {
        let files = try job.list("files")
        if files.isEmpty, isShown { StandardError.line("the job has no result files") }
        for file in files {
            let path = try file.text("path")
            let place = try place(of: path, in: folder)
            let display = ProgressDisplay(isOn: isShown)
            defer { display.clear() }
            let size = file["bytes"]?.integer
            let download = Download(
                RangedBytes(client: client, path: try file.text("url")), to: place, replaces: replaces
            ) { done, total in display.transfer(path, done: done, total: total ?? size) }
            let outcome = try await download.run(digest: file["sha256"]?.text)
            display.clear()
            guard isShown, prints else { continue }
            StandardOutput.write("\(TextWidth.harmless(place))\n")
            if outcome == .present { StandardError.line("\(TextWidth.harmless(place)) was there already") }
        }
    }

    /// Below `folder`, whatever a program called its file. Throws `misunderstood` for a path that would lead out of it.
    static func place(of path: String, in folder: String) throws(ClientFailure) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard !path.isEmpty, !path.utf8.contains(0), parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
            throw ClientFailure(.misunderstood, "a file's path ‘\(path)’ leads out of its folder")
        }
        return "\(folder)/\(path)"
    }
}
