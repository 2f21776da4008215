/// Comma-separated values (RFC 4180), as spreadsheets write them: a line feed alone ends a record too, and a byte order mark is no part
/// of the first name.
package enum DelimitedText {
    /// One record, and the line at which it begins, from 1.
    package struct Record: Hashable, Sendable {
        package var line: Int
        package var fields: [String]

        package init(line: Int, fields: [String]) {
            self.line = line
            self.fields = fields
        }
    }

    /// Lines without any field are left out. Throws `local` with the line for a quote that does not belong there or has no end.
    package static func records(_ text: String, separator: Character = ",") throws(ClientFailure) -> [Record] {
        var reader = Reader(separator: separator)
        // `\r\n` is one character of a text.
        for character in text.first == "\u{FEFF}" ? text.dropFirst() : text[...] { try reader.take(character) }
        return try reader.end()
    }

    private struct Reader {
        private enum State { case start, plain, quoted, closed }

        let separator: Character
        private var records: [Record] = []
        private var fields: [String] = []
        private var field = ""
        private var state = State.start
        private var line = 1
        private var first = 1

        init(separator: Character) { self.separator = separator }

        mutating func take(_ character: Character) throws(ClientFailure) {
            let isEnd = character == "\n" || character == "\r\n" || character == "\r"
            if isEnd { line += 1 }
            switch state {
            case .quoted:
                if character == "\"" { state = .closed } else { field.append(character) }
            case .closed where character == "\"":
                field.append(character)
                state = .quoted
            case .start where character == "\"": state = .quoted
            case _ where character == separator: endField()
            case _ where isEnd: endRecord()
            case .closed: throw Self.mistake("something stands behind a closing quote", line)
            case .plain where character == "\"": throw Self.mistake("a quote stands within a field", line)
            case .start, .plain:
                field.append(character)
                state = .plain
            }
        }

        mutating func end() throws(ClientFailure) -> [Record] {
            if state == .quoted { throw Self.mistake("a quote is not closed", first) }
            if state != .start || !fields.isEmpty { endRecord() }
            return records
        }

        private mutating func endField() {
            fields.append(field)
            field = ""
            state = .start
        }

        private mutating func endRecord() {
            let isEmpty = fields.isEmpty && state == .start
            endField()
            if !isEmpty { records.append(Record(line: first, fields: fields)) }
            fields = []
            first = line
        }

        private static func mistake(_ detail: String, _ line: Int) -> ClientFailure {
            ClientFailure(.local, "line \(line): \(detail)")
        }
    }
}
