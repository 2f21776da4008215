import ArgumentParser
import FoundationEssentials
import NIOHTTP1
import PanalClient
import PanalCore
import PanalManifest

/// What a shell offers behind Tab, asked from the current server. Where that is not to be had nothing is offered: a completion must not
/// disturb the line that somebody types.
enum Completions {
    static func programs(_ prefix: String) async -> [String] {
        await names("/api/v1/programs", list: "programs", member: "name", prefix)
    }

    static func jobs(_ prefix: String) async -> [String] {
        await names("/api/v1/jobs?limit=50", list: "jobs", member: "id", prefix)
    }

    /// Links to the results of the job that the line names.
    static func shares(_ words: [String], _ index: Int, _ prefix: String) async -> [String] {
        let before = words.prefix(max(0, index)).drop { $0 != "unshare" }.dropFirst()
        guard let job = before.first(where: { !$0.hasPrefix("-") }) else { return [] }
        return await names(SharedLinks.path(job), list: "shares", member: "id", prefix)
    }

    static func keys(_ prefix: String) async -> [String] {
        await names("/api/v1/keys", list: "keys", member: "id", prefix)
    }

    static func users(_ prefix: String) async -> [String] {
        await names("/api/v1/users", list: "users", member: "name", prefix)
    }

    static func groups(_ prefix: String) async -> [String] {
        await names("/api/v1/groups", list: "groups", member: "name", prefix)
    }

    static func webhooks(_ prefix: String) async -> [String] {
        await names("/api/v1/webhooks", list: "webhooks", member: "id", prefix)
    }

    static func settings(_ prefix: String) async -> [String] {
        await names("/api/v1/settings", list: "settings", member: "name", prefix)
    }

    static func profiles(_ prefix: String) async -> [String] {
        await names("/api/v1/profiles", list: "profiles", member: "name", prefix)
    }

    /// Behind a program's name its flags, before it the names of programs.
    static func wordsOfProgram(_ words: [String], _ index: Int, _ prefix: String) async -> [String] {
        let before = words.prefix(max(0, index))
        guard let name = before.drop(while: { $0 != "run" }).dropFirst().first(where: { !$0.hasPrefix("-") }) else {
            return await programs(prefix)
        }
        guard let choice = try? ServerOptions().choiceForCompletion else { return [] }
        let client = PanalClient(address: choice.address, key: choice.key, patience: .zero)
        guard let manifest = try? await ProgramRunCommand.manifest(of: name, version: nil, client) else { return [] }
        return ProgramWords.flags(of: manifest).filter { $0.hasPrefix(prefix) }
    }

    private static func names(_ path: String, list: String, member: String, _ prefix: String) async -> [String] {
        guard let choice = try? ServerOptions().choiceForCompletion else { return [] }
        let client = PanalClient(address: choice.address, key: choice.key, patience: .zero)
        guard let entries = try? await client.get(path).document.list(list) else { return [] }
        return entries.compactMap { $0[member]?.text }.filter { $0.hasPrefix(prefix) && TextWidth.harmless($0) == $0 }
    }
}

extension ServerOptions {
    fileprivate var choiceForCompletion: ServerChoice {
        get throws {
            try ServerChoice.make(
                option: nil, environment: Self.environment,
                list: try ServerListFile(environment: Self.environment).read())
        }
    }
}

struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions", abstract: "Have your shell complete verbs, options, programs and jobs.",
        subcommands: [Install.self, Show.self], defaultSubcommand: Install.self)

    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish

        /// By the SHELL variable.
        static var current: Shell? {
            ServerOptions.environment["SHELL"].flatMap { $0.split(separator: "/").last }.flatMap {
                Shell(rawValue: String($0))
            }
        }

        var script: String {
            let shell: CompletionShell =
                switch self {
                case .bash: .bash
                case .zsh: .zsh
                case .fish: .fish
                }
            return PanalCommand.completionScript(for: shell)
        }

        /// Where the shell looks by itself, for this user.
        func file(_ environment: [String: String]) throws -> String {
            guard let home = environment["HOME"], home.hasPrefix("/") else {
                throw ClientFailure(.local, "HOME is not set")
            }
            func folder(_ variable: String, _ standard: String) -> String {
                environment[variable].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "\(home)/\(standard)"
            }
            return switch self {
            case .bash: folder("XDG_DATA_HOME", ".local/share") + "/bash-completion/completions/panal"
            case .zsh: folder("XDG_DATA_HOME", ".local/share") + "/zsh/site-functions/_panal"
            case .fish: folder("XDG_CONFIG_HOME", ".config") + "/fish/completions/panal.fish"
            }
        }

        func note(_ file: String) -> String? {
            switch self {
            case .bash: "bash reads it when the package bash-completion is there; open a new shell"
            case .zsh:
                "put this into ~/.zshrc, before compinit: fpath=(\(file.dropLast("/_panal".count)) $fpath)"
            case .fish: nil
            }
        }
    }

    struct Install: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write the script to where your shell looks for it.")

        @Option(help: "Which shell; that of SHELL when it is not given.")
        var shell: Shell?

        func run() throws {
            guard let shell = shell ?? .current else { throw ValidationError("Which shell? --shell bash, zsh or fish") }
            let file = try shell.file(ServerOptions.environment)
            let folder = String(file[..<(file.lastIndex(of: "/") ?? file.startIndex)])
            do {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try Data(shell.script.utf8).write(to: URL(filePath: file))
            } catch {
                throw ClientFailure(.local, "\(file) cannot be written: \(error)")
            }
            print(file)
            if let note = shell.note(file) { StandardError.line(note) }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print the script.")

        @Option(help: "Which shell; that of SHELL when it is not given.")
        var shell: Shell?

        func run() throws {
            guard let shell = shell ?? .current else { throw ValidationError("Which shell? --shell bash, zsh or fish") }
            print(shell.script)
        }
    }
}
