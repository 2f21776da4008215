import Foundation
import Glibc
import PanalCore
import PanalManifest
import PanalProfiles
import PanalSandbox
import Testing

/// One of the programs of `Examples/`: a folder with `manifest.json` and what the manifest's command and tests need.
struct Example: Sendable, CustomTestStringConvertible {
    let name: String
    let folder: URL
    let manifest: Manifest
    var testDescription: String { name }

    static let root = CellHarness.repository.appending(path: "Examples")

    static func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.path).filter { !$0.hasPrefix(".") }.sorted()
    }

    init(_ name: String) throws {
        self.name = name
        folder = Self.root.appending(path: name)
        do {
            manifest = try Manifest(parsing: try Data(contentsOf: folder.appending(path: "manifest.json")))
        } catch let error as ManifestError {
            let lines = error.mistakes.map { "\($0.pointer): \($0.detail)" }
            throw ExampleMistake(description: "\(name): \(lines.joined(separator: "\n"))")
        }
    }
}

struct ExampleMistake: Error, CustomStringConvertible {
    var description: String
}

/// Runs the tests of one example in cells, and says what of their results is not as the manifest promises.
struct ExampleRun {
    let example: Example
    let harness: CellHarness
    private let program: ContentHash

    /// Puts the program's folder where cells find it, as publication would: without the manifest, readable by everybody.
    init(_ example: Example, on harness: CellHarness) throws {
        self.example = example
        self.harness = harness
        program = try harness.hash(of: example.name)
        let place = harness.folder.appending(path: ContentLayout.program(program))
        try FileManager.default.copyItem(at: example.folder, to: place)
        try FileManager.default.removeItem(at: place.appending(path: "manifest.json"))
        chmod(place.path, 0o755)
        for path in try FileManager.default.subpathsOfDirectory(atPath: place.path) {
            let file = place.appending(path: path).path
            let isFolder = (try? FileManager.default.contentsOfDirectory(atPath: file)) != nil
            chmod(file, isFolder || FileManager.default.isExecutableFile(atPath: file) ? 0o555 : 0o444)
        }
    }

    /// What is wrong with the run, in lines; none when it is as the test says.
    func complaints(about test: ManifestTest, profile: Profile) async throws -> [String] {
        let submission = try #require(test.submission(stored))
        let invocation = try example.manifest.plan(submission, entry: "program")
        var inputs = invocation.inputs
        for text in invocation.texts {
            inputs.append(InputFile(field: text.field, name: text.name, content: try harness.blob(text.text)))
        }
        let standardInput = try invocation.standardInputText.map(harness.blob) ?? invocation.standardInput
        let cores = Array(harness.executor.capacity.cores.prefix(profile.limits.cpu.parallelism))
        let attempt = AttemptSpec(
            id: AttemptID(job: JobID.make(at: Timestamp(microseconds: 0)), number: 1, nonce: 1),
            rootfs: example.manifest.rootfs, seccomp: profile.seccomp, network: profile.network,
            limits: profile.limits, cores: cores, program: program, arguments: invocation.arguments,
            environment: invocation.environment, inputs: inputs, standardInput: standardInput)
        let sink = MemorySink()
        let result = await harness.executor.run(
            attempt, programFolder: ContentLayout.program(program), input: .empty, sink: sink, started: {})
        var found = outcome(of: result, test)
        found += files(of: result, sink, test)
        for (name, text, wanted) in [
            ("output", sink.output, test.standardOutput), ("error output", sink.error, test.standardError),
        ] {
            if let wanted, !text.contains(wanted) { found.append("its \(name) does not contain ‘\(wanted)’") }
        }
        if let time = test.time, result.usage.wallMicroseconds > time.components.seconds * 1_000_000 {
            found.append("it took \(result.usage.wallMicroseconds) µs")
        }
        guard !found.isEmpty else { return [] }
        let paths = result.files.map { "\($0.path) (\($0.bytes))" }.joined(separator: ", ")
        return found + [
            "argv: \(invocation.arguments)", "files: \(paths)", "output: \(sink.output.prefix(1_500))",
            "error output: \(sink.error.prefix(1_500))",
        ]
    }

    private func outcome(of result: AttemptResult, _ test: ManifestTest) -> [String] {
        guard case .exited(let code) = result.outcome else { return [result.outcome.sentence] }
        let isSuccess = example.manifest.exitCodes[code]?.isSuccess ?? (code == 0)
        if let wanted = test.exitCode {
            var found = code == wanted ? [] : ["it ended with \(code), not with \(wanted)"]
            if wanted != 0, example.manifest.exitCodes[wanted] == nil {
                found.append("nobody is told what \(wanted) means")
            }
            return found
        }
        return isSuccess ? [] : ["it ended with \(code)"]
    }

    private func files(of result: AttemptResult, _ sink: MemorySink, _ test: ManifestTest) -> [String] {
        var found = result.skipped.map { "not taken: \($0)" }
        for wanted in test.outputs {
            let matching = result.files.filter { wanted.matches($0.path) }
            if matching.isEmpty { found.append("there is no \(wanted.path)") }
            for file in matching {
                if file.bytes < wanted.minimumBytes || file.bytes > wanted.maximumBytes ?? .max {
                    found.append("\(file.path) has \(file.bytes) bytes")
                }
                if let text = wanted.contains, !sink.file(file.content).contains(text) {
                    found.append("\(file.path) does not contain ‘\(text)’: \(sink.file(file.content).prefix(1_500))")
                }
            }
        }
        guard case .exited(let code) = result.outcome, example.manifest.exitCodes[code]?.isSuccess ?? (code == 0) else {
            return found
        }
        // What a run of a program announces, and what it leaves without a word.
        found += example.manifest.missingOutputs(among: result.files.map(\.path)).map { "no ‘\($0.name)’ is there" }
        found += result.files.filter { example.manifest.output(for: $0.path) == nil }
            .map { "\($0.path) is none of the outputs" }
        return found
    }

    /// Nil for a text; what cannot be read is an issue.
    private func stored(_ value: ManifestTest.Value) -> SubmittedFile? {
        do {
            switch value {
            case .text: return nil
            case .inline(let name, let text):
                return SubmittedFile(
                    name: name, content: try harness.blob(text), bytes: text.utf8.count, mediaType: nil)
            case .programFile(let path):
                let data = try Data(contentsOf: example.folder.appending(path: path))
                let hash = try harness.blob(data, called: "\(example.name)/\(path)")
                return SubmittedFile(name: path, content: hash, bytes: data.count, mediaType: nil)
            }
        } catch {
            Issue.record(error, "\(example.name): a test's file")
            return nil
        }
    }
}
