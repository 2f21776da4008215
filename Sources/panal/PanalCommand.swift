import ArgumentParser

@main
struct PanalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "panal",
        abstract: "Runs programs in sealed cells, here or through a server.",
        discussion: """
            `panal run` needs no server: it starts one cell on this machine. `panal program` talks to a server, which \
            `panal serve` starts.
            """,
        subcommands: [
            RunCommand.self, DoctorCommand.self, AuditCommand.self, SimulateCommand.self, ProfileCommand.self,
            ProgramCommand.self, QueueCommand.self, TraceCommand.self, ServeCommand.self,
            BackupCommand.self,
        ])
}

/// A failure of the command line's own, said on standard error. `panal run` has codes of its own, see ``ExitStatus``.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
