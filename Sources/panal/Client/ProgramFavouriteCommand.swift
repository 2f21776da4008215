import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct ProgramFavouriteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "favourite", abstract: "Mark programs as your favourites, or list those that are.",
        discussion: """
            They stand on top of your own list of programs in the web. Others see nothing of it.

              panal program favourite
              panal program favourite filter convert-audio
              panal program favourite filter --no-longer
            """)

    @Argument(
        help: "Names; none: list your favourites.",
        completion: .custom { _, _, prefix in await Completions.programs(prefix) })
    var programs: [String] = []

    @Flag(help: "They are none any more.")
    var noLonger = false

    @OptionGroup var server: ServerOptions

    func validate() throws {
        if noLonger, programs.isEmpty { throw ValidationError("--no-longer goes with the names of programs") }
    }

    func run() async throws {
        guard !programs.isEmpty else {
            return try await server.ask(ClientRequest(.GET, "/api/v1/favourites"), ProgramCommand.table)
        }
        let client = try server.client
        for program in programs {
            let request = ClientRequest(noLonger ? .DELETE : .PUT, ProgramCommand.path(program, "/favourite"))
            let done = noLonger ? "is no favourite any more" : "is a favourite"
            try await server.carryOut(request, client, "\(program) \(done).")
        }
    }
}
