/// A record of comma-separated values (RFC 4180), for spreadsheets.
package enum DelimitedRecord {
    package static func line(_ fields: [String]) -> String {
        fields.map(field).joined(separator: ",") + "\r\n"
    }

    /// A field that begins as a formula does is not to be one for a spreadsheet: an apostrophe goes before it. Numbers stay what they are.
    package static func field(_ text: String) -> String {
        let isFormula = text.first.map { "=+-@\t\r\r\n".contains($0) } ?? false
        let isNumber = text.dropFirst(text.first == "-" ? 1 : 0).allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") }
        let safe = isFormula && !isNumber ? "'" + text : text
        guard safe.unicodeScalars.contains(where: { [",", "\"", "\r", "\n"].contains($0) }) else { return safe }
        return "\"" + safe.replacing("\"", with: "\"\"") + "\""
    }
}
