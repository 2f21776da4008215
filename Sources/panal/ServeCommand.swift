import ArgumentParser

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Start the server.",
        discussion: """
            Replaces itself by panald, which stands beside panal, with the same arguments. `panal serve --help` is panald's own \
            help.
            """,
        helpNames: [])

    @Argument(parsing: .captureForPassthrough, help: "Settings of panald.")
    var arguments: [String] = []

    func run() throws {
        try ChildProcess.become(try Installation.companion("panald"), arguments)
    }
}
