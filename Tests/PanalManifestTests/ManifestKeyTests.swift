import Foundation
import PanalCore
import PanalManifest
import Testing

/// Sections, tests, and the ways of a text to the program.
@Suite struct ManifestKeyTests {
    @Test func fieldsStandUnderTheirHeadings() throws {
        let read = try manifest(
            inputs: #"{"name": "a", "type": "text"}, {"name": "b", "type": "text"}, {"name": "c", "type": "text"}"#,
            more: #", "sections": [{"name": "Más", "description": "x", "inputs": ["c", "a"]}]"#)
        #expect(read.sectioned.map { $0.section?.name ?? "" } == ["", "Más"])
        #expect(read.sectioned.map { $0.parts.map(\.id) } == [["b"], ["c", "a"]])
        // argv follows the inputs, whatever a page looks like.
        #expect(try arguments(read, ["a": [.text("1")], "b": [.text("2")], "c": [.text("3")]]) == ["1", "2", "3"])
    }

    @Test func readsTests() throws {
        let read = try manifest(
            inputs:
                #"{"name": "n", "type": "integer", "list": true}, {"name": "f", "type": "file"}, {"name": "j", "type": "json"}"#,
            more: #"""
                , "tests": [{"name": "small", "inputs": {"n": [1, 2], "f": "sample/a.png", "j": [1, {"a": null}]},
                  "exitCode": 3, "outputs": [{"path": "*.png", "minBytes": 1, "maxBytes": 9, "contains": "x",
                  "sha256": "\#(String(repeating: "AB", count: 32))"}], "stdout": "done", "profile": "small", "time": 5},
                 {"inputs": {"n": 1, "f": {"name": "a.txt", "text": "hola"}, "j": true}}]
                """#)
        let test = try #require(read.tests.first)
        #expect(test.name == "small" && test.exitCode == 3 && test.profile == "small" && test.time == .seconds(5))
        #expect(test.inputs["n"] == [.text("1"), .text("2")])
        #expect(test.inputs["f"] == [.programFile("sample/a.png")])
        #expect(test.inputs["j"] == [.text(#"[1,{"a":null}]"#)])
        #expect(test.outputs[0].matches("b.png") && !test.outputs[0].matches("b.jpg"))
        #expect(test.outputs[0].sha256 == String(repeating: "ab", count: 32))
        #expect(read.tests[1].name == "2" && read.tests[1].exitCode == nil)
        #expect(read.tests[1].inputs["f"] == [.inline(name: "a.txt", text: "hola")])
        #expect(read.tests[1].submission { _ in nil } == nil)
    }

    @Test func textsGoIntoFilesAndStandardInput() throws {
        let read = try manifest(
            inputs: #"""
                {"name": "body", "type": "text", "multiline": true, "via": "stdin"},
                {"name": "script", "type": "text", "list": true, "via": "file", "flag": "-f"},
                {"name": "config", "type": "json", "via": "file"}
                """#)
        let plan = try read.plan(
            Submission(values: [
                "body": [.text("a\r\nb")], "script": [.text("x"), .text("y")], "config": [.text("{}")],
            ]), entry: "run")
        #expect(
            plan.arguments == ["/program/run", "-f", "/input/script/value.txt", "/input/config/value.json"])
        #expect(plan.standardInputText == "a\nb" && plan.standardInput == nil && plan.inputs.isEmpty)
        #expect(plan.texts.map(\.text) == ["x\ny", "{}"])
    }

    @Test func tenThousandChoicesAreQuick() throws {
        let choices = (0..<10_000).map { "\"choice number \($0)\"" }.joined(separator: ",")
        let read = try manifest(
            inputs: #"{"name": "c", "type": "choice", "list": true, "maxItems": 1000, "choices": [\#(choices)]}"#)
        let given = (0..<1_000).map { SubmittedValue.text("choice number \($0 * 10)") }
        #expect(try arguments(read, ["c": given]).count == 1_000)
        #expect(mistakes(read, ["c": [.text("x")]])[0].utf8.count < 1_000)
        #expect(
            mistakes(#"{"name": "t", "inputs": [{"name": "c", "type": "choice", "choices": [\#(choices), "x"]}]}"#)
                .count == 1)
    }

    @Test func aNetworkNeedsAProfileThatGivesOne() throws {
        let read = try manifest(
            #"{"name": "t", "resources": {"network": "loopback"}, "outputs": [{"name": "o", "glob": "*.png"}]}"#)
        #expect(read.resources.network == .loopback && read.outputs[0].pattern == "*.png")
        let limits = CellLimits(
            cpu: .exclusive(cores: 1), memory: 1 << 30, processes: 64, wallTime: .seconds(600), cpuTime: .seconds(600),
            scratchBytes: 512 << 20, scratchFiles: 100, outputBytes: 1_024, collectedFiles: 10, collectedBytes: 1_024,
            openFiles: 64, fileBytes: 1_024)
        let without = Profile(name: "small", summary: "", limits: limits, seccomp: "default")
        let with = Profile(name: "net", summary: "", limits: limits, seccomp: "default", network: .loopback)
        #expect(
            read.resources.refusal(of: without, smallest: nil)
                == "the program asks for a network of its own (loopback), profile small gives none")
        #expect(read.resources.refusal(of: with, smallest: nil) == nil)
    }

    @Test func manyTextsTogetherAreBounded() throws {
        let read = try manifest(inputs: #"{"name": "t", "type": "text", "list": true, "via": "stdin"}"#)
        let long = SubmittedValue.text(String(repeating: "a", count: 60_000))
        #expect(try arguments(read, ["t": Array(repeating: long, count: 17)]) == [])
        #expect(
            mistakes(read, ["t": Array(repeating: long, count: 19)]) == [
                ": the texts come to 1.1 MiB together; 1 MiB is the most"
            ])
    }
}
