import ArgumentParser
import Glibc
import PanalClient

@main
struct PanalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "panal",
        abstract: "Runs programs in sealed cells, here or through a server.",
        discussion: """
            `panal run` needs no server: it starts one cell on this machine. `panal login` signs in to a server, which `panal serve` starts; \
            `panal program` and `panal job` then publish and run programs there.

            \(ExitStatus.clientExplanation)
            """,
        groupedSubcommands: [
            CommandGroup(
                name: "On this machine:",
                subcommands: [
                    RunCommand.self, ManifestCommand.self, DoctorCommand.self, AuditCommand.self, SimulateCommand.self,
                    ProfileCommand.self, ServeCommand.self, BackupCommand.self,
                ]),
            CommandGroup(
                name: "Through a server:",
                subcommands: [
                    LoginCommand.self, LogoutCommand.self, ServerCommand.self, AccountCommand.self, KeyCommand.self,
                    ProgramCommand.self, JobCommand.self, BatchCommand.self, WebhookCommand.self, QueueCommand.self,
                    RootfsCommand.self,
                    UsageCommand.self, CreditsCommand.self, TraceCommand.self,
                ]),
            CommandGroup(
                name: "For administrators of a server:",
                subcommands: [
                    UserCommand.self, GroupCommand.self, RestrictionCommand.self, InvitationCommand.self,
                    SettingCommand.self, AuditLogCommand.self, CostsCommand.self,
                ]),
            CommandGroup(name: "For your shell:", subcommands: [CompletionsCommand.self]),
        ])

    static func main() async {
        do {
            var command = try await asyncParseAsRoot(nil)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as ClientFailure {
            StandardError.line(TextWidth.harmlessLines(failure.description))
            Glibc.exit(ExitStatus.of(failure))
        } catch {
            exit(withError: error)
        }
    }
}

/// A failure of the command line's own, said on standard error. `panal run` has codes of its own, see ``ExitStatus``.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
