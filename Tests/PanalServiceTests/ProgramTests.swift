import PanalCore
import PanalManifest
import PanalService
import Testing

@Suite struct ProgramTests {
    @Test func theSeedsManifestIsPublished() async throws {
        let fixture = try await ServiceFixture()
        let seed = """
            { "name": "filter",
              "inputs": [ {"name": "imagen de entrada", "type": "file"},
                          {"name": "tamaño de filtro",  "type": "text"} ] }
            """
        let (entry, created) = try await fixture.publish(seed)
        #expect(created)
        #expect(entry.program.name == "filter")
        #expect(entry.version.number == 1)
        #expect(entry.version.entry == "tool.sh")
        #expect(entry.version.manifest == seed)
        #expect(entry.ownerName == "ana")
        #expect(entry.isOwn)
        #expect(try await fixture.panal.program(fixture.ana, name: "filter", version: nil) == entry)
    }

    @Test func theSameAgainIsTheSameVersion() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish()
        #expect(try await fixture.publish().created == false)
        let next = try await fixture.publish(script: "#!/bin/sh\necho other\n")
        #expect(next.created)
        #expect(next.entry.version.number == 2)
        let first = try await fixture.panal.program(fixture.ana, name: "filter", version: 1)
        #expect(first.version.content != next.entry.version.content)
        await refused(.notFound) { _ = try await fixture.panal.program(fixture.ana, name: "filter", version: 3) }
    }

    /// Uploads that cannot be started, with a part of the answer.
    @Test(arguments: [
        ("empty", "", "‘tool.sh’ is empty"),
        ("text", "echo hello\n", "neither an executable (ELF) nor a script"),
        ("windows", "MZ\u{1}\u{2}", "looks like a Windows program"),
        ("line ends", "#!/bin/sh\r\necho\r\n", "Windows line ends"),
        ("relative", "#!python3\n", "full path"),
        ("cut", "\u{7F}ELF", "damaged executable"),
    ])
    func whatCannotStartIsRefused(kind: String, script: String, message: String) async throws {
        let fixture = try await ServiceFixture()
        let error = await refused(.unsupported) { try await fixture.publish(script: script) }
        #expect(error?.detail.contains(message) == true, "\(error?.detail ?? "")")
        #expect(try await fixture.panal.programs(fixture.ana).isEmpty)
    }

    @Test func anotherMachinesProgramIsNamed() async throws {
        let fixture = try await ServiceFixture()
        var elf = [UInt8](repeating: 0, count: 64)
        elf.replaceSubrange(0..<7, with: [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1])
        elf[16] = 2
        #if arch(x86_64)
        elf[18] = 183
        let expected = "‘tool’ is built for aarch64, this host runs x86-64"
        #else
        elf[18] = 62
        let expected = "‘tool’ is built for x86-64, this host runs aarch64"
        #endif
        let content = try await fixture.put(elf)
        let upload = ProgramUpload(fileName: "/home/me/tool", content: content)
        let error = await refused(.unsupported) {
            _ = try await fixture.panal.publish(
                fixture.ana, manifest: Array(ServiceFixture.filter.utf8), upload: upload, isPublic: false)
        }
        #expect(error?.detail == expected)
    }

    @Test func mistakesAreNamed() async throws {
        let fixture = try await ServiceFixture()
        let error = await refused(.invalid) {
            try await fixture.publish(#"{"inputs": [{"name": "a", "typ": "text"}]}"#)
        }
        #expect((error?.mistakes.count ?? 0) >= 2)
        await refused(.invalid) { try await fixture.publish("no JSON") }
        let profile = await refused(.invalid) {
            try await fixture.publish(#"{"name": "x", "resources": {"profile": "huge"}}"#)
        }
        #expect(profile?.mistakes.first?.pointer == "/resources/profile")
        let archive = await refused(.unsupported) { try await fixture.publish(fileName: "x.tar.gz") }
        #expect(archive?.detail.contains("‘x.tar.gz’ is refused") == true)
    }

    @Test func namesBelongToWhoTookThemFirst() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish()
        for other in [fixture.berta, fixture.admin] {
            await refused(.conflict) { try await fixture.publish(as: other) }
        }
        #expect(try await fixture.panal.program(fixture.ana, name: "filter", version: nil).ownerName == "ana")
    }

    /// Who sees a private program, who a public one, and who may change which it is.
    @Test func privateProgramsAreNotThereForOthers() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        try await fixture.publish()
        await refused(.notFound) { _ = try await panal.program(fixture.berta, name: "filter", version: nil) }
        await refused(.notFound) { _ = try await fixture.submit(as: fixture.berta) }
        await refused(.notFound) { _ = try await panal.setPublic(fixture.berta, name: "filter", to: true) }
        #expect(try await panal.programs(fixture.berta).isEmpty)
        #expect(try await panal.programs(fixture.admin).map(\.program.name) == ["filter"])
        #expect(try await panal.setPublic(fixture.ana, name: "filter", to: true).isPublic)
        #expect(try await panal.programs(fixture.berta).map(\.isOwn) == [false])
        await refused(.forbidden) { _ = try await panal.setPublic(fixture.berta, name: "filter", to: false) }
        _ = try await fixture.end(of: try await fixture.submit(as: fixture.berta).id)
        #expect(try await panal.setPublic(fixture.admin, name: "filter", to: false).isPublic == false)
        await refused(.notFound) { _ = try await fixture.submit(as: fixture.berta) }
    }

    @Test func uploadsAreLimited() async throws {
        let fixture = try await ServiceFixture()
        let writer = try await fixture.panal.upload(fixture.ana, limit: 10)
        await #expect(throws: BlobError.tooLarge(limit: 10)) {
            try await writer.append([UInt8](repeating: 0, count: 11))
        }
        // Never more than the operator allows, whatever was asked for.
        let greedy = try await fixture.panal.upload(fixture.ana, limit: .max)
        await #expect(throws: BlobError.tooLarge(limit: 1 << 20)) {
            try await greedy.append([UInt8](repeating: 0, count: (1 << 20) + 1))
        }
    }
}
