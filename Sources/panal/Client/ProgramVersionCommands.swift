import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct ProgramVersionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "versions", abstract: "List the versions of a program, the newest first.")

    @Argument(help: "Its name.", completion: .custom { _, _, prefix in await Completions.programs(prefix) })
    var program: String

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await server.showAll("versions", of: ProgramCommand.path(program, "/versions")) { answer in
            var table = Table([
                .number("version"), .number("published"), .number("size"), .flexible("started as"),
                .flexible("sha256").optional,
            ])
            for version in try answer.list("versions") {
                table.add([
                    version["version"]?.integer.map(String.init) ?? "", Humane.age(of: version["published"]?.moment),
                    version["bytes"]?.integer.map(ByteCount.text) ?? "", version["entry"]?.text ?? "",
                    version["sha256"]?.text ?? "",
                ])
            }
            return table.text(width: Terminal.width)
        }
    }
}

struct ProgramDownloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "download", abstract: "Fetch a program of yours as it was published, as a tar archive.")

    @Argument(help: "Its name.", completion: .custom { _, _, prefix in await Completions.programs(prefix) })
    var program: String

    @Option(help: "One of its versions; the newest when it is not given.")
    var version: Int?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Where to put it; PROGRAM-VERSION.tar when it is not given.", valueName: "file"),
        completion: .file())
    var output: String?

    @Flag(help: "Replace a file that is there.")
    var overwrite = false

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = try server.client
        let answer = try await client.get(ProgramCommand.path(program, version: version))
        let entry = try answer.document
        guard let number = entry["version"]?.integer else { throw ClientFailure.notUnderstood("it names no version") }
        let file = output ?? "\(program.replacing("/", with: "_"))-\(number).tar"
        let display = ProgressDisplay(isOn: !server.json)
        defer { display.clear() }
        let bytes = RangedBytes(client: client, path: ProgramCommand.path(program, "/versions/\(number)/content"))
        _ = try await Download(bytes, to: file, replaces: overwrite) {
            display.transfer(file, done: $0, total: $1)
        }.run()
        display.clear()
        try server.show(answer) { _ in "\(TextWidth.harmless(file))\n" }
    }
}
