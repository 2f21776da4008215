import Foundation
import PanalCore
import PanalManifest
import Testing

@Suite struct PlanTests {
    /// A field, what is given for it, and the arguments that follow.
    static let fields: [(field: String, given: [SubmittedValue], expected: [String])] = [
        (#""type": "text""#, [.text("hola")], ["hola"]),
        // One argument, whatever a shell would make of it.
        (#""type": "text""#, [.text("a b; rm -rf / $(x) `y` '\"*")], ["a b; rm -rf / $(x) `y` '\"*"]),
        // A value that begins with a dash is a value.
        (#""type": "text""#, [.text("--help")], ["--help"]),
        (#""type": "text", "flag": "--t", "separator": "=""#, [.text("--help")], ["--t=--help"]),
        (#""type": "text", "flag": "--t""#, [.text("-x")], ["--t", "-x"]),
        (#""type": "text", "flag": "-I", "separator": """#, [.text("x")], ["-Ix"]),
        (#""type": "text", "flag": "-I", "separator": " ""#, [.text("x")], ["-I", "x"]),
        (#""type": "text", "optional": true, "flag": "--t""#, [], []),
        (#""type": "text", "optional": true, "flag": "--t""#, [.text("")], []),
        (#""type": "text", "default": "d""#, [], ["d"]),
        (#""type": "text", "default": "d""#, [.text("")], ["d"]),
        (#""type": "text", "multiline": true"#, [.text("a\r\nb\rc\n")], ["a\nb\nc\n"]),
        (#""type": "text", "list": true"#, [.text("a"), .text("b")], ["a", "b"]),
        (#""type": "text", "list": true, "flag": "-n""#, [.text("a"), .text("b")], ["-n", "a", "b"]),
        (
            #""type": "text", "list": true, "flag": "--n", "separator": "=""#, [.text("a"), .text("b")],
            ["--n=a", "--n=b"]
        ),
        (
            #""type": "text", "list": true, "flag": "-n", "listSeparator": ",""#, [.text("a"), .text("b")],
            ["-n", "a,b"]
        ),
        (#""type": "text", "list": true, "default": ["x", "y"]"#, [], ["x", "y"]),
        (#""type": "integer""#, [.text(" 3 ")], ["3"]),
        (#""type": "integer""#, [.text("-9223372036854775808")], ["-9223372036854775808"]),
        (#""type": "integer", "default": 3"#, [], ["3"]),
        (#""type": "number""#, [.text("-0.50e-3")], ["-0.50e-3"]),
        (#""type": "number", "default": 0.1"#, [], ["0.1"]),
        (#""type": "number", "step": 0.1"#, [.text("0.3")], ["0.3"]),
        (#""type": "number", "minimum": 0.05, "step": 0.1"#, [.text("0.35")], ["0.35"]),
        (#""type": "number", "minimum": 1, "maximum": 2"#, [.text("1")], ["1"]),
        (#""type": "integer", "minimum": 1, "step": 2"#, [.text("5")], ["5"]),
        (#""type": "boolean", "flag": "-v""#, [.text("on")], ["-v"]),
        (#""type": "boolean", "flag": "-v""#, [.text("false")], []),
        (#""type": "boolean", "flag": "-v""#, [], []),
        // A form's hidden value and its box.
        (#""type": "boolean", "flag": "-v", "default": true"#, [.text("false"), .text("true")], ["-v"]),
        (#""type": "boolean", "flag": "-v", "default": true"#, [.text("false")], []),
        (#""type": "boolean", "flag": "-v", "default": true"#, [], ["-v"]),
        (#""type": "boolean""#, [], ["false"]),
        (#""type": "boolean", "optional": true"#, [], []),
        (#""type": "boolean""#, [.text("YES")], ["true"]),
        (#""type": "choice", "choices": ["mp3", {"value": "ogg", "label": "Ogg"}]"#, [.text("ogg")], ["ogg"]),
        (#""type": "choice", "choices": [8000, 44100]"#, [.text("8000")], ["8000"]),
        (#""type": "choice", "choices": ["a", "b"], "list": true"#, [.text("b"), .text("a")], ["b", "a"]),
        (#""type": "date", "minimum": "2026-01-01""#, [.text("2026-02-28")], ["2026-02-28"]),
        (#""type": "date""#, [.text("2024-02-29")], ["2024-02-29"]),
        (#""type": "time""#, [.text("23:59")], ["23:59"]),
        (#""type": "time""#, [.text("23:59:59")], ["23:59:59"]),
        (#""type": "email""#, [.text("ana@ejemplo.es")], ["ana@ejemplo.es"]),
        (#""type": "url""#, [.text("https://example.org/a?b=c#d")], ["https://example.org/a?b=c#d"]),
        (#""type": "colour""#, [.text("#1E90ff")], ["#1E90ff"]),
        (#""type": "json""#, [.text("{\"a\": [1, null]}")], ["{\"a\": [1, null]}"]),
        (#""type": "json", "default": {"a": 1}"#, [], ["{\"a\":1}"]),
        (#""type": "file""#, [file("a.png")], ["/input/f/a.png"]),
        (#""type": "file""#, [file("-rf")], ["/input/f/-rf"]),
        (#""type": "file", "optional": true"#, [file("", bytes: 0)], []),
        (
            #""type": "file", "list": true"#, [file("a.png"), file("a.png", "b")],
            ["/input/f/a.png", "/input/f/a-2.png"]
        ),
        (#""type": "file", "via": "file""#, [file("a")], ["/input/f/a"]),
        (#""type": "file", "accept": ["image/*"]"#, [file("A.PNG")], ["/input/f/A.PNG"]),
        (#""type": "file", "accept": [".tar.gz"]"#, [file("x.TAR.GZ")], ["/input/f/x.TAR.GZ"]),
        (#""type": "file", "accept": ["image/png"]"#, [file("x", mediaType: "Image/PNG; a=b")], ["/input/f/x"]),
        (#""type": "file", "maxBytes": 10"#, [file("x", bytes: 10)], ["/input/f/x"]),
        (#""type": "secret""#, [.text("s3cret")], ["s3cret"]),
    ]

    @Test(arguments: fields)
    func putsArgvTogether(field: String, given: [SubmittedValue], expected: [String]) throws {
        let read = try manifest(inputs: #"{"name": "f", \#(field)}"#)
        #expect(try arguments(read, ["f": given]) == expected)
    }

    /// A field, what is given for it, and what is wrong.
    static let mistaken: [(field: String, given: [SubmittedValue], expected: [String])] = [
        (#""type": "text""#, [], ["is needed"]),
        (#""type": "text""#, [.text("")], ["is needed"]),
        (#""type": "file""#, [file("", bytes: 0)], ["is needed"]),
        (#""type": "text""#, [.text("a"), .text("b")], ["takes one value, 2 were given"]),
        (#""type": "text""#, [.text("a\0b")], ["may not contain a NUL character"]),
        (#""type": "text""#, [.text("a\nb")], ["must be a single line"]),
        (
            #""type": "text""#, [.text(String(repeating: "a", count: 65_537))],
            [
                "is longer than 64 KiB; that is the most for one value"
            ]
        ),
        (#""type": "text", "minLength": 3"#, [.text("ñu")], ["has 2 characters; at least 3 are needed"]),
        (#""type": "text", "maxLength": 3"#, [.text("abcd")], ["has 4 characters; at most 3 are allowed"]),
        (#""type": "text", "choices": ["a"]"#, [.text("b")], ["‘b’ is not one of the choices: a"]),
        (#""type": "text""#, [file("a")], ["takes a text, not a file"]),
        (#""type": "file""#, [.text("a")], ["takes a file; send it as a file part, not as text"]),
        (
            #""type": "text", "list": true, "minItems": 2, "maxItems": 3"#, [.text("a")],
            ["takes 2 to 3 values, 1 was given"]
        ),
        (
            #""type": "integer", "list": true"#, [.text("a"), .text("1"), .text("1.5")],
            [
                "‘a’ is not a whole number such as 3", "‘1.5’ is not a whole number such as 3",
            ]
        ),
        (
            #""type": "integer""#, [.text("9223372036854775808")],
            ["‘9223372036854775808’ is not a whole number such as 3"]
        ),
        (#""type": "integer""#, [.text("+3")], ["‘+3’ is not a whole number such as 3"]),
        (#""type": "integer""#, [.text("٣")], ["‘٣’ is not a whole number such as 3"]),
        (#""type": "integer", "minimum": 3"#, [.text("2")], ["‘2’ must be at least 3"]),
        (#""type": "integer", "maximum": 3, "exclusiveMaximum": true"#, [.text("3")], ["‘3’ must be less than 3"]),
        (#""type": "integer", "exclusiveMinimum": 3"#, [.text("3")], ["‘3’ must be more than 3"]),
        (
            #""type": "integer", "minimum": -9223372036854775808, "step": 2"#, [.text("9223372036854775807")],
            [
                "‘9223372036854775807’ must be a whole number of steps of 2 from -9223372036854775808"
            ]
        ),
        (
            #""type": "number""#, [.text("3,5")],
            ["‘3,5’ is not a number such as 3 or -0.5; the decimal sign is a point"]
        ),
        (#""type": "number""#, [.text("nan")], ["‘nan’ is not a number such as 3 or -0.5"]),
        (#""type": "number""#, [.text("0x10")], ["‘0x10’ is not a number such as 3 or -0.5"]),
        (#""type": "number""#, [.text("1e999")], ["‘1e999’ is not a number such as 3 or -0.5"]),
        (#""type": "number", "step": 0.1"#, [.text("0.25")], ["‘0.25’ must be a whole number of steps of 0.1 from 0"]),
        (#""type": "boolean""#, [.text("quizás")], ["‘quizás’ is neither true nor false"]),
        (#""type": "date""#, [.text("2025-02-29")], ["‘2025-02-29’ is not a date such as 2026-11-21"]),
        (#""type": "date""#, [.text("26-1-1")], ["‘26-1-1’ is not a date such as 2026-11-21"]),
        (
            #""type": "date", "maximum": "2026-01-01""#, [.text("2026-01-02")],
            ["‘2026-01-02’ must be at most 2026-01-01"]
        ),
        (#""type": "time""#, [.text("24:00")], ["‘24:00’ is not a time such as 14:30"]),
        (#""type": "email""#, [.text("ana@")], ["‘ana@’ is not an e-mail address such as ana@example.org"]),
        (#""type": "email""#, [.text("a b@c.d")], ["‘a b@c.d’ is not an e-mail address such as ana@example.org"]),
        (
            #""type": "url""#, [.text("file:///etc/passwd")],
            [
                "‘file:///etc/passwd’ is not an address that begins with https:// or http://"
            ]
        ),
        (#""type": "colour""#, [.text("#12345g")], ["‘#12345g’ is not a colour such as #1e90ff"]),
        (
            #""type": "json""#, [.text("{a: 1}")],
            [
                "is not JSON: line 1, column 2: a key in double quotes should stand here"
            ]
        ),
        (
            #""type": "json""#, [.text(String(repeating: "[", count: 60_000))],
            [
                "is not JSON: line 1, column 33: lists and objects nest deeper than 32 here; that is the most that is read"
            ]
        ),
        (
            #""type": "file", "accept": [".png", "image/gif"]"#, [file("a.jpg")],
            [
                "‘a.jpg’ is not of a kind that is taken here: .png, image/gif"
            ]
        ),
        (#""type": "file", "maxBytes": 1024"#, [file("a", bytes: 2_048)], ["‘a’ has 2 KiB; at most 1 KiB are taken"]),
        (
            #""type": "file", "via": "stdin""#, [file("a", bytes: 65 << 20)],
            ["‘a’ has 65 MiB; at most 64 MiB are taken"]
        ),
        // What is said about a secret does not repeat it.
        (#""type": "secret", "maxLength": 3"#, [.text("s3cret")], ["has 6 characters; at most 3 are allowed"]),
    ]

    @Test(arguments: mistaken)
    func namesWhatIsWrongWithAValue(field: String, given: [SubmittedValue], expected: [String]) throws {
        let read = try manifest(inputs: #"{"name": "f", \#(field)}"#)
        #expect(mistakes(read, ["f": given]) == expected.map { "/f: " + $0 })
    }

    @Test func allFieldsAreJudgedAtOnceAndUnknownOnesNamed() throws {
        let found = mistakes(
            try manifest(seed), ["tamano_de_filtr": [.text("3")], "a/b": [], "tamano_de_filtro": [file("x")]])
        #expect(
            found == [
                "/a~1b: there is no such field",
                "/tamano_de_filtr: there is no such field; did you mean ‘tamano_de_filtro’?",
                "/imagen_de_entrada: is needed", "/tamano_de_filtro: takes a text, not a file",
            ])
    }

    /// A command over the fields `a` (text, optional, flag -a), `n` (list of texts, optional, joined by a colon) and
    /// `b` (boolean).
    static let commands: [(command: String, given: [String: [SubmittedValue]], expected: [String])] = [
        (#"["{@program}", "{b}", "--", "{a}", "{n}"]"#, ["a": [.text("-x")]], ["/program/bin/run", "--", "-a", "-x"]),
        (
            #"["{@program}", "{b}", "{n}", "--out={a}.png"]"#, ["a": [.text("x y")]],
            ["/program/bin/run", "--out=x y.png"]
        ),
        (#"["{@program}", "{b}", "{n}", "--out={a}.png"]"#, [:], ["/program/bin/run"]),
        (
            #"["python3", "-I", "{@folder}/main.py", "{{{a}}}", "{n}", "{b}"]"#,
            ["a": [.text("v")], "b": [.text("on")]],
            [
                "python3", "-I", "/program/main.py", "{v}", "-b",
            ]
        ),
        (
            #"["{@program}", "p={n}", "{a}", "b={b}"]"#, ["n": [.text("x"), .text("y")]],
            ["/program/bin/run", "p=x:y", "b=false"]
        ),
        // Together or not at all.
        (#"["{@program}", ["-c", "v={a}"], ["{b}", "3"], "{n}"]"#, [:], ["/program/bin/run"]),
        (
            #"["{@program}", ["-c", "v={a}"], ["{b}", "3"], ["--", "{n}", "{a}", ";"]]"#,
            ["a": [.text("x")], "b": [.text("true")]], ["/program/bin/run", "-c", "v=x", "-b", "3"]
        ),
        (
            #"["{@program}", ["--", "{n}", "{a}", ";"], "{b}"]"#,
            ["a": [.text("x")], "n": [.text("1"), .text("2")]], ["/program/bin/run", "--", "1:2", "-a", "x", ";"]
        ),
        (#"["{@program}", "", "{a}{a}", "{n}", "{b}"]"#, ["a": [.text("{n}")]], ["/program/bin/run", "", "{n}{n}"]),
    ]

    @Test(arguments: commands)
    func followsTheCommand(command: String, given: [String: [SubmittedValue]], expected: [String]) throws {
        let read = try manifest(
            inputs: #"""
                {"name": "a", "type": "text", "optional": true, "flag": "-a"},
                {"name": "n", "type": "text", "optional": true, "list": true, "listSeparator": ":"},
                {"name": "b", "type": "flag", "flag": "-b"}
                """#, more: #", "command": \#(command)"#)
        #expect(try read.plan(Submission(values: given), entry: "bin/run").arguments == expected)
    }

    @Test func valuesGoWhereViaSays() throws {
        let read = try manifest(
            inputs: #"""
                {"name": "in", "type": "file", "via": "stdin"},
                {"name": "key", "type": "secret", "via": "environment"},
                {"name": "names", "type": "text", "list": true, "listSeparator": ":", "via": "environment", "variable": "LIST"},
                {"name": "doc", "type": "file", "via": "environment"},
                {"name": "gone", "type": "text", "via": "environment", "optional": true}
                """#, more: #", "environment": {"LANG": "es_ES.UTF-8", "MODE": "a=b"}"#)
        let plan = try read.plan(
            Submission(values: [
                "in": [file("data.csv", "b")], "key": [.text("top secret")], "names": [.text("x"), .text("y")],
                "doc": [file("d.txt", "c")],
            ]), entry: "run")
        #expect(plan.arguments == ["/program/run"])
        #expect(plan.standardInput == hash("b"))
        #expect(
            plan.environment == [
                "DOC=/input/doc/d.txt", "HOME=/work", "KEY=top secret", "LANG=es_ES.UTF-8", "LIST=x:y", "MODE=a=b",
                "PATH=/usr/local/bin:/usr/bin:/bin", "TMPDIR=/tmp",
            ])
        #expect(plan.secretIDs == ["key"])
        #expect(plan.fields.first { $0.id == "key" }?.value == "")
        #expect(!plan.fields.contains { $0.id == "gone" })
        #expect(plan.inputs.map(\.path) == ["/input/in/data.csv", "/input/doc/d.txt"])
    }

    @Test func aMistakeAboutASecretDoesNotRepeatIt() throws {
        let read = try manifest(inputs: #"{"name": "s", "type": "secret", "minLength": 9}"#)
        #expect(mistakes(read, ["s": [.text("hunter2")]]).allSatisfy { !$0.contains("hunter2") })
        #expect(mistakes(read, ["s": [.text("hunter2\nhunter2")]]).allSatisfy { !$0.contains("hunter2") })
    }

    @Test func argvAndFilesHaveTheirBounds() throws {
        let read = try manifest(
            inputs:
                #"{"name": "t", "type": "text", "list": true}, {"name": "f", "type": "file", "list": true, "optional": true, "maxItems": 1000}"#
        )
        let long = SubmittedValue.text(String(repeating: "a", count: 50_000))
        #expect(
            mistakes(read, ["t": [long, long, long]]) == [
                ": the values come to 146.6 KiB together; 128 KiB is the most"
            ])
        #expect(
            mistakes(read, ["t": [.text("a")], "f": Array(repeating: file("a"), count: 257)]) == [
                ": 257 files are too many; 256 is the most"
            ])
    }
}

/// What is wrong a hundred thousand times is found as quickly as what is wrong twice: the service reads on few threads.
@Suite struct FloodTests {
    private static let wide = (0..<200).map {
        #"{"name": "f\#($0 + 100)\#(String(repeating: "q", count: 60))", "type": "text", "optional": true}"#
    }
    .joined(separator: ",")

    private func isQuick(_ body: () throws -> Void) rethrows {
        #expect(try ContinuousClock().measure(body) < .seconds(60))
    }

    @Test func unknownFields() throws {
        let read = try manifest(inputs: Self.wide)
        let values = (0..<20_000).map { ("x\($0)" + String(repeating: "z", count: 58), [SubmittedValue.text("1")]) }
        isQuick {
            let found = mistakes(read, Dictionary(uniqueKeysWithValues: values))
            #expect(found.count == 21)
            #expect(found.last == ": there are 19980 more that are no fields")
        }
    }

    @Test func unknownKeysOfAManifest() {
        let keys = (0..<15_000).map { #""x\#($0)\#(String(repeating: "z", count: 50))": 1"# }.joined(separator: ",")
        isQuick { #expect(mistakes(#"{"name": "t", \#(keys)}"#).count == 101) }
    }

    @Test func unknownPlaceholders() {
        let element = (0..<60).map { "{y\($0)\(String(repeating: "w", count: 59))}" }.joined()
        let command = (0..<200).map { _ in "\"\(element)\"" }.joined(separator: ",")
        isQuick {
            let found = mistakes(#"{"name": "t", "inputs": [\#(Self.wide)], "command": ["{@program}", \#(command)]}"#)
            #expect(found.count == 101)
        }
    }

    /// Patterns and paths that are made to fail as late as they can.
    @Test func starsAgainstManyFiles() throws {
        let pattern = String(repeating: "*a", count: 200) + "b"
        let outputs = (0..<50).map { #"{"name": "o\#($0)", "path": "\#(pattern)"}"# }.joined(separator: ",")
        let read = try manifest(inputs: "", more: #", "outputs": [\#(outputs)]"#)
        let paths = (0..<200).map { String(repeating: "a", count: 1_000) + "\($0)" }
        isQuick {
            #expect(read.missingOutputs(among: paths) == [])
            for path in paths { #expect(read.output(for: path) == nil) }
        }
    }

    @Test func nestedKeysOfTheAuthorsOwn() throws {
        let nested = String(repeating: "[", count: 28) + String(repeating: "]", count: 28)
        let lists = (0..<5_000).map { _ in nested }.joined(separator: ",")
        try isQuick { _ = try manifest(#"{"name": "t", "x-own": [\#(lists)]}"#) }
    }
}

@Suite struct FileNameTests {
    /// What a client says → one harmless path component.
    static let names: [(String, String)] = [
        ("a.png", "a.png"), ("../../etc/passwd", "passwd"), ("C:\\Users\\ana\\gato.png", "gato.png"), ("/", "file"),
        ("", "file"),
        (".", "file"), ("..", "file"), ("a/..", "file"), ("...", "file"), (" a ", "a"), ("a\0b\n.png", "ab.png"),
        ("\u{202E}gnp.exe", "gnp.exe"), ("tamaño.png", "tamaño.png"), (".hidden", ".hidden"), ("-rf", "-rf"),
        ("a b", "a b"),
        (String(repeating: "ñ", count: 200) + ".png", String(repeating: "ñ", count: 125) + ".png"),
        (String(repeating: "a", count: 300), String(repeating: "a", count: 255)),
        ("a." + String(repeating: "b", count: 300), "a." + String(repeating: "b", count: 253)),
    ]

    @Test(arguments: names) func areMadeHarmless(said: String, made: String) {
        #expect(FileName.sanitised(said) == made)
        #expect(FileName.sanitised(made) == made)
        #expect(made.utf8.count <= 255)
    }

    @Test func twoFilesOfAFieldKeepApart() throws {
        let read = try manifest(inputs: #"{"name": "f", "type": "file", "list": true}"#)
        let long = String(repeating: "x", count: 255)
        let given = ["a.png", "a.png", "a-2.png", "A.PNG", "b/a.png", long, long].map { file($0) }
        let names = try read.plan(Submission(values: ["f": given]), entry: "run").inputs.map(\.name)
        #expect(names.prefix(5) == ["a.png", "a-3.png", "a-2.png", "A.PNG", "a-4.png"])
        #expect(names[6] == String(repeating: "x", count: 253) + "-2")
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.utf8.count <= 255 })
    }
}
