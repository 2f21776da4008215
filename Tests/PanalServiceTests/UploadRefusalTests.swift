import PanalCore
import PanalService
import Testing

/// What no cell could start is refused by the whole service before anything of it is stored.
@Suite("Uploads that are looked at") struct UploadRefusalTests {
    @Test func publishingAsksThisMachine() async throws {
        let fixture = try await ServiceFixture()
        let script = await refused(.unsupported) { try await fixture.publish(script: "#!/usr/bin/no-such\n") }
        #expect(script?.detail.contains("‘tool.sh’ is to be read by ‘/usr/bin/no-such’") == true)
        let command = await refused(.invalid) {
            try await fixture.publish(#"{"name": "x", "command": ["no-such-tool", "{@program}"]}"#)
        }
        #expect(command?.mistakes.first?.pointer == "/command/0")
        #expect(try await fixture.panal.programs(fixture.ana).isEmpty)
    }

    /// The interpreter is looked for in the image.
    @Test func publishingAsksTheImage() async throws {
        let fixture = try await ServiceFixture()
        let image = try await RootfsTests.make(fixture, isPublic: true, alias: "tiny")
        let manifest = #"{"name": "t", "rootfs": "tiny", "inputs": []}"#
        try await fixture.publish(manifest)
        let error = await refused(.unsupported) {
            try await fixture.publish(manifest, script: "#!/usr/bin/python3\nprint(1)\n")
        }
        #expect(
            error?.detail.hasPrefix(
                "‘tool.sh’ is to be read by ‘/usr/bin/python3’, which is not in the file system ‘tiny’;")
                == true, "\(error?.detail ?? "")")
        let command = await refused(.invalid) {
            try await fixture.publish(#"{"name": "u", "rootfs": "tiny", "inputs": [], "command": ["awk", "1"]}"#)
        }
        #expect(command?.mistakes.first?.detail.contains("of ‘tiny’") == true)
        #expect(image.state == .available)
    }
}
