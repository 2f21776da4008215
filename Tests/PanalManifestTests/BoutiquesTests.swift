import Foundation
import PanalCore
import PanalManifest
import Testing

/// Descriptors made into manifests and back. Tests/Clients/descriptors.py holds both against `bosh`.
@Suite struct BoutiquesTests {
    private func descriptor() throws -> JSONValue {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().resolvingSymlinksInPath()
            .appendingPathComponent("Boutiques/align.json")
        return try JSONValue(parsing: Data(contentsOf: file))
    }

    @Test func aDescriptorBecomesAManifest() throws {
        let read = try Manifest(parsing: try BoutiquesReader.manifest(of: try descriptor()).serialized())
        #expect(read.slug == "align-pictures" && read.version == "2.1" && read.author == "Ana")
        #expect(read.inputs.map(\.id) == ["mode", "verbose", "steps", "names", "fixed", "moving", "quality"])
        #expect(read.inputs.map(\.type) == [.text, .boolean, .integer, .text, .file, .file, .number])
        #expect(read.groups.map(\.inputs) == [["verbose", "names"]] && read.groups.map(\.rule) == [.atMostOne])
        #expect(read.outputs.map(\.pattern) == ["log-*.txt", "out/*_aligned.png"])
        #expect(read.exitCodes[3]?.message == "They do not match.")
        #expect(read.tags == ["demo", "image", "align"] && read.resources.time == .seconds(60))
        let plan = try read.plan(
            Submission(values: [
                "steps": [.text("5")], "names": [.text("a"), .text("b")], "fixed": [file("x.png")],
                "moving": [file("y.png"), file("z.png")], "quality": [.text("0.5")],
            ]), entry: "align.py")
        #expect(
            plan.arguments == [
                "/program/align.py", "--mode=rigid", "--steps=5", "-n", "a,b", "/input/fixed/x.png", "two words", "-m",
                "/input/moving/y.png", "/input/moving/z.png", "--log", "log-rigid.txt",
            ])
        #expect(plan.environment.contains("QUALITY=0.5") && plan.environment.contains("THREADS=2"))
        #expect(
            mistakes(
                read,
                [
                    "names": [.text("a")], "verbose": [.text("true")], "fixed": [file("x")], "moving": [file("y")],
                    "quality": [.text("1")],
                ]) == [
                    "/steps: is needed, as ‘Names’ is given", "/names: only one of these can be given: Say more, Names",
                ])
    }

    /// A change of the descriptor, and what is said about it.
    static let mistaken: [(String, JSONValue, [String])] = [
        (
            "command-line", "align [FIXED] [MOVING] > out.txt",
            ["/command-line: needs a shell for ‘>’, and there is none; put the line into a script and publish that"]
        ),
        ("command-line", "align 'a [FIXED]", ["/command-line: a quotation mark is not closed"]),
        (
            "command-line", "align x[STEPS]x",
            ["/command-line: ‘[STEPS]’ stands inside a word; there it must be needed, without a flag, and one value"]
        ),
        ("schema-version", "0.6", ["/schema-version: is ‘0.6’; descriptors of \"0.5\" are read"]),
        (
            "output-files", [["id": "o", "name": "o", "path-template": "o", "file-template": ["x"]]],
            ["/output-files/0/file-template: has no counterpart here; leave it out, or do it in the program"]
        ),
        (
            "comand-line", "x",
            ["/comand-line: is no key here; did you mean ‘command-line’? Keys of your own begin with x-"]
        ),
    ]

    @Test(arguments: mistaken) func saysWhatCannotBeKept(key: String, value: JSONValue, expected: [String]) throws {
        guard case .object(var members) = try descriptor() else { return }
        members[key] = value
        do {
            _ = try BoutiquesReader.manifest(of: .object(members))
            Issue.record("it was read")
        } catch {
            #expect(error.mistakes.map { "\($0.pointer): \($0.detail)" } == expected)
        }
    }

    /// What is damaged is answered, never trapped on and never followed for ever.
    @Test func oddDescriptorsAreAnswered() throws {
        guard case .object(let members) = try descriptor() else { return }
        let odd: [JSONValue] = [
            .null, "", "x", [], [:], [[]], [[:]], ["x"], .integer(.max), .number(1e300), .number(-1), true,
            ["walltime-estimate": .number(1e300)],
            [["id": "a", "name": "a", "type": "String", "value-key": ""]], ["disk-space": .integer(.max)],
            [["id": "", "name": "", "path-template": ""]], [["code": .integer(.max), "description": 3]],
            ["a": ["b", 3]],
        ]
        for key in members.keys {
            for value in odd {
                var changed = members
                changed[key] = value
                guard let made = try? BoutiquesReader.manifest(of: .object(changed)) else { continue }
                _ = try? Manifest(parsing: made.serialized())
            }
        }
    }

    /// Out and in again is the same command line and the same judgement.
    @Test func aManifestComesBackFromItsDescriptor() throws {
        let text = #"""
            {"name": "Mi filtro", "inputs": [
              {"name": "imagen", "type": "file"}, {"name": "tamaño", "type": "integer", "exclusiveMinimum": 0, "default": 3},
              {"name": "modo", "type": "choice", "choices": ["a", "b"], "optional": true, "flag": "-m", "separator": "="},
              {"name": "más", "type": "boolean", "flag": "-v", "disables": ["modo"]},
              {"name": "ya", "type": "boolean"}, {"name": "clave", "type": "secret", "via": "environment", "optional": true}],
             "command": ["{@program}", "{mas}", "--out={tamano}.png", "{tamano}", "it's {{}}", "{modo}", "{ya}", "--", "{imagen}"],
             "outputs": [{"name": "o", "path": "*.png"}], "exitCodes": {"2": "no"}}
            """#
        let first = try manifest(text)
        let descriptor = try first.boutiquesDescriptor(document: JSONValue(parsing: Data(text.utf8)))
        #expect(BoutiquesReader.recognises(descriptor))
        guard case .object(let members) = descriptor else { return }
        let line = #"mi-filtro [MAS] --out=[TAMANO].png [TAMANO] 'it'\''s {}' [MODO] [YA] -- [IMAGEN]"#
        #expect(members["command-line"] == .string(line))
    }

    @Test func whatBoutiquesHasNoWordForIsSaid() throws {
        let read = try manifest(
            inputs:
                #"{"name": "f", "type": "file", "via": "stdin"}, {"name": "n", "type": "text", "list": true, "flag": "-n", "separator": "="}"#
        )
        do {
            _ = try read.boutiquesDescriptor(document: .null)
            Issue.record("it was said")
        } catch {
            #expect(error.mistakes.map(\.pointer) == ["/inputs/0", "/inputs/1"])
        }
        #expect(throws: ManifestError.self) { try manifest(inputs: "").boutiquesDescriptor(document: .null) }
        let together = try manifest(
            inputs: #"{"name": "a", "type": "text"}"#, more: #", "command": ["{@program}", ["-a", "{a}"]]"#)
        #expect(throws: ManifestError.self) { try together.boutiquesDescriptor(document: .null) }
    }

    /// What stands beside a field that was left out would stay there.
    @Test(arguments: [
        (#""optional": true"#, true), (#""optional": true, "default": "x""#, false),
        (#""showIf": "b", "default": "x""#, true),
        (#""default": "x""#, false),
    ]) func textThatGoesWithAFieldIsSaid(more: String, isSaid: Bool) throws {
        let read = try manifest(
            inputs: #"{"name": "a", "type": "text", \#(more)}, {"name": "b", "type": "boolean", "flag": "-b"}"#,
            more: #", "command": ["{@program}", "--a={a}", "{b}"]"#)
        do {
            _ = try read.boutiquesDescriptor(document: .null)
            #expect(!isSaid)
        } catch {
            #expect(isSaid && error.mistakes.map(\.pointer) == ["/inputs/0"])
        }
    }

    /// A tick box without a flag is a text that says false when it was left out.
    @Test func aTickBoxWithoutAFlagIsFalse() throws {
        let read = try manifest(
            inputs: #"{"name": "a", "type": "boolean"}, {"name": "b", "type": "boolean", "optional": true}"#)
        guard case .object(let members) = try read.boutiquesDescriptor(document: .null),
            case .array(let inputs)? = members["inputs"]
        else { return }
        let defaults = inputs.map { input -> JSONValue? in
            if case .object(let keys) = input { keys["default-value"] } else { nil }
        }
        #expect(defaults == ["false", nil])
    }
}
