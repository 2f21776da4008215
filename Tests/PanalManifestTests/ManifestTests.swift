import Foundation
import PanalCore
import PanalManifest
import Testing

@Suite struct ManifestTests {
    @Test func theSeedsManifestWorksAsItStands() throws {
        let filter = try manifest(seed)
        #expect(filter.name == "filter")
        #expect(filter.slug == "filter")
        #expect(filter.inputs.map(\.id) == ["imagen_de_entrada", "tamano_de_filtro"])
        #expect(filter.inputs.map(\.name) == ["imagen de entrada", "tamaño de filtro"])
        #expect(filter.inputs.map(\.type) == [.file, .text])
        #expect(filter.inputs.allSatisfy { $0.isRequired })
        #expect(filter.outputs.isEmpty)
        #expect(filter.suggestedProfile == nil)
        let invocation = try filter.plan(
            Submission(values: ["imagen_de_entrada": [file("gato.png")], "tamano_de_filtro": [.text("3")]]),
            entry: "filter.py")
        #expect(invocation.arguments == ["/program/filter.py", "/input/imagen_de_entrada/gato.png", "3"])
        #expect(
            invocation.inputs == [InputFile(field: "imagen_de_entrada", name: "gato.png", content: hash("a"))])
        #expect(invocation.environment == AttemptSpec.standardEnvironment.sorted())
        #expect(invocation.standardInput == nil)
        #expect(invocation.secretIDs.isEmpty)
        #expect(
            invocation.fields == [
                JobField(
                    id: "imagen_de_entrada", label: "imagen de entrada", value: "gato.png",
                    files: [JobFieldFile(name: "gato.png", content: hash("a"))]),
                JobField(id: "tamano_de_filtro", label: "tamaño de filtro", value: "3"),
            ])
    }

    @Test func theSeedWithItsMissingQuotesIsToldWhatIsWrong() {
        // As the seed's report prints it: the name has no quotes.
        let found = mistakes("{\n\t\"name\": filter,\n\t\"inputs\": []\n}")
        #expect(
            found == [
                "/name: line 2, column 10: ‘filter’ is no value; texts stand in double quotes: \"filter\""
            ])
    }

    @Test func readsEveryKey() throws {
        let all = try manifest(
            """
            {"name": "Mi Programa", "description": "Líneas\\ny más", "version": "1.2", "author": "Ana",
             "url": "https://example.org/x?y=1", "tags": ["audio", "demo"],
             "inputs": [{"name": "n", "type": "integer", "default": 3}],
             "command": ["{@program}", "{n}"],
             "outputs": [{"name": "Sonido", "path": "*.wav"}, {"name": "d", "path": "a/b.bin", "type": "Text",
                          "optional": true, "description": "x"}],
             "resources": {"profile": "medium", "smallest": "small", "time": "5min", "disk": "10MiB", "network": false},
             "rootfs": "host", "environment": {"MODE": "fast", "EMPTY": ""},
             "exitCodes": {"0": "well", "3": {"message": "nothing to do", "success": true}}, "x-mine": [1, {"a": null}]}
            """)
        #expect(all.slug == "mi-programa")
        #expect(all.description == "Líneas\ny más")
        #expect(all.version == "1.2")
        #expect(all.author == "Ana")
        #expect(all.url == "https://example.org/x?y=1")
        #expect(all.tags == ["audio", "demo"])
        #expect(all.outputs.map(\.preview) == [.audio, .text])
        #expect(all.outputs.map(\.isOptional) == [false, true])
        #expect(all.resources.profile == "medium")
        #expect(all.suggestedProfile == "medium")
        #expect(all.resources.smallest == "small")
        #expect(all.resources.time == .seconds(300))
        #expect(all.resources.disk == 10 << 20)
        #expect(all.rootfs == "host" && !all.hasWritableRoot)
        #expect(try manifest(#"{"name": "w", "rootfs": "base", "writable": true}"#).hasWritableRoot)
        #expect(try !manifest(#"{"name": "w", "rootfs": "base", "writable": false}"#).hasWritableRoot)
        #expect(all.environment.map(\.name) == ["EMPTY", "MODE"])
        #expect(all.exitCodes[0]?.message == "well")
        #expect(all.exitCodes[0]?.isSuccess == true)
        #expect(all.exitCodes[3]?.isSuccess == true)
        #expect(all.output(for: "a.wav")?.name == "Sonido")
        #expect(all.output(for: "a/b.bin")?.name == "d")
        #expect(all.output(for: "a/c.wav") == nil)
    }

    /// Words for types, Boutiques' in their case.
    static let types: [(String, InputType)] = [
        ("String", .text), ("Number", .number), ("Flag", .boolean), ("File", .file), ("FILE", .file),
        ("bool", .boolean), ("int", .integer), ("e-mail", .email), ("email", .email), ("color", .colour),
        ("colour", .colour), ("url", .url), ("json", .json), ("secret", .secret), ("date", .date), ("Time", .time),
    ]

    @Test(arguments: types) func readsTypesInAnyCase(word: String, type: InputType) throws {
        #expect(try manifest(inputs: #"{"name": "a", "type": "\#(word)"}"#).inputs[0].type == type)
    }

    /// Name → id of a field.
    static let ids: [(String, String)] = [
        ("tamaño de filtro", "tamano_de_filtro"), ("Größe (px)", "grosse_px"), ("Łódź", "lodz"),
        ("œuvre d'art", "oeuvre_dart"),
        ("  --Weird--  name!", "weird_name"), ("N° 3", "n_3"), ("İstanbul", "istanbul"), ("café\u{301}", "cafe"),
        ("ñandú", "nandu"), ("n\u{303}", "n"), ("A1", "a1"), ("文件", ""), ("файл", ""), ("🙂", ""),
        (String(repeating: "ab ", count: 40), String(repeating: "ab_", count: 21) + "a"),
    ]

    @Test(arguments: ids) func makesIdsOfNames(name: String, id: String) {
        #expect(Slug.fieldID(name) == id)
        #expect(id.isEmpty || Slug.isFieldID(id))
    }

    @Test func aLabelWithoutLatinLettersGetsAnIdByPlace() throws {
        let inputs = try manifest(inputs: #"{"name": "文件", "type": "file"}, {"name": "大小", "type": "text"}"#).inputs
        #expect(inputs.map(\.id) == ["field_1", "field_2"])
    }

    static let resources: [(String, String?)] = [
        (#"{"time": 600, "disk": 1048576}"#, nil),
        (#"{"time": "11min"}"#, "the program asks for 11min, profile small gives 10min"),
        (#"{"disk": "2GiB"}"#, "the program asks for 2 GiB of scratch space, profile small gives 512 MiB"),
        (#"{"smallest": "medium"}"#, "the program asks for profile medium or a larger one, small is smaller"),
        (#"{"smallest": "small"}"#, nil),
    ]

    @Test(arguments: resources) func saysWhetherAProfileIsEnough(resources: String, refusal: String?) throws {
        func profile(_ name: String, cores: Int) -> Profile {
            let limits = CellLimits(
                cpu: .exclusive(cores: cores), memory: cores << 30, processes: 64, wallTime: .seconds(600),
                cpuTime: .seconds(600), scratchBytes: 512 << 20, scratchFiles: 100, outputBytes: 1_024,
                collectedFiles: 10, collectedBytes: 1_024, openFiles: 64, fileBytes: 1_024)
            return Profile(name: name, summary: "", limits: limits, seccomp: "default")
        }
        let read = try manifest(#"{"name": "t", "resources": \#(resources)}"#).resources
        let catalog = ["small": profile("small", cores: 1), "medium": profile("medium", cores: 2)]
        let smallest = read.smallest.flatMap { catalog[$0] }
        #expect(read.refusal(of: profile("small", cores: 1), smallest: smallest) == refusal)
    }

    @Test func globsMatchWholePaths() throws {
        let cases: [(String, String, Bool)] = [
            ("a.png", "a.png", true), ("a.png", "b/a.png", false), ("*.png", "a.png", true),
            ("*.png", "a/b.png", false),
            ("**/*.png", "a.png", true), ("**/*.png", "a/b/c.png", true), ("**/a.png", "xa.png", false),
            ("**/a.png", "x/xa.png", false), ("**/a.png", "x/y/a.png", true), ("a/**", "a/b/c", true),
            ("a/**", "b", false),
            ("x/**/y", "x/y", true), ("x/**/y", "x/a/b/y", true), ("x/**/y", "xy", false), ("**", "a/b", true),
            ("f?.txt", "f1.txt", true), ("f?.txt", "f.txt", false), ("f?g", "f/g", false), ("[a].txt", "a.txt", false),
            ("[a].txt", "[a].txt", true), ("ñ*", "ñandú", true), ("", "a", false),
        ]
        for (pattern, path, matches) in cases {
            let output = ManifestOutput(
                name: "o", description: nil, pattern: pattern, preview: .download, isOptional: false)
            #expect(output.matches(path) == matches, "\(pattern) on \(path)")
        }
    }

    @Test func aGlobThatStarsALotIsQuick() {
        let pattern = String(repeating: "*a", count: 60) + "b"
        let output = ManifestOutput(name: "o", description: nil, pattern: pattern, preview: .text, isOptional: false)
        let clock = ContinuousClock()
        let spent = clock.measure { #expect(!output.matches(String(repeating: "a", count: 1_000))) }
        #expect(spent < .seconds(10))
    }
}
