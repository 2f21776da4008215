import Foundation
import PanalCore
import PanalManifest
import Testing

/// First manifests out of what programs say of themselves.
@Suite struct SketchTests {
    @Test func tellsProgramsByTheirFirstBytes() throws {
        #expect(
            ProgramKind(head: Array("#!/usr/bin/env python3\nprint()".utf8))
                == .script(interpreter: ["/usr/bin/env", "python3"]))
        #expect(ProgramKind(head: Array("#!\n".utf8)) == .unknown)
        #expect(ProgramKind(head: Array("PK".utf8)) == .unknown)
        #expect(ProgramKind(head: []) == .unknown)
        let own = try Data(contentsOf: URL(fileURLWithPath: "/proc/self/exe"), options: .alwaysMapped)
        guard case .executable(let machine, let loader) = ProgramKind(head: Array(own.prefix(ProgramKind.headBytes)))
        else {
            Issue.record("this test is no executable")
            return
        }
        #expect(["x86-64", "aarch64"].contains(machine))
        #expect(loader?.contains("ld-linux") == true)
    }

    /// Damaged heads are answered, never trapped on.
    @Test func damagedExecutablesAreAnswered() throws {
        let own = try Data(contentsOf: URL(fileURLWithPath: "/proc/self/exe"), options: .alwaysMapped)
        let head = Array(own.prefix(2_048))
        for end in stride(from: 0, to: head.count, by: 7) { _ = ProgramKind(head: Array(head[..<end])) }
        for place in 4..<64 {
            for byte in [0, 1, 2, 0x7F, 0xFF] as [UInt8] {
                var damaged = head
                damaged[place] = byte
                _ = ProgramKind(head: damaged)
            }
        }
    }

    private static let argparse = """
        usage: filter.py [-h] [-n N] [--mode {fast,fine}] [--out FILE] [-v]
                         image [sizes ...]

        Blurs a picture, "softly".

        positional arguments:
          image               the picture
          sizes

        options:
          -h, --help          show this help message and exit
          -n N, --number N    how often it is done, in rounds that may be
                              many
          --mode {fast,fine}
          --out FILE          where to write
          --ratio=FLOAT       a ratio
          -v, --verbose       say more
        """

    @Test func readsHelpAsPythonWritesIt() throws {
        let text = ManifestSketch(program: "filter.py", help: Self.argparse).text
        let read = try manifest(text)
        #expect(read.slug == "filter")
        #expect(read.description == "Blurs a picture, \"softly\".")
        #expect(read.inputs.map(\.id) == ["number", "mode", "out", "ratio", "verbose", "image", "sizes"])
        #expect(read.inputs.map(\.type) == [.integer, .choice, .text, .number, .boolean, .file, .text])
        #expect(read.inputs[0].flag == "--number" && read.inputs[0].isOptional)
        #expect(read.inputs[0].description == "how often it is done, in rounds that may be many")
        #expect(read.inputs[1].choices?.map(\.value) == ["fast", "fine"])
        #expect(read.inputs[3].separator == "=")
        #expect(read.inputs[5].isRequired && !read.inputs[5].isList)
        #expect(read.inputs[6].isList && read.inputs[6].isOptional)
    }

    /// Whatever a program prints, what comes of it is a manifest.
    @Test(arguments: [
        "", "usage:", "usage: x [", "  --", "  -", "  --a=", "  --{}, --x <>", "  -a, -b, --c {,}  \u{7}\u{202E}",
        "usage: x ]]]] [[[",
        String(repeating: "  --opt\u{0}ion VALUE  text\n", count: 500), (0..<300).map { "  --o\($0) N  x\n" }.joined(),
        "  --x {a,a}  twice", "usage: x ... ...", String(repeating: "-", count: 5_000), "  --naïve VALUE  ñ",
    ]) func anyHelpMakesAManifest(help: String) throws {
        let text = ManifestSketch(program: "Ü.sh", help: help).text
        #expect(throws: Never.self) { try manifest(text) }
    }

    @Test func readsAUsageInSpanish() throws {
        let read = try manifest(
            ManifestSketch(program: "filter.py", help: "filter: uso: filter.py IMAGEN [TAMAÑO]\n").text)
        #expect(read.inputs.map(\.id) == ["imagen", "tamano"] && read.inputs.map(\.isOptional) == [false, true])
        #expect(read.description == nil)
    }

    @Test func withoutHelpThereAreNoInputs() throws {
        let read = try manifest(ManifestSketch(program: "文件", help: nil).text)
        #expect(read.slug == "program" && read.inputs.isEmpty)
    }
}
