import PanalCore
import PanalManifest

/// What the tests came to.
struct TestReport {
    struct Result {
        var name: String
        var profile: String
        var took: Duration
        var mistakes: [Mistake]
    }

    let manifest: Manifest
    /// In the manifest's order; fewer than it has tests where they were interrupted, or took too long together.
    var results: [Result] = []
    var isInterrupted = false

    init(manifest: Manifest) { self.manifest = manifest }

    var passed: Int { results.count { $0.mistakes.isEmpty } }
    var hasPassed: Bool { passed == manifest.tests.count && !isInterrupted }

    func text(file: String) -> String {
        guard !manifest.tests.isEmpty else { return "\(file) has no tests; the program would be taken\n" }
        var text = ""
        for result in results {
            let verdict = result.mistakes.isEmpty ? "passed" : "FAILED"
            text +=
                "\(verdict)  \(TextWidth.harmless(result.name)) (\(result.profile), \(Self.seconds(result.took)) s)\n"
            for line in ManifestFile.lines(of: result.mistakes, file: file) {
                let lines = TextWidth.harmlessLines(line).split(separator: "\n", omittingEmptySubsequences: false)
                text += lines.map { "  \($0)\n" }.joined()
            }
        }
        let left = manifest.tests.count - results.count
        return text + "\(passed) of \(ManifestFile.count(manifest.tests.count, "test")) passed"
            + (left > 0 ? "; \(left) not run" : "") + "\n"
    }

    func json() throws -> String {
        let document: JSONValue = [
            "passed": .boolean(hasPassed),
            "tests": .array(
                results.map { result in
                    [
                        "name": .string(result.name), "profile": .string(result.profile),
                        "passed": .boolean(result.mistakes.isEmpty),
                        "milliseconds": .integer(Int(result.took / .milliseconds(1))),
                        "mistakes": ManifestFile.document(of: result.mistakes),
                    ]
                }),
            "notRun": .integer(manifest.tests.count - results.count),
        ]
        return String(decoding: try document.serialized(pretty: true), as: UTF8.self) + "\n"
    }

    private static func seconds(_ duration: Duration) -> String {
        let tenths = Int(duration / .milliseconds(100))
        return "\(tenths / 10).\(tenths % 10)"
    }
}
