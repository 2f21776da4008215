import Foundation
import PanalCore
import Testing

@testable import PanalRootfs

@Suite struct ImageDocumentTests {
    @Test func theConfigurationIsKept() throws {
        var layout = TestLayout([TestTar.smallest.finished])
        layout.start = [
            "Env": ["PATH=/opt/bin", "A=b=c", "no variable", "1X=y", "=z"], "Entrypoint": ["/bin/sh", "-c"],
            "Cmd": ["true"],
            "WorkingDir": "/srv", "User": "1000:1000",
        ]
        let site = try ImageSite()
        let facts = try site.build(layout.archive(), as: .any).facts
        #expect(facts.settings.environment == ["PATH=/opt/bin", "A=b=c"])
        #expect(facts.settings.entrypoint == ["/bin/sh", "-c"])
        #expect(facts.settings.command == ["true"])
        #expect(facts.settings.workingFolder == "/srv")
        #expect(facts.settings.user == "1000:1000")
        #expect(facts.settings.architecture == Architecture.current.rawValue)
        #expect(facts.layers.map(\.digest) == [hash(TestTar.smallest.finished)])
        #expect(facts.manifest != nil)
        #expect(try RootfsBuilder.facts(at: "\(site.path)/rootfs/\(facts.digest.hex)") == facts)
    }

    @Test func tagsChoose() throws {
        var layout = TestLayout([TestTar.smallest.finished])
        layout.tag = "v1"
        #expect(try ImageSite().build(layout.archive(), as: .layout, tag: "v1").created)
        #expect(try ImageSite().refusal(layout.archive(), as: .layout, tag: "v2")?.contains("there are v1") == true)
    }

    private func dockerArchive(
        _ layer: [UInt8], unpacked: ContentHash? = nil, layerName: String = "abc/layer.tar", linked: Bool = false
    ) throws -> [UInt8] {
        var tar = TestTar()
        let configuration: [String: Any] = [
            "architecture": Architecture.current.rawValue, "os": "linux",
            "rootfs": ["type": "layers", "diff_ids": ["sha256:\((unpacked ?? hash(layer)).hex)"]],
        ]
        let list: [[String: Any]] = [["Config": "c.json", "RepoTags": ["demo:latest"], "Layers": [layerName]]]
        tar.add("manifest.json", String(decoding: try JSONSerialization.data(withJSONObject: list), as: UTF8.self))
        tar.add("c.json", String(decoding: try JSONSerialization.data(withJSONObject: configuration), as: UTF8.self))
        if linked {
            tar.add(Array("shared/layer.tar".utf8), layer)
            tar.link(layerName, to: "../shared/layer.tar")
        } else {
            tar.add(Array(layerName.utf8), layer)
        }
        return tar.finished
    }

    @Test func dockersArchivesAreRead() throws {
        let layer = TestTar.smallest.finished
        let plain = try ImageSite().build(layer).facts.digest
        #expect(try ImageSite().build(dockerArchive(layer), as: .any).facts.digest == plain)
        #expect(
            try ImageSite().build(dockerArchive(layer, linked: true), as: .docker, tag: "demo:latest").facts.digest
                == plain)
        #expect(
            try ImageSite().refusal(dockerArchive(layer), as: .docker, tag: "other")?.contains("demo:latest") == true)
        #expect(
            try ImageSite().refusal(dockerArchive(layer, unpacked: hash([])), as: .docker)?
                .contains("is not what the configuration says") == true)
        #expect(try ImageSite().refusal(dockerArchive(layer, layerName: "../layer.tar"), as: .docker) != nil)
    }

    @Test func whatAnArchiveIsShowsInItsNames() throws {
        let layer = TestTar.smallest.finished
        let plain = try ImageSite().build(layer, as: .any).facts
        #expect(plain.manifest == nil)
        #expect(try ImageSite().build(TestLayout([layer]).archive(), as: .any).facts.manifest != nil)
        // A tree that has such files, too.
        var tree = TestTar.smallest
        tree.add("manifest.json", "[]")
        tree.add("index.json", "{}")
        tree.add("oci-layout", "{}")
        #expect(try ImageSite().build(tree.finished, as: .any).facts.files == 4)
    }

    @Test func compressedLayersAreHeldAgainstBothDigests() throws {
        let site = try ImageSite()
        let layer = TestTar.smallest.finished
        for (tool, kind) in [("gzip", "+gzip"), ("xz", "+gzip"), ("bzip2", "+gzip")] {
            let file = "\(site.path)/layer"
            try Data(layer).write(to: URL(fileURLWithPath: file))
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "\(tool) -c \(file) > \(file).packed"]
            try process.run()
            process.waitUntilExit()
            let packed = Array(try Data(contentsOf: URL(fileURLWithPath: file + ".packed")))
            try #require(packed.count < layer.count && !packed.isEmpty)
            var layout = TestLayout([packed])
            layout.mediaType += kind
            layout.unpackedDigests = [hash(layer)]
            let facts = try ImageSite().build(layout.archive(), as: .layout).facts
            #expect(try facts.digest == ImageSite().build(layer).facts.digest)
            layout.unpackedDigests = [hash(packed)]
            #expect(try ImageSite().refusal(layout.archive(), as: .layout) != nil)
        }
    }
}
