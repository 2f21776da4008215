import ArgumentParser
import FoundationEssentials
import PanalCore
import PanalLinux
import PanalProfiles

struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Hardware profiles: which there are, and whether a file of them is right.",
        subcommands: [List.self, Check.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the profiles, and whether this machine is large enough for each.")

        @Option(help: "Folder with the profiles and the folder ‘seccomp’.")
        var profiles: String?

        func run() throws {
            let catalog = try ProfileCatalog.load(folder: try Installation.profiles(given: profiles))
            let topology = try HostTopology.read()
            let capacity = HostCapacity(cores: topology.cores, memory: topology.memory)
            for profile in catalog.profiles {
                let limits = profile.limits
                let refusal = capacity.refusal(of: limits)
                let reading = limits.diskRead.map { "reads at most \(ByteCount.text($0))/s: " } ?? ""
                let columns = [
                    Self.column(profile.name, 10), Self.column(Self.cores(limits.cpu), 10),
                    Self.column(ByteCount.text(limits.memory), 9), Self.column(Quantity.text(limits.wallTime), 10),
                    refusal.map { "not available here: \($0)" } ?? reading + profile.summary,
                ]
                print(columns.joined(separator: " "))
            }
        }

        private static func column(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }

        private static func cores(_ grant: CPUGrant) -> String {
            switch grant {
            case .exclusive(let cores): cores == 1 ? "1 core" : "\(cores) cores"
            case .shared(let millicores): "\(Double(millicores) / 1_000) core"
            }
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a file of profiles.",
            discussion:
                "Each mistake is named with its line and column and what would be right; then the exit code is 1.")

        @Argument(help: "The file, YAML.")
        var file: String

        func run() throws {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw CommandFailure("\(file) cannot be read")
            }
            do throws(ProfileMistakes) {
                let catalog = try ProfileCatalog(parsing: String(decoding: data, as: UTF8.self), file: file)
                let names = catalog.profiles.map(\.name).joined(separator: ", ")
                print("\(file): \(catalog.profiles.count) profiles are right: \(names)")
            } catch {
                for mistake in error.mistakes {
                    print("\(mistake.file):\(mistake.line):\(mistake.column): \(mistake.detail)")
                }
                throw ExitCode.failure
            }
        }
    }
}
