import ArgumentParser
import FoundationEssentials
import Glibc
import PanalCore
import PanalManifest

struct ManifestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest",
        abstract: "Manifests: check one, run its tests, begin one, and see what becomes of it.",
        subcommands: [Check.self, Test.self, Init.self, Schema.self, Rules.self, Plan.self, Boutiques.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a manifest.",
            discussion:
                "Each mistake is named with its place as a JSON pointer, and what would be right; then the exit code is 1. "
                + "In Spanish where the locale (LC_ALL, LC_MESSAGES, LANG) is.")

        @Argument(help: "The manifest, JSON.", completion: .file(extensions: ["json"]))
        var file: String

        @Flag(help: "Print the mistakes as JSON, in both languages.")
        var json = false

        func run() throws {
            do {
                let manifest = try ManifestFile.parse(file)
                if json { return StandardOutput.write("[]\n") }
                let counts = [
                    ManifestFile.count(manifest.allInputs.count, "input"),
                    ManifestFile.count(manifest.outputs.count, "output"),
                    ManifestFile.count(manifest.tests.count, "test"),
                ]
                StandardOutput.write(
                    "\(file): ‘\(manifest.name)’ is right: \(counts.joined(separator: ", ")); its name in addresses is "
                        + "\(manifest.slug)\n")
            } catch let error as ManifestError {
                if json {
                    StandardOutput.write(try ManifestFile.document(of: error.mistakes).serialized(pretty: true))
                    StandardOutput.write("\n")
                } else {
                    for line in ManifestFile.lines(of: error.mistakes, file: file) { StandardOutput.write(line + "\n") }
                }
                throw ExitCode.failure
            }
        }
    }

    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the JSON Schema (2020-12) of a manifest's submissions.")

        @Argument(help: "The manifest, JSON.", completion: .file(extensions: ["json"]))
        var file: String

        func run() throws {
            StandardOutput.write(try ManifestFile.read(file).jsonSchema().serialized(pretty: true))
            StandardOutput.write("\n")
        }
    }

    struct Rules: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a manifest's rules between fields as a page's script gets them.")

        @Argument(help: "The manifest, JSON.", completion: .file(extensions: ["json"]))
        var file: String

        func run() throws {
            StandardOutput.write(try ManifestFile.read(file).ruleDescription.serialized(pretty: true))
            StandardOutput.write("\n")
        }
    }

    struct Boutiques: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a manifest of a Boutiques descriptor, or a descriptor of a manifest.")

        @Argument(help: "A manifest, or a descriptor (schema-version 0.5).", completion: .file(extensions: ["json"]))
        var file: String

        func run() throws {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw CommandFailure("\(file) cannot be read")
            }
            do {
                let document = try JSONReader.read(Array(data))
                let made: JSONValue
                if BoutiquesReader.recognises(document) {
                    made = try BoutiquesReader.manifest(of: document)
                    // What is printed can be published.
                    _ = try Manifest(parsing: try made.serialized())
                } else {
                    made = try Manifest(parsing: data).boutiquesDescriptor(document: document)
                }
                StandardOutput.write(try made.serialized(pretty: true))
                StandardOutput.write("\n")
            } catch let error as ManifestError {
                for line in ManifestFile.lines(of: error.mistakes, file: file) { StandardError.line(line) }
                throw ExitCode.failure
            } catch let mistake as Mistake {
                for line in ManifestFile.lines(of: [mistake], file: file) { StandardError.line(line) }
                throw ExitCode.failure
            }
        }
    }

    struct Plan: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print what a submission would run.",
            discussion: """
                Reads submissions from standard input, a JSON object of values by field on each line, and answers each with a line: \
                {"arguments": […]} or {"errors": […]}. A file is a text, its name. Nothing is run.
                """)

        @Argument(help: "The manifest, JSON.", completion: .file(extensions: ["json"]))
        var file: String

        @Option(help: "The program's name in argv, after /program/.")
        var entry = "program"

        func run() throws {
            let manifest = try ManifestFile.read(file)
            while let line = readLine() {
                guard !line.allSatisfy(\.isWhitespace) else { continue }
                StandardOutput.write(try ManifestFile.answer(line, manifest, entry: entry).serialized())
                StandardOutput.write("\n")
            }
        }
    }

    struct Init: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begin a manifest for a program.",
            discussion: """
                Says on standard error what the program is, and prints a manifest of what its --help announces. The program is asked \
                for its help in a cell of its own; where no cell can be made (‘panal doctor’ says why) it is not run at all, and the \
                manifest has no inputs. Read it before you publish: types are guessed by the names of values.
                """)

        @Argument(help: "Executable or script.", completion: .file())
        var program: String

        @Flag(help: "Do not run the program, not even in a cell.")
        var noRun = false

        @Option(help: "Folder with the profiles and the folder ‘seccomp’.")
        var profiles: String?

        func run() async throws {
            guard let handle = FileManager.default.contents(atPath: program) else {
                throw CommandFailure("\(program) cannot be read")
            }
            let kind = ProgramKind(head: Array(handle.prefix(ProgramKind.headBytes)))
            StandardError.line("\(program): \(kind.sentence)")
            guard kind != .unknown else { throw ExitCode.failure }
            let name = program.split(separator: "/").last.map(String.init) ?? program
            let help = noRun ? nil : try HelpRun(profiles: profiles).help(of: name, content: handle)
            if let help, HelpText(help).arguments.isEmpty {
                StandardError.line("its --help names no arguments in a form that is understood; write them yourself")
            }
            StandardOutput.write(ManifestSketch(program: name, help: help).text)
        }
    }
}

