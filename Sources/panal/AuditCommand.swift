import ArgumentParser
import FoundationEssentials
import Glibc
import PanalAudit
import PanalCore
import PanalSeccomp

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Run hostile programs in cells on this machine, and say what they achieved.",
        discussion: """
            Each class of attacks has a line: how many things were tried, and whether all of them held. Cells and programs are \
            the audit's own; it takes half a minute to a minute and one core, and leaves nothing behind.

            LIMIT marks what is known to get through and cannot be kept apart by any open interface of the kernel, with what \
            it means.

            Exit codes, for monitoring: 0 all held but for such limits, 1 an attack had something that it must not have, 2 the audit or a part of \
            it could not be carried out.
            """)

    @Option(help: "Folder with the profiles and the folder ‘seccomp’.")
    var profiles: String?

    @Option(help: ArgumentHelp("Only these classes, such as DEG.", valueName: "letters"))
    var only: String?

    @Option(help: "How many runs fill their scratch, one after another.")
    var runs = 200

    @Flag(
        help: "Run them in cells whose root is an image, made by the audit and hostile itself, instead of the host's.")
    var inImage = false

    @Flag(help: "Print the findings as JSON.")
    var json = false

    @Flag(help: "Print each attack.")
    var verbose = false

    func validate() throws {
        guard (1...100_000).contains(runs) else { throw ValidationError("--runs is 1 to 100000") }
    }

    private static let couldNotRun: Int32 = 2

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        do {
            var classes = Set(AttackClass.allCases)
            if let only { classes = try Self.classes(only) }
            let folder = try Installation.profiles(given: profiles)
            let settings = AuditSettings(
                launcher: try Installation.companion("panal-launcher"),
                hostile: try Installation.companion("panal-hostile"),
                unpack: try Installation.companion("panal-unpack"),
                seccomp: try SeccompPolicies.load(folder: "\(folder)/seccomp"), instance: "audit-\(getpid())",
                isInImage: inImage)
            let report = try await Audit(settings, classes: classes, fillingRuns: runs).run()
            try tell(report)
            throw ExitCode(report.exitCode)
        } catch let code as ExitCode {
            throw code
        } catch let failure as SystemError {
            for line in [failure.sentence] + (geteuid() == 0 ? [] : OrdinaryUser.advice()) { StandardError.line(line) }
            throw ExitCode(Self.couldNotRun)
        } catch {
            StandardError.line("\(error)")
            throw ExitCode(Self.couldNotRun)
        }
    }

    private static func classes(_ letters: String) throws -> Set<AttackClass> {
        let known = AttackClass.allCases.map(\.rawValue).sorted().joined()
        return Set(
            try letters.uppercased().map { letter in
                guard let kind = AttackClass(rawValue: String(letter)) else {
                    throw CommandFailure("there is no class ‘\(letter)’; there are \(known)")
                }
                return kind
            })
    }

    private func tell(_ report: AuditReport) throws {
        guard json else {
            print(report.text(verbose: verbose), terminator: "")
            return
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(report), as: UTF8.self))
    }
}
