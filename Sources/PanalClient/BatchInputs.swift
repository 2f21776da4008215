package import PanalCore
import PanalManifest

/// The inputs of many submissions: comma-separated values under a line of names, or a JSON object on each line.
package struct BatchInputs {
    package enum Format: String, Sendable, CaseIterable {
        case csv, json

        /// What a file of that name holds; nil when it does not say.
        package init?(file: String) {
            switch file.split(separator: ".").last?.lowercased() {
            case "csv": self = .csv
            case "jsonl", "ndjson", "json": self = .json
            default: return nil
            }
        }
    }

    /// One submission, and where it stands.
    package struct Entry {
        package var line: Int
        package var draft: SubmissionDraft
    }

    package let entries: [Entry]

    /// `common` holds for each submission that does not say otherwise. An empty cell says nothing. Throws `local` and `refused` with every
    /// mistake that was found, each with its line.
    package init(
        _ bytes: [UInt8], format: Format, schema: JSONValue, common: [SubmissionDraft.Pair] = []
    ) throws(ClientFailure) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ClientFailure(.local, "the inputs are not UTF-8")
        }
        var entries: [Entry] = []
        var mistakes: [String] = []
        for (line, members) in try format == .csv ? Self.table(text) : Self.objects(text) {
            do throws(ClientFailure) {
                let draft = try Self.draft(members, schema: schema, common: common)
                entries.append(Entry(line: line, draft: draft))
            } catch {
                mistakes += error.description.split(separator: "\n").dropFirst().map {
                    "  line \(line): \($0.drop { $0 == " " })"
                }
            }
        }
        guard mistakes.isEmpty else {
            let shown = mistakes.prefix(20)
            let more = mistakes.count > shown.count ? ["  and \(mistakes.count - shown.count) more"] : []
            throw ClientFailure(
                .refused(status: 422),
                (["the inputs are wrong; nothing was sent"] + shown + more).joined(separator: "\n"))
        }
        guard !entries.isEmpty else { throw ClientFailure(.local, "there are no inputs") }
        self.entries = entries
    }

    private typealias Line = (line: Int, members: [String: JSONValue])

    private static func table(_ text: String) throws(ClientFailure) -> [Line] {
        let records = try DelimitedText.records(text)
        guard let names = records.first?.fields else { return [] }
        guard Swift.Set(names).count == names.count, !names.contains("") else {
            throw ClientFailure(.local, "line 1 names each column, and no two of them alike")
        }
        var lines: [Line] = []
        for record in records.dropFirst() {
            guard record.fields.count == names.count else {
                throw ClientFailure(
                    .local, "line \(record.line) has \(record.fields.count) fields, the first line \(names.count)")
            }
            let pairs = zip(names, record.fields).filter { !$0.1.isEmpty }.map { ($0.0, JSONValue.string($0.1)) }
            lines.append((record.line, Dictionary(pairs, uniquingKeysWith: { $1 })))
        }
        return lines
    }

    private static func objects(_ text: String) throws(ClientFailure) -> [Line] {
        var lines: [Line] = []
        for (place, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        where line.contains(where: { !$0.isWhitespace }) {
            let value: JSONValue
            do throws(Mistake) {
                value = try JSONReader.read(Array(line.utf8))
            } catch {
                throw ClientFailure(.local, "line \(place + 1) is no JSON: \(error.detail)")
            }
            guard case .object(let members) = value else {
                throw ClientFailure(.local, "line \(place + 1) is \(value.kind), not an object of values")
            }
            lines.append((place + 1, members))
        }
        return lines
    }

    private static func draft(
        _ members: [String: JSONValue], schema: JSONValue, common: [SubmissionDraft.Pair]
    ) throws(ClientFailure) -> SubmissionDraft {
        var values = members
        var files: [SubmissionDraft.Pair] = []
        for (name, value) in members where SubmissionDraft.isFile(name, schema) {
            values[name] = nil
            files += (value.list ?? [value]).compactMap(\.text).map { (name, $0) }
        }
        var pairs: [SubmissionDraft.Pair] = []
        for (name, value) in common where members[name] == nil {
            if SubmissionDraft.isFile(name, schema) { files.append((name, value)) } else { pairs.append((name, value)) }
        }
        return try SubmissionDraft(schema: schema, values: pairs, files: files, document: .object(values))
    }
}
