import Foundation
import PanalCore
import PanalManifest
import Testing

/// The manifests of the demo programs, and the submissions that come with them as samples.
@Suite struct DemoTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().resolvingSymlinksInPath()
        .appendingPathComponent("Demos")

    private func sample(_ demo: String) throws -> Submission {
        let text = try String(contentsOf: Self.folder.appendingPathComponent("\(demo)/sample/fields"), encoding: .utf8)
        var values: [String: [SubmittedValue]] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
            let value: SubmittedValue
            if parts[1].hasPrefix("@") {
                let name = String(parts[1].dropFirst())
                let bytes = try Data(contentsOf: Self.folder.appendingPathComponent("\(demo)/sample/\(name)"))
                value = file(name, bytes: bytes.count)
            } else {
                value = .text(parts[1])
            }
            values[parts[0], default: []].append(value)
        }
        return Submission(values: values)
    }

    static let demos: [(String, [String])] = [
        ("filter", ["/program/p", "/input/imagen_de_entrada/abeja.png", "3"]),
        (
            "convert-audio",
            [
                "/program/convert.sh", "--format", "ogg", "--rate", "22050", "--start", "0.2", "--",
                "/input/sound/melody.wav",
            ]
        ),
        ("parallel", ["/program/parallel", "1200", "1000"]),
    ]

    @Test(arguments: demos) func theSampleMakesTheArguments(demo: String, arguments: [String]) throws {
        let bytes = try Data(contentsOf: Self.folder.appendingPathComponent("\(demo)/manifest.json"))
        let manifest = try Manifest(parsing: bytes)
        #expect(manifest.slug == demo)
        #expect(try manifest.plan(sample(demo), entry: "p").arguments == arguments)
    }

    @Test func theFilterIsTheSeedsManifestAsItStands() throws {
        let bytes = try Data(contentsOf: Self.folder.appendingPathComponent("filter/manifest.json"))
        #expect(try JSONValue(parsing: bytes) == JSONValue(parsing: Data(seed.utf8)))
    }
}
