import PanalCore

/// Use as a table for spreadsheets: RFC 4180, with a line of names.
struct UsageTable: Sendable {
    let by: [UsageKey]

    func text(_ rows: [UsageRow]) -> String {
        let sums = [
            "jobs", "systemErrors", "coreSeconds", "memoryGibibyteSeconds", "cpuSeconds", "cost", "paid",
        ]
        var text = Self.line(by.map(\.rawValue) + sums)
        for row in rows {
            let keys = by.map { CreditDocuments.value(of: $0, row) ?? "" }
            let sum = row.sum
            text += Self.line(
                keys + [
                    "\(sum.jobs)", "\(sum.systemErrors)", Self.seconds(sum.use.coreMicroseconds),
                    Self.seconds(sum.use.memoryMicroseconds), Self.seconds(sum.cpuMicroseconds), "\(sum.cost)",
                    "\(sum.paid)",
                ])
        }
        return text
    }

    /// Exactly, as a decimal number.
    static func seconds(_ microseconds: Int64) -> String { Credits(micro: microseconds).description }

    private static func line(_ fields: [String]) -> String {
        fields.map(field).joined(separator: ",") + "\r\n"
    }

    /// A field that begins as a formula does is not to be one for a spreadsheet.
    static func field(_ text: String) -> String {
        let isFormula = text.first.map { "=+-@\t\r".contains($0) } ?? false
        let isNumber = text.dropFirst(text.first == "-" ? 1 : 0).allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") }
        let safe = isFormula && !isNumber ? "'" + text : text
        guard safe.unicodeScalars.contains(where: { [",", "\"", "\r", "\n"].contains($0) }) else { return safe }
        return "\"" + safe.replacing("\"", with: "\"\"") + "\""
    }
}
