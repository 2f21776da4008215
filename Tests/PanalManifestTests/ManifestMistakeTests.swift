import Foundation
import PanalCore
import PanalManifest
import Testing

@Suite struct ManifestMistakeTests {
    /// Document → everything that is said about it.
    static let documents: [(String, [String])] = [
        // JSON itself.
        ("", [": line 1, column 1: the document ends where a value should stand"]),
        ("[]", [": is a list, should be an object: {…}"]),
        ("{\"name\": \"a\",}", [": line 1, column 14: no comma may stand before }"]),
        ("{\"name\": \"a\"} x", [": line 1, column 15: the document ends here; nothing may follow it"]),
        (
            "{\"name\": 'a'}",
            [
                "/name: line 1, column 10: a value should stand here: a text in double quotes, a number, true, false, {…} or […]"
            ]
        ),
        (
            "{\"name\": \"a\", \"name\": \"b\"}",
            [
                "/name: line 1, column 15: the key \"name\" stands twice in this object; keep one of them"
            ]
        ),
        ("{\"name\": \"\\ud800\"}", ["/name: line 1, column 17: half of a surrogate pair stands alone"]),
        ("{\"name\": \"\\x\"}", ["/name: line 1, column 12: no such escape; a backslash itself is written \\\\"]),
        ("{\"x-n\": 01}", ["/x-n: line 1, column 11: a number begins with no extra 0"]),
        ("{\"x-n\": 1e999}", ["/x-n: line 1, column 14: the number 1e999 is too large"]),
        // The document.
        ("{}", [": has no ‘name’; write \"name\": \"what people call the program\""]),
        (#"{"name": 3}"#, ["/name: is a number, should be a text"]),
        (#"{"name": " "}"#, ["/name: is empty; a text should stand here"]),
        (#"{"name": "a\u0000"}"#, ["/name: contains a control character or a line break; leave it out"]),
        (
            #"{"name": "文件"}"#,
            [
                "/name: has no Latin letter or digit to make an address of; add \"id\": \"a-name-of-a-to-z\""
            ]
        ),
        (#"{"name": "文件", "id": "File"}"#, ["/id: should be of a-z, 0-9 and -; write ‘file’"]),
        (
            #"{"name": "a", "nmae": "b"}"#,
            ["/nmae: is no key here; did you mean ‘name’? Keys of your own begin with x-"]
        ),
        (
            #"{"name": "a", "command-line": "x"}"#,
            [
                "/command-line: is no key here; did you mean ‘command’? Keys of your own begin with x-"
            ]
        ),
        (
            #"{"name": "a", "a/b~c": 1}"#,
            [
                "/a~1b~0c: is no key here; known are name, id, description, version, author, url, tags, command, inputs, outputs, "
                    + "resources, rootfs, writable, environment, exitCodes, sections, repeats, groups, tests; keys of your own begin with x-"
            ]
        ),
        (#"{"name": "a", "url": "javascript:alert(1)"}"#, ["/url: should begin with https:// or http://"]),
        (
            #"{"name": "a", "writable": true}"#,
            [
                "/writable: the host’s own files are never written to; name an image under ‘rootfs’, or leave ‘writable’ out"
            ]
        ),
        (
            #"{"name": "a", "rootfs": "host", "writable": true}"#,
            [
                "/writable: the host’s own files are never written to; name an image under ‘rootfs’, or leave ‘writable’ out"
            ]
        ),
        (
            #"{"name": "a", "rootfs": "../x"}"#,
            [
                "/rootfs: ‘../x’ is no name of a file system; write for example \"host\", \"python:3.11\" or a digest: a letter or a digit, then these and .:_/+-"
            ]
        ),
        (
            #"{"name": "a", "resources": {"network": true, "time": "5", "disk": "1 GB", "profil": "x"}}"#,
            [
                "/resources/profil: is no key here; did you mean ‘profile’? Keys of your own begin with x-",
                "/resources/disk: ‘1 GB’ has no unit of size that Panal knows; write 1GiB",
                "/resources/network: no cell reaches another machine; \"loopback\" gives it a 127.0.0.1 of its own, false gives it nothing",
            ]
        ),
        (
            #"{"name": "a", "environment": {"1A": "x", "B": 1}}"#,
            [
                "/environment/1A: is no name of a variable; write letters, digits and _, no digit first",
                "/environment/B: is a number, should be a text",
            ]
        ),
        (
            #"{"name": "a", "exitCodes": {"256": "x", "01": "y", "2": {"succes": true}}}"#,
            [
                "/exitCodes/01: is no exit code; write a whole number from 0 to 255",
                "/exitCodes/2/succes: is no key here; did you mean ‘success’? Keys of your own begin with x-",
                "/exitCodes/2: has no ‘message’",
                "/exitCodes/256: is no exit code; write a whole number from 0 to 255",
            ]
        ),
        // The command.
        (
            #"{"name": "a", "command": "run [X]"}"#,
            [
                "/command: is a text, should be a list of arguments: [\"{@program}\", \"--fast\", \"{field}\"]; "
                    + "there is no shell to take it apart"
            ]
        ),
        (
            #"{"name": "a", "inputs": [{"name": "size", "type": "text"}], "command": ["{@program}", "{sise}", "{}", "a}", "{b"]}"#,
            [
                "/command/1: there is no field ‘sise’; did you mean ‘{size}’?",
                "/command/2: ‘{}’ is no placeholder; write {id of a field}, {@program} or {@folder}",
                "/command/3: a single } stands here; a brace itself is written }}",
                "/command/4: the placeholder has no }; a brace itself is written {{",
                "/command: does not use the field ‘size’; add \"{size}\" to it",
            ]
        ),
        (
            #"{"name": "a", "inputs": [{"name": "p", "type": "text"}], "command": [["{p}"], ["-v"], [], ["{p}", ["x"], "{q}"]]}"#,
            [
                "/command/0: should be a text of at most 4,096 bytes without NUL",
                "/command/1: should be a list of 1 to 100 texts, at least one of them with a field: without it they are all left out",
                "/command/2: should be a list of 1 to 100 texts, at least one of them with a field: without it they are all left out",
                "/command/3/1: should be a text of at most 4,096 bytes without NUL",
                "/command/3/2: there is no field ‘q’; did you mean ‘{p}’?",
            ]
        ),
        (
            #"{"name": "a", "inputs": [{"name": "p", "type": "text"}], "command": ["{p}"]}"#,
            [
                "/command/0: the program cannot come from a field; write \"{@program}\""
            ]
        ),
        (
            #"{"name": "a", "inputs": [{"name": "p", "type": "text", "via": "environment"}], "command": ["{@program}", "{p}"]}"#,
            [
                "/command/1: the field ‘p’ does not go into argv: its ‘via’ says otherwise"
            ]
        ),
        (
            #"{"name": "a", "inputs": [{"name": "p", "type": "text", "list": true}], "command": ["{@program}", "-p={p}"]}"#,
            [
                "/command/1: ‘{p}’ has several values; let it stand alone, or give the field a ‘listSeparator’"
            ]
        ),
        // Sections.
        (
            #"{"name": "a", "inputs": [{"name": "x", "type": "text"}], "sections": [{"name": "A", "inputs": ["x", "x", "y"]}, {"title": "B"}, {"name": "C", "inputs": ["x"]}]}"#,
            [
                "/sections/0/inputs/1: ‘x’ stands twice",
                "/sections/0/inputs/2: there is no field ‘y’; did you mean ‘x’?",
                "/sections/1/title: is no key here; did you mean ‘name’? Keys of your own begin with x-",
                "/sections/1: has no ‘name’", "/sections/1: has no ‘inputs’; write \"inputs\": [\"x\"]",
                "/sections/2/inputs/0: the field ‘x’ is in the section ‘A’ already",
            ]
        ),
        // Tests.
        (
            #"{"name": "a", "inputs": [{"name": "n", "type": "integer"}, {"name": "f", "type": "file"}], "tests": [{"inputs": {"n": "x", "f": "../a", "m": 1}, "exitCode": 256, "outputs": [{"path": "/work/a"}, {}]}]}"#,
            [
                "/tests/0/inputs/f: a file is a path in the program's folder, or {\"name\": \"a.txt\", \"text\": \"what is in it\"}",
                "/tests/0/exitCode: should be a whole number from 0 to 255",
                "/tests/0/outputs/0/path: is relative to the work folder; write ‘a’",
                "/tests/0/outputs/1: has no ‘path’; write the file's path below the work folder, or a pattern such as \"*.png\"",
                "/tests/0/inputs/m: there is no such field; did you mean ‘n’?",
                "/tests/0/inputs/n: ‘x’ is not a whole number such as 3", "/tests/0/inputs/f: is needed",
            ]
        ),
        // Outputs.
        (
            #"{"name": "a", "outputs": [{"name": "o", "path": "/work/a.png"}, {"name": "p", "path": "../a"}, {"path": "a", "type": "imag"}]}"#,
            [
                "/outputs/0/path: is relative to the work folder; write ‘a.png’",
                "/outputs/1/path: should be relative to the work folder, without empty parts, . and ..",
                "/outputs/2: has no ‘name’",
                "/outputs/2/type: ‘imag’ is no preview; did you mean ‘image’?",
            ]
        ),
        (
            #"{"name": "a", "outputs": [{"name": "o", "path-template": "x"}]}"#,
            [
                "/outputs/0/path-template: is no key here; did you mean ‘path’? Keys of your own begin with x-",
                "/outputs/0: has no ‘path’; write the file's path below the work folder, or a pattern such as \"*.png\"",
            ]
        ),
    ]

    @Test(arguments: documents) func namesEveryMistake(document: String, expected: [String]) {
        #expect(mistakes(document) == expected)
    }

    /// One field → what is said about it, under `/inputs/0`.
    static let fields: [(String, [String])] = [
        (#"3"#, [": is a number, should be an object: {…}"]),
        (#"{"type": "text"}"#, [": has no ‘name’, the label that people read"]),
        (
            #"{"name": "a"}"#,
            [
                ": has no ‘type’; known are text, number, integer, boolean, choice, file, date, time, email, url, colour, json, secret"
            ]
        ),
        (#"{"name": "a", "type": "fiel"}"#, ["/type: ‘fiel’ is no type; did you mean ‘file’?"]),
        (#"{"name": "a", "type": "text", "id": "Größe"}"#, ["/id: should be of a-z, 0-9 and _; write ‘grosse’"]),
        (
            #"{"name": "a", "type": "text", "pattern": "^a+)$"}"#,
            ["/pattern: character 4: ‘)’ cannot stand here; the sign itself is written \\)"]
        ),
        (
            #"{"name": "a", "type": "text", "pattern": "(?:[acegikmoqsuwy]*){160}"}"#,
            ["/pattern: is too large: the ranges of its classes, each repetition counted, are more than 1000"]
        ),
        (
            #"{"name": "a", "type": "text", "pattern": "a*", "maxLength": 4097}"#,
            ["/maxLength: is more than 4096, the most for values that are held against a ‘pattern’"]
        ),
        (
            #"{"name": "a", "type": "text", "pattern": "a*", "default": "\#(String(repeating: "a", count: 1_025))"}"#,
            ["/default: has 1025 characters; at most 1024 are taken where values are held against a ‘pattern’"]
        ),
        (
            #"{"name": "a", "type": "integer", "pattern": "a"}"#,
            ["/pattern: is not for integer fields, only for: text, secret"]
        ),
        (
            #"{"name": "a", "type": "text", "command-line-flag": "-a", "value-choices": [], "min": 3}"#,
            [
                "/command-line-flag: is no key here; did you mean ‘flag’? Keys of your own begin with x-",
                "/min: is no key here; did you mean ‘minimum’? Keys of your own begin with x-",
                "/value-choices: is no key here; did you mean ‘choices’? Keys of your own begin with x-",
            ]
        ),
        (
            #"{"name": "a", "type": "text", "minimum": 3, "accept": [".png"], "maxBytes": 5}"#,
            [
                "/minimum: is not for text fields, only for: number, integer, date, time",
                "/accept: is not for text fields, only for: file",
                "/maxBytes: is not for text fields, only for: file",
            ]
        ),
        (
            #"{"name": "a", "type": "integer", "minimum": 1.5, "step": 0.5}"#,
            [
                "/minimum: should be a whole number", "/step: should be a whole number above 0",
            ]
        ),
        (
            #"{"name": "a", "type": "number", "minimum": 3, "maximum": 2}"#,
            [": no value lies between ‘minimum’ 3 and ‘maximum’ 2"]
        ),
        (
            #"{"name": "a", "type": "number", "minimum": 3, "exclusiveMinimum": 2}"#,
            [
                "/exclusiveMinimum: and ‘minimum’ are both there; keep one of them"
            ]
        ),
        (
            #"{"name": "a", "type": "number", "exclusiveMaximum": true}"#,
            [
                "/exclusiveMaximum: is true, and there is no ‘maximum’"
            ]
        ),
        (
            #"{"name": "a", "type": "date", "minimum": "2026-02-30"}"#,
            [
                "/minimum: should be a date such as \"2026-11-21\""
            ]
        ),
        (
            #"{"name": "a", "type": "text", "minLength": 5, "maxLength": 2}"#,
            ["/minLength: 5 is more than ‘maxLength’, 2"]
        ),
        (#"{"name": "a", "type": "choice"}"#, [": a choice needs ‘choices’: [\"one\", \"other\"]"]),
        (
            #"{"name": "a", "type": "choice", "choices": ["x", "x", null, {"lable": "y"}]}"#,
            [
                "/choices/1: ‘x’ stands twice",
                "/choices/2: is null, should be a text, a number, or {\"value\": …, \"label\": …}",
                "/choices/3/lable: is no key here; did you mean ‘label’? Keys of your own begin with x-",
                "/choices/3: has no ‘value’",
            ]
        ),
        (
            #"{"name": "a", "type": "integer", "choices": [1, "b"]}"#,
            ["/choices/1: ‘b’ is not a whole number such as 3"]
        ),
        (
            #"{"name": "a", "type": "file", "accept": ["png", ".PNG"]}"#,
            [
                "/accept/0: ‘png’ is neither an ending such as \".png\" nor a media type such as \"image/png\" or \"image/*\""
            ]
        ),
        (#"{"name": "a", "type": "file", "default": "x"}"#, ["/default: is not for file fields"]),
        (#"{"name": "a", "type": "integer", "default": 5, "maximum": 4}"#, ["/default: ‘5’ must be at most 4"]),
        (#"{"name": "a", "type": "integer", "default": "5"}"#, ["/default: is a text, should be a whole number"]),
        (
            #"{"name": "a", "type": "choice", "choices": ["x"], "default": "y"}"#,
            [
                "/default: ‘y’ is not one of the choices: x"
            ]
        ),
        (
            #"{"name": "a", "type": "text", "list": true, "default": "x"}"#,
            ["/default: should be a list of 1 to 100 values"]
        ),
        (
            #"{"name": "a", "type": "text", "maxItems": 3, "listSeparator": ","}"#,
            [
                "/maxItems: counts the values of a list; add \"list\": true, or leave it out",
                "/listSeparator: joins the values of a list; add \"list\": true, or leave it out",
            ]
        ),
        (
            #"{"name": "a", "type": "text", "separator": "="}"#,
            ["/separator: stands between flag and value; there is no ‘flag’"]
        ),
        (
            #"{"name": "a", "type": "file", "list": true, "via": "stdin"}"#,
            ["/via: \"stdin\" takes one file, not a list of them"]
        ),
        (
            #"{"name": "a", "type": "file", "via": "stdin", "maxBytes": 67108865}"#,
            [
                "/maxBytes: is more than 64 MiB, the most that standard input takes; with \"via\": \"file\" the program opens "
                    + "the file itself"
            ]
        ),
        (
            #"{"name": "a", "type": "secret", "via": "file"}"#,
            ["/via: \"file\" would keep the secret in a file; write \"environment\""]
        ),
        (
            #"{"name": "a", "type": "text", "via": "mail"}"#,
            [
                "/via: ‘mail’ is no way to the program; known are argument, stdin, environment, file"
            ]
        ),
        (
            #"{"name": "3", "type": "text", "via": "environment"}"#,
            [
                "/via: ‘3’ is no name of a variable; give \"variable\" letters, digits and _"
            ]
        ),
        (#"{"name": "a", "type": "secret", "list": true}"#, ["/list: is not for secret fields"]),
    ]

    @Test(arguments: fields) func namesEveryMistakeOfAField(field: String, expected: [String]) {
        let found = mistakes(#"{"name": "t", "inputs": [\#(field)]}"#)
        #expect(found == expected.map { "/inputs/0" + $0 })
    }

    @Test func twoFieldsMayNotHaveOneIdOrOneStream() {
        let found = mistakes(
            #"""
            {"name": "t", "inputs": [{"name": "Größe", "type": "file", "via": "stdin"},
              {"name": "grosse", "type": "text"}, {"name": "b", "type": "file", "via": "stdin"},
              {"name": "c", "type": "text", "via": "environment", "variable": "X"},
              {"name": "x", "type": "text", "via": "environment"}], "environment": {"X": "1"}}
            """#)
        #expect(
            found == [
                "/inputs/1/name: gives the id ‘grosse’ that entry 0 has already; give one of them another \"id\"",
                "/inputs: the field ‘b’ is the second that goes to standard input; one can",
                "/inputs/4: the variable X is already another field's",
                "/environment/X: is also the variable of a field; keep one of them",
            ])
    }

    @Test func boundsHoldBeforeAnythingIsRead() {
        let deep =
            "{\"name\": \"a\", \"x-deep\": " + String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
            + "}"
        let pointer = "/x-deep" + String(repeating: "/0", count: 31)
        #expect(
            mistakes(deep) == [
                "\(pointer): line 1, column 56: lists and objects nest deeper than 32 here; that is the most that is read"
            ])
        let veryDeep = String(repeating: "[", count: 1_000_000)
        #expect(mistakes(veryDeep).count == 1)
        let large = "{\"name\": \"\(String(repeating: "a", count: 1 << 20))\"}"
        #expect(mistakes(large) == [": the manifest has 1048588 bytes; 1048576 is the most"])
        let many = "{\"name\": \"a\", \"inputs\": [" + String(repeating: "{},", count: 200) + "{}]}"
        #expect(mistakes(many) == ["/inputs: has 201 entries; at most 200 are taken"])
    }

    @Test func aFloodOfMistakesIsCut() {
        let keys = (0..<500).map { "\"zzzzzzzzzz\($0)\": 1" }.joined(separator: ",")
        let found = mistakes("{\"name\": \"a\", \(keys)}")
        #expect(found.count == 101)
        #expect(found.last == ": there are more mistakes; mend these first")
    }

    @Test func bytesThatAreNoUTF8AreNamed() {
        #expect(throws: ManifestError.self) { try Manifest(parsing: Data([0x7B, 0x22, 0xFF, 0x22])) }
        // A byte order mark in front is harmless.
        #expect(throws: Never.self) { try Manifest(parsing: Data([0xEF, 0xBB, 0xBF] + Array(#"{"name": "a"}"#.utf8))) }
    }

    /// Every prefix and every single-byte change of a manifest is answered, never trapped on.
    @Test func damagedManifestsAreAnswered() {
        let whole = Array(
            #"{"name":"a","inputs":[{"name":"ñ\u00f1","type":"number","minimum":-1.5e3,"default":2,"step":0.5}]}"#.utf8)
        for end in whole.indices { _ = try? Manifest(parsing: Data(whole[..<end])) }
        for place in whole.indices {
            for byte in [0, 0x22, 0x5C, 0x7B, 0x7D, 0x39, 0x2D, 0xC3, 0xFF] as [UInt8] {
                var damaged = whole
                damaged[place] = byte
                _ = try? Manifest(parsing: Data(damaged))
            }
        }
    }
}
