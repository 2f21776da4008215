import Foundation
import PanalCore
import PanalManifest
import Testing

/// What a run has left, held against what its test says.
@Suite struct TestEvidenceTests {
    private static let hash = String(repeating: "ab", count: 32)

    private static func manifest(_ test: String, more: String = "") throws -> Manifest {
        try Manifest(parsing: Data(#"{"name": "t", "inputs": [], "tests": [{"name": "n", \#(test)}]\#(more)}"#.utf8))
    }

    private static func evidence(
        _ outcome: Outcome = .exited(code: 0), files: [(String, Int)] = [], texts: Set<String> = [],
        stdout: Bool = true, stderr: Bool = true, tail: String = "", skipped: [String] = []
    ) throws -> TestEvidence {
        let content = try #require(ContentHash(hex: hash))
        return TestEvidence(
            outcome: outcome,
            files: files.map { TestEvidence.File(path: $0, bytes: $1, content: content, texts: texts) },
            skipped: skipped, output: .init(isAsWanted: stdout, tail: "out"),
            error: .init(isAsWanted: stderr, tail: tail))
    }

    private static func told(_ manifest: Manifest, _ evidence: TestEvidence) throws -> [String] {
        try #require(manifest.tests.first)
            .mistakes(in: evidence, number: 0, of: manifest, longest: .seconds(2))
            .map { "\($0.pointer): \($0.detail)" }
    }

    struct Case: Sendable {
        var test: String
        var more = ""
        var outcome = Outcome.exited(code: 0)
        var files: [(String, Int)] = []
        var texts: Set<String> = []
        var stdout = true
        var tail = ""
        var skipped: [String] = []
        var told: [String]
    }

    static let cases: [Case] = [
        // Exit codes.
        Case(test: #""exitCode": 0"#, told: []),
        Case(
            test: #""exitCode": 0"#, outcome: .exited(code: 3), tail: "no such file",
            told: [
                "/tests/0/exitCode: test ‘n’ expected exit code 0, but it ended with exit code 3; its error output ended with: no such file"
            ]),
        Case(test: #""exitCode": 3"#, outcome: .exited(code: 3), told: []),
        Case(
            test: #""exitCode": 3"#,
            told: ["/tests/0/exitCode: test ‘n’ expected exit code 3, but it ended with exit code 0"]),
        // Without one, what the manifest counts as success.
        Case(
            test: #""outputs": []"#, more: #", "exitCodes": {"4": {"message": "nothing found", "success": true}}"#,
            outcome: .exited(code: 4), told: []),
        Case(
            test: #""outputs": []"#, more: #", "exitCodes": {"4": "nothing found"}"#, outcome: .exited(code: 4),
            told: [
                "/tests/0: test ‘n’ expected an exit code that counts as success, but it ended with exit code 4 (nothing found)"
            ]),
        Case(
            test: #""outputs": []"#, more: #", "exitCodes": {"0": {"message": "never", "success": false}}"#,
            told: [
                "/tests/0: test ‘n’ expected an exit code that counts as success, but it ended with exit code 0 (never)"
            ]),
        // Other ends.
        Case(
            test: #""exitCode": 0"#, outcome: .signalled(signal: 11),
            told: ["/tests/0/exitCode: test ‘n’ expected exit code 0, but signal SIGSEGV (11) ended it"]),
        Case(
            test: #""time": "2s""#, outcome: .wallTimeExceeded,
            told: ["/tests/0/time: test ‘n’ expected an end within 2s, but it had not ended after 2s"]),
        Case(
            test: #""exitCode": 0"#, outcome: .outputExceeded,
            told: [
                "/tests/0/exitCode: test ‘n’ expected exit code 0, but it wrote more output than its profile allows"
            ]),
        // Result files.
        Case(test: #""outputs": [{"path": "*.png"}]"#, files: [("a.png", 0)], told: []),
        Case(
            test: #""outputs": [{"path": "*.png"}]"#, files: [("a.jpg", 1), ("b\u{202E}.txt", 1)],
            skipped: ["c.png: over the limit"],
            told: [
                "/tests/0/outputs/0/path: test ‘n’ expected a result file ‘*.png’, but it left a.jpg, b\u{202E}.txt; not taken: c.png: over the limit"
            ]),
        Case(
            test: #""outputs": [{"path": "a", "minBytes": 2}, {"path": "b", "maxBytes": 2}]"#,
            files: [("a", 1), ("b", 3)],
            told: [
                "/tests/0/outputs/0/minBytes: test ‘n’ expected ‘a’ to have at least 2 bytes, but it has 1 bytes",
                "/tests/0/outputs/1/maxBytes: test ‘n’ expected ‘b’ to have at most 2 bytes, but it has 3 bytes",
            ]),
        // One of several that match is enough.
        Case(test: #""outputs": [{"path": "*", "minBytes": 2}]"#, files: [("a", 1), ("b", 3)], told: []),
        Case(
            test: #""outputs": [{"path": "a", "sha256": "\#(String(repeating: "ab", count: 32))"}]"#,
            files: [("a", 1)], told: []),
        Case(
            test: #""outputs": [{"path": "a", "sha256": "\#(String(repeating: "00", count: 32))"}]"#,
            files: [("a", 1)],
            told: [
                "/tests/0/outputs/0/sha256: test ‘n’ expected ‘a’ to have the SHA-256 \(String(repeating: "00", count: 32)), but it has \(hash)"
            ]),
        Case(test: #""outputs": [{"path": "a", "contains": "x"}]"#, files: [("a", 1)], texts: ["x"], told: []),
        Case(
            test: #""outputs": [{"path": "a", "contains": "x"}]"#, files: [("a", 7)],
            told: ["/tests/0/outputs/0/contains: test ‘n’ expected ‘a’ to contain ‘x’, but that is not in its 7 bytes"]
        ),
        // Streams.
        Case(
            test: #""stdout": "hello""#, stdout: false,
            told: [
                "/tests/0/stdout: test ‘n’ expected ‘hello’ to be written here, but what was written ended with: out"
            ]
        ),
    ]

    @Test(arguments: cases) func isTold(_ one: Case) throws {
        let manifest = try Self.manifest(one.test, more: one.more)
        let evidence = try Self.evidence(
            one.outcome, files: one.files, texts: one.texts, stdout: one.stdout, tail: one.tail, skipped: one.skipped)
        #expect(try Self.told(manifest, evidence) == one.told)
    }

    @Test func bothLanguagesAreThere() throws {
        let manifest = try Self.manifest(#""exitCode": 0"#)
        let test = try #require(manifest.tests.first)
        let mistake = try #require(
            test.mistakes(
                in: try Self.evidence(.memoryExceeded), number: 4, of: manifest, longest: .seconds(1)
            ).first)
        #expect(mistake.pointer == "/tests/4/exitCode")
        #expect(
            mistake.spanish
                == "la prueba ‘n’ esperaba el código de salida 0, pero necesitó más memoria de la que da su perfil")
        #expect(mistake.code == "testFailed")
    }

    /// What a program wrote is shown without what turns the direction of writing or moves a cursor.
    @Test func aTailIsHarmless() {
        #expect(Shown.tail(Array("a\u{1B}[2Jb\u{202E}c\nd\r\n\n".utf8)) == "a [2Jb c\nd")
        #expect(Shown.tail([0xFF, 0x61]) == "\u{FFFD}a")
        #expect(Shown.tail([]) == "")
    }

    @Test func whichProfileATestRunsUnder() throws {
        let resources = #", "resources": {"profile": "large", "smallest": "small"}"#
        let own = try Self.manifest(#""profile": "half""#, more: resources)
        #expect(own.tests[0].profile(of: own) == "half")
        let suggested = try Self.manifest(#""exitCode": 0"#, more: resources)
        #expect(suggested.tests[0].profile(of: suggested) == "large")
        let smallest = try Self.manifest(#""exitCode": 0"#, more: #", "resources": {"smallest": "small"}"#)
        #expect(smallest.tests[0].profile(of: smallest) == "small")
        let none = try Self.manifest(#""exitCode": 0"#)
        #expect(none.tests[0].profile(of: none) == nil)
    }
}
