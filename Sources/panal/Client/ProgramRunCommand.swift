import ArgumentParser
import FoundationEssentials
import PanalClient
import PanalCore
import PanalManifest

struct ProgramRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a program of a server like a command, with flags of its own.",
        discussion: """
            Each input of the program is a flag; words without one are for the inputs in their order:

              panal program run filter --tamano-de-filtro 3 imagen.png
              panal program run filter --help

            A block of inputs that is given several times has a flag of its own, which begins the next one:

              panal program run collage --layer --picture a.png --x 10 --layer --picture b.png

            Its output is shown while it runs, and its exit code is the command's; --download also fetches its files. What stands \
            before the program's name is Panal's, what stands behind it the program's. ‘panal run NAME’ does the same where no command of \
            that name is there.
            """)

    @Option(
        help: ArgumentHelp("Put the result files there.", valueName: "folder"), completion: .directory)
    var download: String?

    @OptionGroup var options: SubmitOptions
    @OptionGroup var server: ServerOptions

    @Argument(
        parsing: .captureForPassthrough, help: "The program's name, and its own flags and words.",
        completion: .custom { words, index, prefix in await Completions.wordsOfProgram(words, index, prefix) })
    var words: [String]

    func validate() throws {
        switch words.first {
        case "--help", "-h": throw CleanExit.helpRequest(self)
        case let word? where word.hasPrefix("-"): throw ValidationError("Unknown option ‘\(word)’")
        case nil: throw ValidationError("Which program? ‘panal program list’ shows them.")
        default: break
        }
    }

    func run() async throws {
        let name = words[0]
        let manifest = try await Self.manifest(of: name, version: options.version, try server.client)
        let call = try ProgramWords(Array(words.dropFirst()), of: manifest)
        guard !call.asksForHelp else {
            let text = ProgramWords.help(of: manifest, command: "panal program run \(name)")
            return StandardOutput.write(TextWidth.harmlessLines(text))
        }
        var arguments = [name, server.json ? "--wait" : "--follow"]
        arguments += call.values.map { "--input=\($0.name)=\($0.value)" }
        // A path may begin with the sign itself.
        arguments += call.files.map { "--file=\($0.name)=@\($0.value)" }
        let own = [
            "download": download, "profile": options.profile, "version": options.version.map(String.init),
            "priority": options.priority, "idempotency-key": options.idempotencyKey, "server": server.server,
        ]
        for (option, value) in own.sorted(by: { $0.key < $1.key }) {
            if let value { arguments.append("--\(option)=\(value)") }
        }
        if server.json { arguments.append("--json") }
        try await JobSubmitCommand.asyncParse(arguments).run()
    }

    static func manifest(of program: String, version: Int?, _ client: PanalClient) async throws -> Manifest {
        let answer = try await client.get(ProgramCommand.path(program, "/manifest", version: version))
        do {
            return try Manifest(parsing: answer.body)
        } catch {
            throw ClientFailure.notUnderstood("its manifest of ‘\(program)’ is of another version of Panal")
        }
    }
}
