import ArgumentParser
import FoundationEssentials
import PanalCore
import PanalManifest

/// How long a form of a hundred fields takes to be judged.
struct ManifestBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest", abstract: "Reading a manifest, and judging a submission of all its fields.")

    @Option(help: "Fields.")
    var fields = 100

    @Option(help: "Submissions.")
    var rounds = 2_000

    @Flag(help: "One line of JSON, with the times of judging alone.")
    var json = false

    func run() throws {
        let text = document()
        let clock = ContinuousClock()
        var manifest: Manifest?
        let reading = try clock.measure { manifest = try Manifest(parsing: Data(text.utf8)) }
        guard let manifest else { return }
        var values: [String: [SubmittedValue]] = [:]
        for place in 0..<fields { values["f\(place)"] = [.text(Self.value(place))] }
        let submission = Submission(values: values)
        var spans: [Duration] = []
        for _ in 0..<rounds {
            spans.append(try clock.measure { _ = try manifest.plan(submission, entry: "program") })
        }
        spans.sort()
        if json {
            func microseconds(_ part: Double) -> Int {
                Int((spans[Int(Double(spans.count - 1) * part)] / .microseconds(1)).rounded())
            }
            print(
                """
                {"name": "a form of \(fields) fields, judged on the server", "p50_us": \(microseconds(0.5)), \
                "p99_us": \(microseconds(0.99))}
                """)
            return
        }
        func at(_ part: Double) -> String { "\(spans[Int(Double(spans.count - 1) * part)] / .microseconds(1)) µs" }
        print("reading \(fields) fields: \(reading / .microseconds(1)) µs")
        print("judging them: median \(at(0.5)), 99 % \(at(0.99)), most \(at(1))")
    }

    /// Every kind of field in turn, each with a limit; every tenth hangs on the one before.
    private func document() -> String {
        let inputs = (0..<fields).map { place -> String in
            let kind: String
            switch place % 5 {
            case 0: kind = #""type": "integer", "minimum": 0, "maximum": 1000, "step": 1"#
            case 1: kind = #""type": "text", "maxLength": 200, "pattern": "[a-z]+( [a-z]+)*""#
            case 2: kind = #""type": "choice", "choices": ["one", "two", "three", "four"]"#
            case 3: kind = #""type": "date", "minimum": "2026-01-01""#
            default: kind = #""type": "number", "exclusiveMinimum": 0"#
            }
            let rule = place % 10 == 5 ? #", "showIf": {"input": "f\#(place - 1)", "minimum": 1}"# : ""
            return #"{"name": "f\#(place)", \#(kind)\#(rule), "flag": "--f\#(place)"}"#
        }
        return #"{"name": "bench", "inputs": [\#(inputs.joined(separator: ","))]}"#
    }

    private static func value(_ place: Int) -> String {
        switch place % 5 {
        case 0: "\(place)"
        case 1: "a text of some words that is neither short nor long"
        case 2: "three"
        case 3: "2026-11-21"
        default: "3.25"
        }
    }
}