/// Manifests in files.
enum ManifestFile {
    /// Throws `ManifestError` for mistakes, `CommandFailure` when there is no such file.
    static func parse(_ file: String) throws -> Manifest {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw CommandFailure("\(file) cannot be read")
        }
        return try Manifest(parsing: data)
    }

    /// Says the mistakes on standard error, and ends with 1.
    static func read(_ file: String) throws -> Manifest {
        do {
            return try parse(file)
        } catch let error as ManifestError {
            for line in lines(of: error.mistakes, file: file) { StandardError.line(line) }
            throw ExitCode.failure
        }
    }

    static func count(_ number: Int, _ word: String) -> String { "\(number) \(word)\(number == 1 ? "" : "s")" }

    static func lines(of mistakes: [Mistake], file: String) -> [String] {
        let isSpanish = isSpanish(ProcessInfo.processInfo.environment)
        return mistakes.map { mistake in
            "\(file)#\(mistake.pointer): \(isSpanish ? mistake.spanish ?? mistake.detail : mistake.detail)"
        }
    }

    /// The first of the three that is set decides, as setlocale(3) has it.
    static func isSpanish(_ environment: [String: String]) -> Bool {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        return locale.map { $0 == "es" || $0.hasPrefix("es_") || $0.hasPrefix("es.") } ?? false
    }

    static func document(of mistakes: [Mistake]) -> JSONValue {
        .array(
            mistakes.map { mistake in
                var members: [String: JSONValue] = [
                    "pointer": .string(mistake.pointer), "detail": .string(mistake.detail),
                ]
                if let spanish = mistake.spanish { members["es"] = .string(spanish) }
                if let code = mistake.code { members["code"] = .string(code) }
                return .object(members)
            })
    }

    /// What one submission comes to.
    static func answer(_ line: String, _ manifest: Manifest, entry: String) -> JSONValue {
        do throws(Mistake) {
            guard case .object(let members) = try JSONReader.read(Array(line.utf8)) else {
                throw Mistake(pointer: "", detail: "is no object of values")
            }
            do throws(SubmissionError) {
                let laid = manifest.laidOut(Submission(members, of: manifest))
                guard laid.mistakes.isEmpty else { throw SubmissionError(mistakes: laid.mistakes) }
                let submission = laid.submission.withFiles(of: laid.manifest)
                let plan = try laid.manifest.plan(submission, entry: entry)
                return ["arguments": .array(plan.arguments.map(JSONValue.string))]
            } catch {
                return ["errors": document(of: error.mistakes)]
            }
        } catch {
            return ["errors": document(of: [error])]
        }
    }
}

extension Submission {
    fileprivate init(_ members: [String: JSONValue], of manifest: Manifest) {
        self.init()
        for (id, value) in members where value != .null {
            let value = Self.named(value, of: manifest, id)
            if case .array(let list) = value {
                values[id] = list.map { .text($0.submittedText) }
                documents[id] = value
            } else {
                values[id] = [.text(value.submittedText)]
            }
        }
    }

    /// What is no name, in the place of a file's, becomes something that cannot be taken for one.
    private static func named(_ value: JSONValue, of manifest: Manifest, _ id: String) -> JSONValue {
        if let block = manifest.repeats.first(where: { $0.id == id }), case .array(let list) = value {
            return .array(
                list.map { element in
                    guard case .object(let members) = element else { return element }
                    return .object(
                        Dictionary(uniqueKeysWithValues: members.map { ($0, named($1, in: block.inputs, $0)) }))
                })
        }
        return named(value, in: manifest.inputs, id)
    }

    private static func named(_ value: JSONValue, in inputs: [ManifestInput], _ id: String) -> JSONValue {
        guard inputs.first(where: { $0.id == id })?.type == .file else { return value }
        switch value {
        case .string, .null: return value
        case .array(let list):
            return .array(list.map { if case .string = $0 { $0 } else { noName } })
        default: return noName
        }
    }

    private static let noName: JSONValue = [:]

    /// Files by name alone: nothing is stored, and nothing is run.
    fileprivate func withFiles(of manifest: Manifest) -> Submission {
        guard let nothing = ContentHash(hex: String(repeating: "0", count: 64)) else { return self }
        var submission = self
        for input in manifest.inputs where input.type == .file {
            submission.values[input.id] = values[input.id]?.map { value in
                guard case .text(let name) = value, name != Self.noName.submittedText else { return value }
                return .file(SubmittedFile(name: name, content: nothing, bytes: 1, mediaType: nil))
            }
        }
        return submission
    }
}
