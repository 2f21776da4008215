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

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy a server's data into a folder, while it runs.",
        discussion: """
            Replaces itself by `panald backup`: `panal backup FOLDER [--data PATH]`. A second backup into the same folder copies what is \
            new. To restore: stop the server, copy the folder to where its data were, and start it.
            """,
        helpNames: [])

    @Argument(parsing: .captureForPassthrough, help: "Folder for the backup, and settings of panald.")
    var arguments: [String] = []

    func run() throws {
        try ChildProcess.become(try Installation.companion("panald"), ["backup"] + arguments)
    }
}
