@testable import PanalClient
import PanalCore
import Testing

@Suite("Many inputs") struct BatchInputsTests {
    typealias Record = DelimitedText.Record

    static let texts: [(String, [Record])] = [
        ("", []), ("\n\r\n", []), ("a", [Record(line: 1, fields: ["a"])]),
        ("a,b\n1,2\n", [Record(line: 1, fields: ["a", "b"]), Record(line: 2, fields: ["1", "2"])]),
        ("\u{FEFF}a,b\r\n1,\r\n", [Record(line: 1, fields: ["a", "b"]), Record(line: 2, fields: ["1", ""])]),
        ("\"a,\"\"b\"\"\",c", [Record(line: 1, fields: ["a,\"b\"", "c"])]),
        // A field over lines, and the line after it.
        ("\"x\ny\",1\nz,2", [Record(line: 1, fields: ["x\ny", "1"]), Record(line: 3, fields: ["z", "2"])]),
        ("\"\"", [Record(line: 1, fields: [""])]), (",", [Record(line: 1, fields: ["", ""])]),
        (" a , b ", [Record(line: 1, fields: [" a ", " b "])]),
    ]

    @Test(arguments: texts.indices) func commaSeparatedValues(place: Int) throws {
        let (text, records) = Self.texts[place]
        #expect(try DelimitedText.records(text) == records)
    }

    @Test(arguments: [("a\"b", 1), ("a,b\n\"c\"d", 2), ("a\n\"b\nc", 2)]) func wrongQuotes(text: String, line: Int) {
        let failure = #expect(throws: ClientFailure.self) { try DelimitedText.records(text) }
        #expect(failure?.description.hasPrefix("line \(line): ") == true)
    }

    @Test(arguments: ["", "a", "a,b", "\"", "x\ny", "x\r\n", ",\""]) func whatIsQuotedIsReadAgain(field: String) throws
    {
        let text = DelimitedRecord.line([field, "end"])
        #expect(try DelimitedText.records(text) == [Record(line: 1, fields: [field, "end"])])
    }

    static let schema: JSONValue = [
        "properties": [
            "text": ["type": "string"], "count": ["type": "integer"], "data": ["type": "string", "format": "binary"],
            "more": ["type": "array", "items": ["type": "string", "format": "binary"]],
        ],
        "required": ["text"],
    ]

    private func inputs(
        _ text: String, _ format: BatchInputs.Format = .csv, common: [SubmissionDraft.Pair] = []
    ) throws -> [JSONValue] {
        let uploads = ["a.png": "u1", "b.png": "u2"]
        return try BatchInputs(Array(text.utf8), format: format, schema: Self.schema, common: common).entries.map {
            $0.draft.document(uploads: uploads)
        }
    }

    @Test func aTable() throws {
        let found = try inputs("text,count,data\none,,a.png\ntwo,5,\n", common: [("count", "3")])
        #expect(
            found == [
                ["text": "one", "count": 3, "data": ["upload": "u1"]], ["text": "two", "count": 5],
            ])
    }

    @Test func linesOfJSON() throws {
        let text = "{\"text\": \"one\", \"more\": [\"a.png\", \"b.png\"]}\n\n{\"text\": \"two\", \"count\": 2}"
        let found = try inputs(text, .json)
        #expect(
            found == [
                ["text": "one", "more": [["upload": "u1"], ["upload": "u2"]]], ["text": "two", "count": 2],
            ])
    }

    @Test func everyMistakeHasItsLine() throws {
        let failure = #expect(throws: ClientFailure.self) { try inputs("text,count,txt\na,x,\n,1,\nc,2,d\n") }
        let words = try #require(failure?.description)
        for part in ["line 2: count: ‘x’ is not a whole number", "line 3: text: is required", "line 4: txt: "] {
            #expect(words.contains(part), "\(words)")
        }
        #expect(failure?.kind == .refused(status: 422))
    }

    @Test(arguments: [
        ("text,text\na,b\n", "no two of them alike"), ("text\na,b\n", "line 2 has 2 fields"), ("text\n", "no inputs"),
        ("", "no inputs"),
    ]) func wrongTables(text: String, words: String) {
        let failure = #expect(throws: ClientFailure.self) { try inputs(text) }
        #expect(failure?.description.contains(words) == true)
    }

    @Test(arguments: [("{\"text\": 1}\n[1]", "line 2 is"), ("{", "line 1 is no JSON")])
    func wrongLines(text: String, words: String) {
        let failure = #expect(throws: ClientFailure.self) { try inputs(text, .json) }
        #expect(failure?.description.contains(words) == true)
    }

    @Test func noText() {
        let failure = #expect(throws: ClientFailure.self) {
            try BatchInputs([0x74, 0xFF], format: .csv, schema: Self.schema)
        }
        #expect(failure?.description == "the inputs are not UTF-8")
    }
}
