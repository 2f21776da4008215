import Foundation
import PanalCore
import PanalManifest
import PanalProfiles
import PanalSandbox
import Testing

/// The manifests of real tools that come as examples: each is right, and each of its own tests runs in a cell as a job would, with
/// the tool of this machine's /usr, under the profile that the manifest suggests.
@Suite("Examples", .serialized) struct ExampleTests {
    @Test(arguments: try Example.names()) func itsTestsPassInCells(name: String) async throws {
        let example = try Example(name)
        let catalog = try ProfileCatalog.load(folder: CellHarness.repository.appending(path: "Profiles").path)
        try await CellHarness.with { harness in
            let run = try ExampleRun(example, on: harness)
            for test in example.manifest.tests {
                let word = test.profile ?? example.manifest.suggestedProfile ?? "small"
                let profile = try #require(catalog[word], "\(name) names the profile \(word)")
                let smallest = example.manifest.resources.smallest.flatMap { catalog[$0] }
                #expect(example.manifest.resources.refusal(of: profile, smallest: smallest) == nil)
                let complaints = try await run.complaints(about: test, profile: profile)
                #expect(complaints == [], "\(name), ‘\(test.name)’:\n\(complaints.joined(separator: "\n"))")
            }
        }
    }

    @Test func thereAreTwentyAndEachTriesMoreThanOneThing() throws {
        let examples = try Example.names().map { try Example($0) }
        #expect(examples.count >= 20)
        for example in examples {
            let manifest = example.manifest
            #expect(manifest.slug == example.name)
            #expect(manifest.description != nil && manifest.url != nil && !manifest.tags.isEmpty, "\(example.name)")
            #expect((1...3).contains(manifest.tests.count), "\(example.name)")
            #expect(manifest.tests.contains { $0.exitCode == nil || $0.exitCode == 0 }, "\(example.name)")
        }
        // What goes wrong on purpose is told by a code that the manifest explains.
        #expect(examples.filter { $0.manifest.tests.contains { ($0.exitCode ?? 0) != 0 } }.count >= 15)
    }
}
