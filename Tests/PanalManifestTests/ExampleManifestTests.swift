import Foundation
import PanalCore
import Testing

@testable import PanalManifest

/// The manifests of `Examples/`, from which people learn: each is right, and together they show whatever a manifest can say. Their
/// tests run in cells elsewhere.
@Suite struct ExampleManifestTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().resolvingSymlinksInPath()
        .appendingPathComponent("Examples")

    private static func documents() throws -> [(name: String, document: JSONValue, manifest: Manifest)] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }.sorted()
            .map { name in
                let data = try Data(contentsOf: folder.appendingPathComponent("\(name)/manifest.json"))
                return (name, try JSONValue(parsing: data), try Manifest(parsing: data))
            }
    }

    private static func members(_ value: JSONValue?) -> [String: JSONValue] {
        if case .object(let members)? = value { members } else { [:] }
    }

    private static func list(_ value: JSONValue?) -> [JSONValue] {
        if case .array(let list)? = value { list } else { [] }
    }

    @Test func eachIsCalledLikeItsFolder() throws {
        let documents = try Self.documents()
        #expect(documents.map(\.manifest.slug) == documents.map(\.name))
    }

    @Test func togetherTheyShowEveryKey() throws {
        let documents = try Self.documents()
        var keys: [String: Set<String>] = [:]
        for (_, document, _) in documents {
            let manifest = Self.members(document)
            keys["", default: []].formUnion(manifest.keys)
            keys["resources", default: []].formUnion(Self.members(manifest["resources"]).keys)
            for name in ["inputs", "outputs", "sections", "groups", "tests"] {
                for entry in Self.list(manifest[name]) {
                    keys[name, default: []].formUnion(Self.members(entry).keys)
                }
            }
        }
        #expect(Set(InputReader.keys + RuleReader.inputKeys).subtracting(keys["inputs"] ?? []) == [])
        for (name, wanted) in [
            (
                "",
                [
                    "name", "id", "description", "version", "url", "tags", "command", "inputs", "outputs", "resources",
                    "environment", "exitCodes", "sections", "groups", "tests",
                ]
            ),
            ("outputs", ["name", "path", "glob", "type", "description", "optional"]),
            ("sections", ["name", "description", "inputs"]), ("groups", ["name", "description", "inputs", "rule"]),
            ("resources", ["profile", "smallest", "time", "disk", "network"]),
            ("tests", ["name", "inputs", "exitCode", "outputs", "stdout", "stderr", "profile", "time"]),
        ] as [(String, Set<String>)] {
            #expect(wanted.subtracting(keys[name] ?? []) == [], "in \(name)")
        }
    }

    @Test func togetherTheyShowEveryKindOfThing() throws {
        let manifests = try Self.documents().map(\.manifest)
        let inputs = manifests.flatMap(\.inputs)
        #expect(Set(InputType.allCases).subtracting(inputs.map(\.type)) == [])
        #expect(Set(Preview.allCases).subtracting(manifests.flatMap(\.outputs).map(\.preview)) == [])
        #expect(Set(ManifestGroup.Rule.allCases).subtracting(manifests.flatMap(\.groups).map(\.rule)) == [])
        #expect(inputs.contains { $0.route == .standardInput } && inputs.contains { $0.route == .file })
        #expect(
            inputs.contains { $0.type == .file && $0.isList } && inputs.contains { $0.type == .choice && $0.isList })
        #expect(manifests.contains { manifest in manifest.command.parts.contains { $0.isTogether } })
        // A code other than 0 that is no failure.
        #expect(manifests.contains { $0.exitCodes.contains { $0.key != 0 && $0.value.isSuccess } })
        #expect(manifests.filter { $0.tags.contains("español") }.count >= 3)
    }
}
