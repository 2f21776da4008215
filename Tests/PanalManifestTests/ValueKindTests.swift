import PanalCore
import Testing

@testable import PanalManifest

/// Values that came as JSON: each is of its field's kind, or it is a mistake.
@Suite("Kinds of values") struct ValueKindTests {
    private static let fields = #"""
        {"name": "t", "type": "text", "optional": true},
        {"name": "i", "type": "integer", "optional": true, "flag": "-i"},
        {"name": "n", "type": "number", "optional": true, "flag": "-n"},
        {"name": "b", "type": "boolean", "flag": "-b"}, {"name": "d", "type": "date", "optional": true},
        {"name": "c", "type": "choice", "choices": ["1", "2"], "optional": true},
        {"name": "l", "type": "integer", "list": true, "optional": true},
        {"name": "j", "type": "json", "optional": true}, {"name": "s", "type": "secret", "optional": true}
        """#

    private static func submission(_ members: [String: JSONValue]) -> Submission {
        var submission = Submission()
        submission.typed = members
        for (id, value) in members {
            if case .array(let list) = value {
                submission.values[id] = list.map { .text($0.submittedText) }
                submission.documents[id] = value
            } else {
                submission.values[id] = [.text(value.submittedText)]
            }
        }
        return submission
    }

    private static func mistakes(_ manifest: Manifest, _ members: [String: JSONValue]) -> [String] {
        do throws(SubmissionError) {
            _ = try manifest.plan(submission(members), entry: "run")
            return []
        } catch {
            return error.mistakes.map { "\($0.pointer): \($0.detail)" }
        }
    }

    @Test(
        arguments: [
            (["i": "3"], "/i: is a text, should be a whole number"), (["i": true], "/i: is true or false"),
            (["i": [3]], "/i: is a list"), (["n": "3.5"], "/n: is a text, should be a number"),
            (["t": 3], "/t: is a number, should be a text"), (["t": ["a"]], "/t: is a list"),
            (["t": ["a": 1]], "/t: is an object"),
            (["b": "true"], "/b: is a text, should be true or false"), (["b": 1], "/b: is a number"),
            (["d": 2026], "/d: is a number, should be a date"), (["c": 1], "/c: is a number"),
            (["l": 3], "/l: is a number, should be a list"), (["l": ["3"]], "/l: is a text, should be a whole number"),
            (["s": 1234], "/s: is a number"), (["i": .number(3.5)], "/i: is a number, should be a whole number"),
        ] as [([String: JSONValue], String)]) func anotherKindIsAMistake(members: [String: JSONValue], word: String)
        throws
    {
        let found = Self.mistakes(try manifest(inputs: Self.fields), members)
        #expect(found.count == 1 && found[0].hasPrefix(word), "\(found)")
    }

    @Test func theRightKindsAreTaken() throws {
        let members: [String: JSONValue] = [
            "t": "3", "i": .number(3), "n": 3, "b": false, "d": "2026-11-22", "c": "1", "l": [1, 2], "s": "x",
        ]
        #expect(Self.mistakes(try manifest(inputs: Self.fields), members) == [])
        #expect(Self.mistakes(try manifest(inputs: Self.fields), ["n": .number(0.5), "i": -3]) == [])
    }

    /// Any value is a document, a text too: it is not read as the text of another one.
    @Test(
        arguments: [
            ("hello", "\"hello\""), ("[1]", "\"[1]\""), (7, "7"), ([1, "a"], "[1,\"a\"]"),
            (["a": .null], "{\"a\":null}"),
        ] as [(JSONValue, String)]) func aDocumentIsTakenAsItIs(value: JSONValue, argument: String) throws
    {
        let read = try manifest(inputs: #"{"name": "j", "type": "json"}"#)
        let plan = try read.plan(Self.submission(["j": value]), entry: "run")
        #expect(plan.arguments.last == argument)
    }

    @Test func fieldsOfBlocksHaveKindsToo() throws {
        let read = try manifest(
            inputs: #"{"name": "x", "type": "integer", "default": 1}, {"name": "w", "type": "text", "optional": true}"#,
            more: #", "repeats": [{"name": "layer", "inputs": ["x", "w"]}]"#)
        #expect(Self.mistakes(read, ["layer": [["x": 1], ["x": 2, "w": "a"]]]) == [])
        let wrong = Self.mistakes(read, ["layer": [["x": 1, "w": 2], ["x": "2"]]])
        #expect(
            wrong == ["/layer/0/w: is a number, should be a text", "/layer/1/x: is a text, should be a whole number"])
        #expect(Self.mistakes(read, ["layer": 2]).first?.hasPrefix("/layer: is a number, should be a list") == true)
        #expect(
            Self.mistakes(read, ["layer": [[:]], "layer.0.x": "3"]).first?.hasPrefix("/layer/0/x: is a text") == true)
    }

    /// Forms have texts alone.
    @Test func textsOfFormsAreRead() throws {
        let read = try manifest(inputs: Self.fields)
        let values: [String: [SubmittedValue]] = [
            "i": [.text("3")], "b": [.text("on")], "l": [.text("1"), .text("2")],
        ]
        #expect(PanalManifestTests.mistakes(read, values) == [])
    }
}
