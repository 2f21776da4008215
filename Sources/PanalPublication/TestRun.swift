package import PanalCore
package import PanalManifest

/// One test of a manifest as the run that it is: the same before a publication and by `panal manifest test`. Its turn, its cores and the
/// place of its files are the affair of whoever runs it.
package struct TestRun: Sendable {
    package let test: ManifestTest
    /// The profile's limits, within what a test may have.
    package let limits: CellLimits
    private let number: Int
    private let program: TestedProgram
    private let profile: Profile
    private let rootfs: ChosenRootfs

    /// Bytes of result files that one test may leave.
    private static let mostBytes = 64 << 20

    /// What the tests of one publication may take together.
    package static let time: Duration = .seconds(600)

    /// `number` is the test's place in the manifest.
    package init(
        _ test: ManifestTest, number: Int, of program: TestedProgram, under profile: Profile, in rootfs: ChosenRootfs
    ) {
        self.test = test
        self.number = number
        self.program = program
        self.profile = profile
        self.rootfs = rootfs
        var limits = profile.limits
        limits.wallTime = min(limits.wallTime, test.time ?? limits.wallTime)
        limits.collectedBytes = min(limits.collectedBytes, Self.mostBytes)
        self.limits = limits
    }

    /// What is to run. `store` answers under which hash it has put a text. Throws `SubmissionError` where the manifest does not allow what
    /// the test submits, each mistake with its place in the manifest.
    package func invocation(
        with files: TestFiles, storing store: (String) async throws -> ContentHash
    ) async throws -> Invocation {
        do {
            var planned = try program.manifest.plan(files.submission(of: test), entry: program.entry)
            planned.environment = rootfs.environment(of: planned.environment, manifest: program.manifest)
            return try await planned.storingTexts(by: store)
        } catch let error as SubmissionError {
            throw SubmissionError(
                mistakes: error.mistakes.map { mistake in
                    var mistake = mistake
                    mistake.pointer = "/tests/\(number)/inputs" + mistake.pointer
                    return mistake
                })
        }
    }

    package func attempt(_ id: AttemptID, _ invocation: Invocation, on cores: [Int] = []) -> AttemptSpec {
        AttemptSpec(
            id: id, rootfs: rootfs.name, seccomp: profile.seccomp, network: profile.network, limits: limits,
            cores: cores, program: program.content, arguments: invocation.arguments,
            environment: invocation.environment, inputs: invocation.inputs, standardInput: invocation.standardInput,
            // A test at home may be run without the image, and then without what it would write there.
            hasWritableRoot: program.manifest.hasWritableRoot && rootfs.name != AttemptSpec.hostRootfs)
    }

    /// What of a run that took its output to `sink` is not as the test says; empty where it has passed.
    package func mistakes(_ result: AttemptResult, _ sink: TestSink) -> [Mistake] {
        test.mistakes(in: sink.evidence(result), number: number, of: program.manifest, longest: limits.wallTime)
    }

    /// All tests together have taken longer than `limit`.
    package func overdue(_ limit: Duration) -> [Mistake] { [ManifestTest.overdue(number: number, limit: limit)] }
}

/// A version as its tests need it: its files have their place, whether it is published or not.
package struct TestedProgram: Sendable {
    package var manifest: Manifest
    package var content: ContentHash
    /// The file that is started, below the program's folder.
    package var entry: String

    package init(manifest: Manifest, content: ContentHash, entry: String) {
        self.manifest = manifest
        self.content = content
        self.entry = entry
    }
}

/// The files that tests submit, each stored once.
package struct TestFiles: Sendable {
    private var stored: [ManifestTest.Value: SubmittedFile] = [:]

    package init() {}

    func submission(of test: ManifestTest) -> Submission { test.submission { stored[$0] } ?? Submission() }

    /// Stores those of a test that are not stored yet, and answers those that are not there: for these `store` answers nil.
    package mutating func add(
        filesOf test: ManifestTest, number: Int,
        by store: (ManifestTest.Value) async throws -> (content: ContentHash, bytes: Int)?
    ) async throws -> [Mistake] {
        var missing: [Mistake] = []
        for (field, values) in test.inputs.sorted(by: { $0.key < $1.key }) {
            for value in values where stored[value] == nil {
                let path: String
                switch value {
                case .text: continue
                case .programFile(let given): path = given
                case .inline(let given, _): path = given
                }
                guard let (content, bytes) = try await store(value) else {
                    missing.append(ManifestTest.missingFile(path, number: number, field: field))
                    continue
                }
                let last = path.split(separator: "/").last.map(String.init) ?? path
                let name = if case .inline = value { path } else { last }
                stored[value] = SubmittedFile(name: name, content: content, bytes: bytes, mediaType: nil)
            }
        }
        return missing
    }
}

extension Invocation {
    /// With its texts as files. `store` answers under which hash it has put one.
    package func storingTexts(by store: (String) async throws -> ContentHash) async throws -> Invocation {
        var invocation = self
        for text in texts {
            invocation.inputs.append(
                InputFile(field: text.field, name: text.name, content: try await store(text.text)))
        }
        if let text = standardInputText { invocation.standardInput = try await store(text) }
        return invocation
    }
}
