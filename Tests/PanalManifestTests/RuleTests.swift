import Foundation
import PanalCore
import Testing

@testable import PanalManifest

/// Rules between fields. The table is data, so that the page's script can be held against it too.
@Suite struct RuleTests {
    struct Table: Codable {
        struct Case: Codable {
            struct File: Codable {
                var name: String
                var bytes: Int
                var mediaType: String?
            }

            var values: [String: [String]]
            var files: [String: [File]]?
            var hidden: [String]?
            /// Codes of mistakes by field.
            var mistakes: [String: [String]]?
            /// argv without the program, where there is no mistake.
            var arguments: [String]?
        }

        var about: String
        var manifest: JSONValue
        var cases: [Case]
    }

    static func table() throws -> [Table] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().resolvingSymlinksInPath()
            .appendingPathComponent("Rules/cases.json")
        return try JSONDecoder().decode([Table].self, from: Data(contentsOf: file))
    }

    @Test func theTableHolds() throws {
        let tables = try Self.table()
        #expect(tables.count > 25)
        for table in tables {
            let manifest = try Manifest(parsing: table.manifest.serialized())
            for row in table.cases {
                var submission = Submission(values: row.values.mapValues { $0.map(SubmittedValue.text) })
                for (id, files) in row.files ?? [:] {
                    submission.values[id] = try files.map { file in
                        let content = try #require(ContentHash(hex: String(repeating: "a", count: 64)))
                        return .file(
                            SubmittedFile(
                                name: file.name, content: content, bytes: file.bytes, mediaType: file.mediaType))
                    }
                }
                let about = Comment(
                    rawValue: "\(table.about): \(row.values.description.prefix(200)) \(row.files ?? [:])")
                let laid = manifest.laidOut(submission)
                #expect(laid.mistakes == [], about)
                var engine = RuleEngine(laid.manifest)
                var found: [String: [String]] = [:]
                for mistake in engine.judge(laid.submission) {
                    let id = String(mistake.pointer.dropFirst()).replacing("/", with: ".")
                    found[id, default: []].append(mistake.code ?? "")
                }
                #expect(found == row.mistakes ?? [:], about)
                #expect(engine.hidden == Set(row.hidden ?? []), about)
                guard found.isEmpty else { continue }
                let plan = try manifest.plan(submission, entry: "run")
                #expect(Array(plan.arguments.dropFirst()) == row.arguments, about)
            }
        }
    }

    /// What an author may get wrong, under the manifest's pointer.
    static let mistaken: [(manifest: String, expected: [String])] = [
        (
            #"{"name": "a", "type": "text", "showIf": {"b": "x"}}, {"name": "b", "type": "text", "showIf": {"c": "x"}}, {"name": "c", "type": "text", "showIf": "a"}"#,
            ["/inputs/0/showIf: goes round in a circle: a → b → c → a"]
        ),
        (
            #"{"name": "a", "type": "text", "showIf": "a"}"#,
            ["/inputs/0/showIf: a rule of a field is about other fields, not about itself"]
        ),
        (
            #"{"name": "a", "type": "text", "showIf": "bb"}, {"name": "b", "type": "text"}"#,
            ["/inputs/0/showIf: there is no field ‘bb’; did you mean ‘b’?"]
        ),
        (
            #"{"name": "a", "type": "text", "showIf": {"n": "x"}}, {"name": "n", "type": "integer"}"#,
            ["/inputs/0/showIf/n: ‘x’ is not a whole number such as 3"]
        ),
        (
            #"{"name": "a", "type": "text", "showIf": {"all": []}}, {"name": "b", "type": "text", "showIf": 3}, {"name": "c", "type": "text", "showIf": {"x": 1, "y": 2}}"#,
            [0, 1, 2].map {
                "/inputs/\($0)/showIf: is no condition; write {\"field\": \"value\"}, {\"input\": \"field\", \"given\": true}, or all, any, not of such"
            }
        ),
        (
            #"{"name": "a", "type": "text", "showIf": {"f": "x"}}, {"name": "f", "type": "file"}"#,
            ["/inputs/0/showIf/f: of file fields a condition can only say {\"input\": …, \"given\": true}"]
        ),
        (
            #"{"name": "a", "type": "text", "showIf": {"input": "b", "equal": "x"}}, {"name": "b", "type": "text"}"#,
            ["/inputs/0/showIf/equal: is no key here; did you mean ‘equals’? Keys of your own begin with x-"]
        ),
        (
            #"{"name": "a", "type": "text", "showIf": {"input": "b", "minimum": 3}}, {"name": "b", "type": "text"}"#,
            ["/inputs/0/showIf/minimum: is not for text fields, only for: number, integer, date, time"]
        ),
        (
            #"{"name": "a", "type": "text", "requires": ["b"], "disables": ["b", "c"]}, {"name": "b", "type": "text", "optional": true}, {"name": "c", "type": "text"}"#,
            [
                "/inputs/0/disables: ‘b’ is required and disabled at once; keep one of them",
                "/inputs/0/disables: ‘c’ is always needed; a field that another one disables has \"optional\": true",
            ]
        ),
        (
            #"{"name": "a", "type": "choice", "choices": ["x"], "value-disables": {"y": ["b"], "x": ["b"]}}, {"name": "b", "type": "text", "default": "d"}"#,
            [
                "/inputs/0/value-disables/y: ‘y’ is not one of the choices: x",
                "/inputs/0/valueDisables: ‘b’ has a default, which would always be given; leave it out, or use ‘showIf’ there",
            ]
        ),
        (
            #"{"name": "a", "type": "text", "requires-inputs": ["b"]}"#,
            ["/inputs/0/requires-inputs: is no key here; did you mean ‘requires’? Keys of your own begin with x-"]
        ),
    ]

    @Test(arguments: mistaken) func namesWhatIsWrongWithRules(inputs: String, expected: [String]) {
        #expect(mistakes(#"{"name": "t", "inputs": [\#(inputs)]}"#) == expected)
    }

    @Test func namesWhatIsWrongWithGroups() {
        let found = mistakes(
            #"""
            {"name": "t", "inputs": [{"name": "a", "type": "text"}, {"name": "b", "type": "text", "optional": true}],
             "groups": [{"inputs": ["a", "b"], "rule": "oneOff"}, {"inputs": ["b"], "rule": "oneOf"}, {"members": ["a"]},
                        {"inputs": ["a", "b"], "rule": "oneOf"}]}
            """#)
        #expect(
            found == [
                "/groups/0/rule: ‘oneOff’ is no rule; did you mean ‘oneOf’?",
                "/groups/1/inputs: a group has at least two fields",
                "/groups/2/members: is no key here; did you mean ‘inputs’? Keys of your own begin with x-",
                "/groups/2: has no ‘inputs’; write \"inputs\": [\"a\"]",
                "/groups/2: has no ‘rule’; known are oneOf, atMostOne, atLeastOne, allOrNone",
                "/groups/3/inputs/0: ‘a’ is always needed; a field of a group has \"optional\": true",
            ])
    }

    @Test func deepConditionsAreRefused() {
        let deep = String(repeating: #"{"not":"#, count: 12) + "\"b\"" + String(repeating: "}", count: 12)
        let found = mistakes(
            #"{"name": "t", "inputs": [{"name": "a", "type": "text", "showIf": \#(deep)}, {"name": "b", "type": "text"}]}"#
        )
        #expect(found.count == 1 && found[0].hasSuffix("conditions nest deeper than 8 here; that is the most"))
    }

    /// The description is read back into the same conditions, so that nothing is lost in it.
    @Test func theDescriptionSaysEverything() throws {
        for table in try Self.table() {
            let manifest = try Manifest(parsing: table.manifest.serialized())
            guard case .object(let description) = manifest.ruleDescription,
                case .object(let fields)? = description["fields"]
            else {
                Issue.record("no object")
                return
            }
            #expect(fields.count == manifest.allInputs.count)
            for input in manifest.allInputs {
                guard case .object(let field)? = fields[input.id] else {
                    Issue.record("\(input.id) is missing")
                    continue
                }
                #expect(field["showIf"] == input.showIf?.json)
                #expect((field["matcher"] != nil) == (input.pattern != nil))
                #expect((field["requires"] != nil) == !input.requires.isEmpty)
            }
        }
    }

    /// What a page says about mistakes is there in both languages, with the same holes.
    @Test func everyMistakeOfTheTableHasItsWords() throws {
        let (english, spanish) = (Manifest.rulePhrases(inSpanish: false), Manifest.rulePhrases(inSpanish: true))
        let told = Set(try Self.table().flatMap(\.cases).flatMap { ($0.mistakes ?? [:]).values.joined() })
        for code in told { #expect(english[code] != nil && spanish[code] != nil, "\(code)") }
        #expect(Set(english.keys) == Set(spanish.keys))
        #expect(english != spanish)
    }

    /// What a program's page shows as a first try is taken, whatever its rules.
    @Test func theSampleIsTaken() throws {
        for table in try Self.table() where !table.about.contains("pattern") && !table.about.contains("secret") {
            let manifest = try Manifest(parsing: table.manifest.serialized())
            var submission = Submission()
            for (input, values) in manifest.sample() {
                submission.values[input.id] = try values.map { text in
                    guard input.type == .file else { return .text(text) }
                    let content = try #require(ContentHash(hex: String(repeating: "a", count: 64)))
                    return .file(SubmittedFile(name: text, content: content, bytes: 1, mediaType: nil))
                }
            }
            let laid = manifest.laidOut(submission)
            var engine = RuleEngine(laid.manifest)
            #expect(engine.judge(laid.submission).map(\.detail) == [], Comment(rawValue: table.about))
        }
    }

    @Test func aHundredFieldsInAChainAreJudgedQuickly() throws {
        let fields = (0..<100).map { place in
            #"{"name": "f\#(place)", "type": "integer", "default": 1, "minimum": 0"#
                + (place == 0 ? "}" : #", "showIf": {"f\#(place - 1)": 1}}"#)
        }
        let read = try manifest(inputs: fields.reversed().joined(separator: ","))
        #expect(try arguments(read, [:]).count == 100)
        #expect(try arguments(read, ["f50": [.text("0")]]).count == 51)
    }
}
