import Foundation
import PanalClient
import PanalCore
import PanalManifest
import Testing

/// A manifest as a command line.
@Suite("A program's own words") struct ProgramWordsTests {
    private static func manifest(_ inputs: String...) throws -> Manifest {
        try Manifest(parsing: Data(#"{"name": "t", "inputs": [\#(inputs.joined(separator: ", "))]}"#.utf8))
    }

    /// The seed's filter, with a box, a list and an optional text.
    private static func filter() throws -> Manifest {
        try manifest(
            #"{"name": "imagen de entrada", "type": "file"}"#, #"{"name": "tamaño de filtro", "type": "integer"}"#,
            #"{"name": "fast", "type": "boolean"}"#, #"{"name": "title", "type": "text", "optional": true}"#,
            #"{"name": "mode", "type": "choice", "choices": ["soft", "hard"], "default": "soft"}"#)
    }

    private static func told(_ words: [String], _ manifest: Manifest) throws -> [String] {
        let call = try ProgramWords(words, of: manifest)
        return (call.values.map { "\($0.name)=\($0.value)" } + call.files.map { "\($0.name)=@\($0.value)" }).sorted()
    }

    @Test(
        arguments: [
            (["--tamano-de-filtro", "3", "a.png"], ["imagen_de_entrada=@a.png", "tamano_de_filtro=3"]),
            (["a.png", "3"], ["imagen_de_entrada=@a.png", "tamano_de_filtro=3"]),
            (["--tamano_de_filtro=-3", "a.png"], ["imagen_de_entrada=@a.png", "tamano_de_filtro=-3"]),
            (["--tamano-de-filtro", "-3"], ["tamano_de_filtro=-3"]),
            // A number is a value wherever it stands.
            (["a.png", "-3.5"], ["imagen_de_entrada=@a.png", "tamano_de_filtro=-3.5"]),
            (["--fast", "a.png"], ["fast=true", "imagen_de_entrada=@a.png"]),
            (["--no-fast"], ["fast=false"]),
            (["--fast=false"], ["fast=false"]),
            (["--", "--fast"], ["imagen_de_entrada=@--fast"]),
            // More words than are needed go to all, in their order.
            (
                ["a.png", "3", "-", "hard"],
                ["imagen_de_entrada=@a.png", "mode=hard", "tamano_de_filtro=3", "title=-"]
            ),
            (["--title", "a=b --c"], ["title=a=b --c"]),
            (["--title="], ["title="]),
            ([], []),
        ] as [([String], [String])])
    func wordsComeToValues(words: [String], expected: [String]) throws {
        #expect(try Self.told(words, try Self.filter()) == expected)
    }

    @Test(
        arguments: [
            (["--tamano-de-filtr", "3"], "did you mean --tamano-de-filtro?"),
            (["--nothing-like-it-at-all"], "it has --imagen-de-entrada, --tamano-de-filtro"),
            (["-x"], "is none of this program's"),
            (["--tamano-de-filtro"], "--tamano-de-filtro needs a value: --tamano-de-filtro <whole number>"),
            (["--tamano-de-filtro", "--fast"], "needs a value"),
            (["--mode"], "<soft|hard>"),
            (["--no-title"], "is none of this program's"),
            (["a", "1", "t", "soft", "more"], "‘more’ is one word more"),
        ] as [([String], String)])
    func whatIsWrongIsSaid(words: [String], word: String) throws {
        let manifest = try Self.filter()
        let failure = #expect(throws: ClientFailure.self) { try ProgramWords(words, of: manifest) }
        #expect(failure?.description.contains(word) == true, "\(failure?.description ?? "")")
    }

    /// A list takes what those behind it leave.
    @Test func listsTakeSeveral() throws {
        let manifest = try Self.manifest(
            #"{"name": "in", "type": "file", "list": true}"#, #"{"name": "out", "type": "text"}"#,
            #"{"name": "more", "type": "text", "optional": true}"#)
        #expect(try Self.told(["a", "b", "c", "o"], manifest) == ["in=@a", "in=@b", "in=@c", "out=o"])
        #expect(try Self.told(["a", "o"], manifest) == ["in=@a", "out=o"])
        #expect(try Self.told(["--in", "a", "--in", "b", "--out", "o"], manifest) == ["in=@a", "in=@b", "out=o"])
        #expect(try Self.told(["--in", "a", "o", "m"], manifest) == ["in=@a", "more=m", "out=o"])
    }

    private static let collage = #"""
        {"name": "collage", "inputs": [{"name": "size", "type": "integer"}, {"name": "picture", "type": "file"},
          {"name": "the x", "type": "integer", "default": 0}, {"name": "bold", "type": "boolean"}],
         "repeats": [{"name": "layer", "inputs": ["picture", "the_x", "bold"], "maxItems": 9}]}
        """#

    /// A block's flag begins the next one; the first need not be begun.
    @Test(
        arguments: [
            (
                ["--layer", "--picture", "a.png", "--the-x", "3", "--layer", "--picture=b.png", "--bold", "5"],
                [
                    "layer.0.picture=@a.png", "layer.0.the_x=3", "layer.1.bold=true", "layer.1.picture=@b.png",
                    "layer=2", "size=5",
                ]
            ),
            (["--picture", "a", "--layer", "--no-bold"], ["layer.0.picture=@a", "layer.1.bold=false", "layer=2"]),
            (["--layer", "--layer"], ["layer=2"]), (["7"], ["size=7"]),
        ] as [([String], [String])])
    func blocksAreBegun(words: [String], expected: [String]) throws {
        let manifest = try Manifest(parsing: Data(Self.collage.utf8))
        #expect(try Self.told(words, manifest) == expected)
    }

    @Test func whatIsWrongWithABlockIsSaid() throws {
        let manifest = try Manifest(parsing: Data(Self.collage.utf8))
        for (words, word) in [
            (["--layer=2"], "--layer has no value: it begins one of several"), (["--layr"], "did you mean --layer?"),
            (["--picture", "--layer"], "--picture needs a value"),
        ] {
            let failure = #expect(throws: ClientFailure.self) { try ProgramWords(words, of: manifest) }
            #expect(failure?.description.contains(word) == true, "\(failure?.description ?? "")")
        }
        let help = ProgramWords.help(of: manifest, command: "panal program run collage")
        #expect(
            help.hasPrefix(
                "USAGE: panal program run collage --size <whole number> --layer --picture <file> … [flags]\n"))
        #expect(help.contains("  --layer\n      layer (1 to 9 times)\n    --picture <file>\n"))
    }

    /// The same as the server's schema has it.
    @Test func aDraftKnowsTheFieldsOfBlocks() throws {
        let manifest = try Manifest(parsing: Data(Self.collage.utf8))
        let draft = try SubmissionDraft(
            schema: manifest.jsonSchema(), values: [("size", "1"), ("layer.0.the_x", "3")],
            files: [("layer.0.picture", "a.png")])
        #expect(draft.paths == ["a.png"])
        #expect(SubmissionDraft.isFile("layer.4.picture", manifest.jsonSchema()))
        let document: JSONValue = ["size": 1, "layer": [["the_x": 3], ["bold": true]]]
        let whole = try SubmissionDraft(schema: manifest.jsonSchema(), values: [], files: [], document: document)
        #expect(whole.document == ["size": 1, "layer": [["the_x": 3], ["bold": true]]])
        for (name, value, word) in [
            ("layer.0.the_y", "1", "the program has no such input"), ("layer.0.the_x", "q", "is not a whole number"),
            ("layer.0.picture", "a", "give it with --file layer.0.picture=PATH"),
        ] {
            let failure = #expect(throws: ClientFailure.self) {
                try SubmissionDraft(schema: manifest.jsonSchema(), values: [("size", "1"), (name, value)], files: [])
            }
            #expect(failure?.description.contains(word) == true, "\(failure?.description ?? "")")
        }
    }

    @Test func helpNamesAll() throws {
        let manifest = try Self.filter()
        #expect(try ProgramWords(["--help"], of: manifest).asksForHelp)
        #expect(try ProgramWords(["a.png", "-h"], of: manifest).asksForHelp)
        #expect(try !ProgramWords(["--", "--help"], of: manifest).asksForHelp)
        // An input may be called so.
        let own = try Self.manifest(#"{"name": "help", "type": "text"}"#)
        #expect(try Self.told(["--help", "x"], own) == ["help=x"])
        let text = ProgramWords.help(of: manifest, command: "panal program run t")
        #expect(
            text.hasPrefix(
                "USAGE: panal program run t --imagen-de-entrada <file> --tamano-de-filtro <whole number> [flags]\n"))
        for word in [
            "  --imagen-de-entrada <file>\n", "imagen de entrada (needed)", "--mode <soft|hard>", "default soft",
            "--no-fast for no",
        ] {
            #expect(text.contains(word), "\(word)")
        }
    }
}
