import FoundationEssentials
import Glibc
import PanalCore

/// What `--report` prints.
struct RunReport: Encodable {
    var outcome: Outcome
    var message: String
    var usage: ResourceUsage
    var profile: String
    var cores: [Int]
    var output: StreamState
    var error: StreamState
    var explained: [String]?
    var timing: TimingGrade?

    init(_ result: AttemptResult, profile: String, cores: [Int], isExplained: Bool) {
        outcome = result.outcome
        message = result.outcome.sentence
        usage = result.usage
        self.profile = profile
        self.cores = cores
        output = result.output
        error = result.error
        timing = result.timing
        explained = isExplained ? result.explained : nil
    }

    /// Writes to `file`, or to standard error when there is none.
    func write(to file: String?) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        var data = try encoder.encode(self)
        data.append(10)
        if let file {
            try data.write(to: URL(filePath: file))
        } else {
            StandardError.write(String(decoding: data, as: UTF8.self))
        }
    }
}

enum StandardError {
    /// What cannot be written to standard error has nowhere else to go.
    static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in _ = unsafe Glibc.write(2, bytes.baseAddress, bytes.count) }
    }

    static func line(_ text: String) {
        write("panal: \(text)\n")
    }
}
