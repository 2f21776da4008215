import Foundation
import PanalCore
import Testing

@testable import PanalManifest

/// Blocks of fields that are given several times. What their rules decide is in the table of ``RuleTests``.
@Suite struct RepeatTests {
    /// Layers with a picture, a text and a place.
    static let layers = #"""
        {"name": "collage", "inputs": [
          {"name": "title", "type": "text", "optional": true},
          {"name": "picture", "type": "file", "optional": true},
          {"name": "text", "type": "text", "via": "file", "optional": true},
          {"name": "x", "type": "integer", "flag": "-x", "default": 1},
          {"name": "tags", "type": "text", "list": true, "listSeparator": ",", "optional": true},
          {"name": "tint", "type": "colour", "via": "environment", "variable": "TINT", "optional": true},
          {"name": "data", "type": "json", "optional": true}],
         "repeats": [{"name": "Capa", "inputs": ["picture", "text", "x", "tags", "tint", "data"], "maxItems": 4}]}
        """#

    private func submission(_ json: String) throws -> Submission {
        guard case .object(let members) = try JSONReader.read(Array(json.utf8)) else {
            throw ManifestError(mistakes: [])
        }
        var submission = Submission()
        for (id, value) in members {
            guard case .array(let list) = value else {
                submission.values[id] = [.text(value.submittedText)]
                continue
            }
            submission.values[id] = list.map { .text($0.submittedText) }
            submission.documents[id] = value
        }
        return submission
    }

    /// Counts that no submission may have, whoever says them.
    @Test(arguments: [-5, Int.min, 5, 999_999_999]) func countsThatCannotBeAreNone(count: Int) throws {
        let read = try manifest(Self.layers)
        let unrolled = read.unrolled(["capa": count])
        #expect(unrolled.inputs.map(\.id) == ["title"])
        #expect(read.unrolled(["capa": 4]).inputs.count == 25)
    }

    /// A small manifest that would come to hundreds of millions of arguments.
    @Test func whatABlockMultipliesIsBounded() throws {
        let command = Array(repeating: "\"-x\"", count: 400).joined(separator: ",")
        let uses = Array(repeating: "\"{b}\"", count: 400).joined(separator: ",")
        let text = """
            {"name": "many", "command": ["{@program}", \(uses)], "inputs": [{"name": "x", "type": "text", "optional": true}],
             "repeats": [{"name": "b", "inputs": ["x"], "maxItems": 1000, "command": [\(command), "{x}"]}]}
            """
        #expect {
            try manifest(text)
        } throws: { error in
            (error as? ManifestError)?.mistakes.map(\.pointer) == ["/repeats"]
        }
    }

    /// Rules that can never both hold.
    @Test func aSampleOfContradictionsComesToAnEnd() throws {
        let read = try manifest(
            #"""
            {"name": "never", "inputs": [
              {"name": "x", "type": "text", "requires": ["y"]}, {"name": "z", "type": "text", "disables": ["y"]},
              {"name": "y", "type": "text", "optional": true}],
             "repeats": [{"name": "b", "inputs": ["x", "y", "z"], "minItems": 600, "maxItems": 600}]}
            """#)
        #expect(read.sample().count >= 1_200)
    }

    @Test func eachRepetitionGoesToTheProgramInOrder() throws {
        let read = try manifest(Self.layers)
        var given = try submission(
            ##"{"title": "t", "capa": [{"text": "a"}, {"x": 5, "tint": "#102030", "tags": ["p", "q"]}, {}]}"##)
        given.values["capa.2.picture"] = [file("a/b.png")]
        let plan = try read.plan(given, entry: "run")
        #expect(
            plan.arguments.dropFirst() == [
                "t", "/input/capa.0.text/value.txt", "-x", "1", "-x", "5", "p,q", "/input/capa.2.picture/b.png", "-x",
                "1",
            ])
        #expect(plan.environment.filter { $0.hasPrefix("TINT") } == ["TINT_2=#102030"])
        #expect(plan.inputs.map(\.field) == ["capa.2.picture"])
        #expect(plan.texts.map(\.path) == ["/input/capa.0.text/value.txt"])
        #expect(plan.fields.first == JobField(id: "capa", label: "Capa", value: "3"))
        #expect(plan.fields.map(\.label).suffix(2) == ["Capa 3: picture", "Capa 3: x"])
        #expect(plan.fields.contains { $0.id == "capa.1.tags" && $0.values == ["p", "q"] })
    }

    /// JSON, a form's names, and a form's JSON are the same submission.
    @Test(
        arguments: [
            #"{"capa": [{"text": "a", "x": 2}, {"text": "b", "data": [1, {"c": 2}]}]}"#,
            #"{"capa.0.text": "a", "capa.0.x": 2, "capa.1.text": "b", "capa.1.data": "[1,{\"c\":2}]"}"#,
            #"{"capa": 2, "capa.0.text": "a", "capa.0.x": 2, "capa.1.text": "b", "capa.1.data": "[1,{\"c\":2}]"}"#,
            #"{"capa": ["{\"text\": \"a\"}", "{\"text\": \"b\", \"data\": [1,{\"c\":2}]}"], "capa.0.x": "2"}"#,
        ])
    func eachFaceSaysTheSame(json: String) throws {
        var given = try submission(json)
        if json.contains(#"["{"#) { given.documents = [:] }
        let plan = try manifest(Self.layers).plan(given, entry: "run")
        #expect(
            plan.arguments.dropFirst() == [
                "/input/capa.0.text/value.txt", "-x", "2", "/input/capa.1.text/value.txt", "-x", "1", #"[1,{"c":2}]"#,
            ])
    }

    @Test func layingOutTwiceIsLayingOutOnce() throws {
        let read = try manifest(Self.layers)
        let once = read.laidOut(try submission(#"{"capa": [{"text": "a"}, {}]}"#))
        let twice = read.laidOut(once.submission)
        #expect(once.submission == twice.submission)
        #expect(once.manifest == twice.manifest)
        #expect(once.manifest.unrolled(["capa": 1]) == once.manifest)
    }

    @Test(
        arguments: [
            (
                #"{"capa": [{"x": "a"}, 3]}"#,
                ["/capa/1: is a number, should be an object: {…}", "/capa/0/x: ‘a’ is not a whole number such as 3"]
            ),
            (#"{"capa": [{"texto": "a"}]}"#, ["/capa/0/texto: there is no such field; did you mean ‘text’?"]),
            (
                #"{"capa": "many"}"#,
                [
                    "/capa: should be a list of objects, one for each time; in a form, the number of times",
                    "/capa: is given 1 to 4 times, and was given 0 times",
                ]
            ),
            (
                #"{"capa": -1}"#,
                [
                    "/capa: should be a list of objects, one for each time; in a form, the number of times",
                    "/capa: is given 1 to 4 times, and was given 0 times",
                ]
            ),
            (#"{"capa": []}"#, ["/capa: is given 1 to 4 times, and was given 0 times"]),
            (#"{"capa": [{}, {}, {}, {}, {}]}"#, ["/capa: is given 1 to 4 times, and was given 5 times"]),
            (
                #"{"capa": 1, "x": 3}"#,
                [#"/x: is a field of the block ‘capa’; write {"capa": [{"x": …}]}, in a form capa.0.x"#]
            ),
            (#"{"capa": 1, "capa.0.xx": 3}"#, ["/capa/0/xx: there is no such field; did you mean ‘x’?"]),
            (#"{"capa": 1, "capa.00.x": 3}"#, ["/capa.00.x: there is no such field; did you mean ‘capa.0.x’?"]),
            (#"{"capa": 1, "capa.0.x": [1, 2]}"#, ["/capa/0/x: takes one value, 2 were given"]),
            (#"{"capa": [{"x": 1}], "capa.0.x": 2}"#, ["/capa/0/x: takes one value, 2 were given"]),
        ] as [(String, [String])])
    func mistakesNameTheirPlace(json: String, expected: [String]) throws {
        do {
            _ = try manifest(Self.layers).plan(try submission(json), entry: "run")
            Issue.record("it was taken")
        } catch let error as SubmissionError {
            #expect(error.mistakes.map { "\($0.pointer): \($0.detail)" } == expected)
            #expect(error.mistakes.allSatisfy { $0.spanish != nil && $0.spanish != $0.detail })
        }
    }

    /// Somebody sends ten thousand of them, and a number with as many digits as there is room for: neither costs what they would.
    @Test func tenThousandBlocksAreRefusedByTheirNumber() throws {
        let read = try manifest(Self.layers)
        let many = "[" + Array(repeating: #"{"text": "a", "nobody": 1}"#, count: 10_000).joined(separator: ",") + "]"
        var flat = Submission()
        for index in 0..<10_000 { flat.values["capa.\(index).text"] = [.text("a")] }
        var huge = Submission(values: ["capa": [.text("999999999")]])
        huge.values["capa.999999.text"] = [.text("a")]
        for (given, count) in [(try submission(#"{"capa": \#(many)}"#), 10_000), (flat, 10_000), (huge, 999_999_999)] {
            let laid = read.laidOut(given)
            #expect(laid.manifest.inputs.count == 1)
            #expect(laid.submission.values.count == 1)
            let error = #expect(throws: SubmissionError.self) { try read.plan(given, entry: "run") }
            #expect(
                error?.mistakes.map(\.detail) == ["is given 1 to 4 times, and was given \(count) times"])
        }
    }

    /// As many fields as there may be, all of them with a mistake and a rule.
    @Test func twoThousandFieldsAreJudged() throws {
        let read = try manifest(
            #"""
            {"name": "t", "inputs": [{"name": "n", "type": "integer"}, {"name": "m", "type": "text", "optional": true, "showIf": {"n": 1}}],
             "repeats": [{"name": "b", "inputs": ["n", "m"], "maxItems": 1000}]}
            """#)
        var given = Submission()
        for index in 0..<1_000 { given.values["b.\(index).n"] = [.text(index.isMultiple(of: 2) ? "1" : "x")] }
        let error = #expect(throws: SubmissionError.self) { try read.plan(given, entry: "run") }
        #expect(error?.mistakes.count == 500)
        #expect(error?.mistakes.first?.pointer == "/b/1/n")
        #expect(error?.mistakes.last?.pointer == "/b/999/n")
    }

    // MARK: Reading

    static let mistaken: [(inputs: String, rest: String, expected: [String])] = [
        (#"{"name": "a", "type": "text"}"#, #""repeats": [{"inputs": ["a"]}]"#, ["/repeats/0: has no ‘name’"]),
        (
            #"{"name": "a", "type": "text"}"#, #""repeats": [{"name": "b"}, {"name": "c", "inputs": []}]"#,
            [
                #"/repeats/0: has no ‘inputs’; write "inputs": ["a"]"#,
                "/repeats/1/inputs: is empty; a block has at least one field",
            ]
        ),
        (
            #"{"name": "a", "type": "text"}"#,
            #""repeats": [{"name": "a", "inputs": ["a"]}, {"name": "b", "inputs": ["a", "q"]}]"#,
            [
                "/repeats/0/name: gives the id ‘a’ that a field or another block has already; give one of them another \"id\"",
                "/repeats/1/inputs/1: there is no field ‘q’; did you mean ‘a’?",
                "/repeats/1/inputs/0: the field ‘a’ is in the block ‘a’ already",
            ]
        ),
        (
            #"{"name": "a", "type": "text"}"#,
            #""repeats": [{"name": "b", "inputs": ["a"], "minItems": 9, "maxItems": 3, "max": 4}]"#,
            [
                "/repeats/0/max: is no key here; did you mean ‘maxItems’? Keys of your own begin with x-",
                "/repeats/0/minItems: 9 is more than ‘maxItems’, 3",
            ]
        ),
        (
            #"{"name": "a", "type": "text"}, {"name": "c", "type": "text"}, {"name": "d", "type": "text"}"#,
            #""repeats": [{"name": "b", "inputs": ["a", "c", "d"], "maxItems": 1000}]"#,
            [
                "/repeats: come to 3000 fields together when each is given as often as it may be; 2000 is the most: lower ‘maxItems’"
            ]
        ),
        (
            #"{"name": "a", "type": "text", "via": "stdin"}"#, #""repeats": [{"name": "b", "inputs": ["a"]}]"#,
            ["/repeats/0/inputs/0: ‘a’ goes to standard input, of which a run has one; a field of a block cannot"]
        ),
        (
            #"{"name": "a", "type": "text", "via": "environment", "variable": "V"}, {"name": "c", "type": "text", "via": "environment", "variable": "V_3"}"#,
            #""environment": {"V_12": "x"}, "repeats": [{"name": "b", "inputs": ["a"]}]"#,
            [
                "/inputs/1: the variable V_3 is already another field's",
                "/environment/V_12: is also the variable of a field; keep one of them",
            ]
        ),
        (
            #"{"name": "a", "type": "text"}, {"name": "c", "type": "text", "showIf": {"a": "x"}, "requires": ["a"]}"#,
            #""repeats": [{"name": "b", "inputs": ["a"], "showIf": "a"}], "sections": [{"name": "s", "inputs": ["a"]}]"#,
            [
                "/sections/0/inputs/0: ‘a’ is a field of the block ‘b’; name the block",
                "/inputs/1/showIf: ‘a’ is a field of the block ‘b’, of which there may be several; only fields of that block can hang on it",
                "/inputs/1/requires: ‘a’ is a field of the block ‘b’, of which there may be several; only fields of that block can hang on it",
                "/repeats/0/showIf: ‘a’ is a field of the block ‘b’, of which there may be several; only fields of that block can hang on it",
            ]
        ),
        (
            #"{"name": "a", "type": "text", "optional": true}, {"name": "c", "type": "text", "optional": true}"#,
            #""repeats": [{"name": "b", "inputs": ["a"]}], "groups": [{"inputs": ["a", "c"], "rule": "oneOf"}]"#,
            ["/groups/0/inputs: the fields of a group are all in the same block, or all in none"]
        ),
        (
            #"{"name": "a", "type": "text"}, {"name": "c", "type": "text"}"#,
            #""command": ["{@program}", "{a}", "x{b}", ["-b", "{b}"]], "repeats": [{"name": "b", "inputs": ["a", "c"], "command": ["{a}", "{q}"]}]"#,
            [
                "/repeats/0/command/1: there is no field ‘q’; did you mean ‘{a}’?",
                "/repeats/0/command: does not use the field ‘c’; add \"{c}\" to it",
                "/command/1: ‘a’ is a field of the block ‘b’; write \"{b}\" for the whole block",
                "/command/2: ‘{b}’ is a block of fields; let it stand alone",
                "/command/3/1: ‘{b}’ is a block of fields; let it stand alone",
            ]
        ),
        (
            #"{"name": "a", "type": "text"}"#,
            #""command": ["{@program}"], "repeats": [{"name": "b", "inputs": ["a"]}]"#,
            ["/command: does not use the field ‘b’; add \"{b}\" to it"]
        ),
    ]

    @Test(arguments: mistaken.indices) func namesEveryMistakeOfABlock(index: Int) throws {
        let (inputs, rest, expected) = Self.mistaken[index]
        do {
            _ = try manifest(#"{"name": "t", "inputs": [\#(inputs)], \#(rest)}"#)
            Issue.record("it was read")
        } catch let error as ManifestError {
            #expect(error.mistakes.map { "\($0.pointer): \($0.detail)" } == expected)
            #expect(error.mistakes.allSatisfy { $0.spanish != nil && $0.spanish != $0.detail })
        }
    }

    @Test func testsOfAManifestSayBlocksAsJSONDoes() throws {
        let read = try manifest(
            #"""
            {"name": "t", "inputs": [{"name": "f", "type": "file"}, {"name": "n", "type": "integer", "default": 2}],
             "repeats": [{"name": "b", "inputs": ["f", "n"]}],
             "tests": [{"inputs": {"b": [{"f": "sample/a.png"}, {"f": {"name": "x.txt", "text": "hi"}, "n": 4}]}}]}
            """#)
        #expect(
            read.tests.first?.inputs == [
                "b": [.text("2")], "b.0.f": [.programFile("sample/a.png")],
                "b.1.f": [.inline(name: "x.txt", text: "hi")], "b.1.n": [.text("4")],
            ])
        do {
            _ = try manifest(
                #"""
                {"name": "t", "inputs": [{"name": "n", "type": "integer"}], "repeats": [{"name": "b", "inputs": ["n"]}],
                 "tests": [{"inputs": {"b": [{"n": 1}, {"n": "x"}]}}, {"inputs": {"b": {"n": 1}}}]}
                """#)
            Issue.record("it was read")
        } catch let error as ManifestError {
            #expect(
                error.mistakes.map { "\($0.pointer): \($0.detail)" }.prefix(2) == [
                    "/tests/0/inputs/b/1/n: ‘x’ is not a whole number such as 3",
                    "/tests/1/inputs/b: is an object, should be a list: […]",
                ])
        }
    }

    // MARK: What comes out of it

    @Test func aBlockIsAListOfObjectsInJSONSchema() throws {
        let schema = try manifest(
            #"""
            {"name": "t", "inputs": [{"name": "n", "type": "integer"}, {"name": "m", "type": "boolean"}],
             "repeats": [{"name": "B", "description": "d", "inputs": ["n", "m"], "minItems": 2, "maxItems": 3}]}
            """#
        ).jsonSchema()
        let expected: JSONValue = [
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "t", "type": "object",
            "additionalProperties": false, "required": ["b"],
            "properties": [
                "b": [
                    "type": "array", "title": "B", "description": "d", "minItems": 2, "maxItems": 3,
                    "items": [
                        "type": "object", "title": "B", "additionalProperties": false, "required": ["n"],
                        "properties": [
                            "n": ["title": "n", "type": "integer"], "m": ["title": "m", "type": "boolean"],
                        ],
                    ],
                ]
            ],
        ]
        #expect(schema == expected)
    }

    @Test func boutiquesHasNoWordForIt() throws {
        let error = #expect(throws: ManifestError.self) {
            try manifest(Self.layers).boutiquesDescriptor(document: [:])
        }
        #expect(error?.mistakes.contains { $0.pointer == "/repeats/0" } == true)
    }

    @Test func aSampleShowsOneOfEach() throws {
        let read = try manifest(
            #"""
            {"name": "t", "inputs": [{"name": "n", "type": "integer"}, {"name": "k", "type": "boolean"}],
             "repeats": [{"name": "b", "inputs": ["n"], "minItems": 0}]}
            """#)
        #expect(read.sample().map { "\($0.input.id)=\($0.values)" } == [#"b.0.n=["3"]"#])
    }

    @Test func sectionsNameBlocks() throws {
        let read = try manifest(
            #"""
            {"name": "t", "inputs": [{"name": "a", "type": "text"}, {"name": "n", "type": "integer"}, {"name": "z", "type": "boolean"}],
             "repeats": [{"name": "b", "inputs": ["n"]}], "sections": [{"name": "s", "inputs": ["b"], "showIf": "z"}]}
            """#)
        #expect(read.sectioned.map { $0.parts.map(\.id) } == [["a", "z"], ["b"]])
        #expect(read.repeats.first?.showIf == .given("z"))
        let free = try manifest(
            #"""
            {"name": "t", "inputs": [{"name": "a", "type": "text"}, {"name": "n", "type": "integer"}, {"name": "z", "type": "text"}],
             "repeats": [{"name": "b", "inputs": ["n"]}]}
            """#)
        #expect(free.unrolled(["b": 2]).sectioned.map { $0.parts.map(\.id) } == [["a", "b", "z"]])
    }
}
