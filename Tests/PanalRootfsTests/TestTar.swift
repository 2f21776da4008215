import Crypto
import Foundation
import PanalCore
import Testing

@testable import PanalRootfs

/// A tar archive, as hostile as the test says.
struct TestTar {
    enum Kind: Unicode.Scalar {
        case file = "0"
        case hardLink = "1"
        case link = "2"
        case characterDevice = "3"
        case blockDevice = "4"
        case folder = "5"
        case fifo = "6"
    }

    private(set) var bytes: [UInt8] = []

    mutating func add(
        _ name: String, _ content: String = "", kind: Kind = .file, mode: Int = 0o644, link: String = "",
        claims size: Int? = nil, time: Int = 1_700_000_000
    ) {
        add(Array(name.utf8), Array(content.utf8), kind: kind, mode: mode, link: link, claims: size, time: time)
    }

    mutating func add(
        _ name: [UInt8], _ content: [UInt8], kind: Kind = .file, mode: Int = 0o644, link: String = "",
        claims size: Int? = nil, time: Int = 1_700_000_000
    ) {
        if name.count > 100 { header(Array("././@LongLink".utf8), "L", size: name.count + 1, body: name + [0]) }
        header(
            Array(name.prefix(100)), kind.rawValue, mode: mode, size: size ?? content.count, link: link, time: time,
            body: content)
    }

    mutating func folder(_ name: String, mode: Int = 0o755) { add(name, kind: .folder, mode: mode) }
    mutating func link(_ name: String, to target: String) { add(name, kind: .link, mode: 0o777, link: target) }

    private mutating func header(
        _ name: [UInt8], _ kind: Unicode.Scalar, mode: Int = 0o644, size: Int, link: String = "", time: Int = 0,
        body: [UInt8]
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: some Sequence<UInt8>, at place: Int) {
            for (offset, byte) in text.enumerated() { header[place + offset] = byte }
        }
        func octal(_ value: Int, _ digits: Int) -> String.UTF8View {
            let text = String(value, radix: 8)
            return (String(repeating: "0", count: digits - text.count) + text).utf8
        }
        put(name, at: 0)
        put(octal(mode, 7), at: 100)
        put(octal(0, 7), at: 108)
        put(octal(0, 7), at: 116)
        put(octal(size, 11), at: 124)
        put(octal(time, 11), at: 136)
        put(Array(repeating: UInt8(ascii: " "), count: 8), at: 148)
        header[156] = UInt8(kind.value)
        put(link.utf8.prefix(100), at: 157)
        put("ustar\u{0}00".utf8, at: 257)
        put(octal(1, 7), at: 329)
        put(octal(3, 7), at: 337)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
        header[154] = 0
        bytes += header + body + [UInt8](repeating: 0, count: (512 - body.count % 512) % 512)
    }

    var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1_024) }

    /// The smallest tree that is taken.
    static var smallest: TestTar {
        var tar = TestTar()
        tar.add("etc/passwd", "root:x:0:0::/:/bin/sh\n")
        return tar
    }
}

func hash(_ bytes: [UInt8]) -> ContentHash {
    ContentHash(hex: SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined())!
}

/// An OCI layout as a tar archive; what is wrong with it the test puts in.
struct TestLayout {
    var layers: [[UInt8]]
    var mediaType = "application/vnd.oci.image.layer.v1.tar"
    var architecture = Architecture.current.rawValue
    var system = "linux"
    var tag: String?
    /// Instead of what is right.
    var layerDigest: ContentHash?
    var layerSize: Int?
    var unpackedDigests: [ContentHash]?
    var leavesOutLayers = false
    var start: [String: Any] = [:]

    init(_ layers: [[UInt8]]) { self.layers = layers }

    func archive() throws -> [UInt8] {
        var tar = TestTar()
        func add(_ document: Any) throws -> [String: Any] {
            let bytes = Array(try JSONSerialization.data(withJSONObject: document, options: .sortedKeys))
            tar.add("blobs/sha256/\(hash(bytes).hex)", String(decoding: bytes, as: UTF8.self))
            return ["digest": "sha256:\(hash(bytes).hex)", "size": bytes.count]
        }
        tar.add("oci-layout", #"{"imageLayoutVersion": "1.0.0"}"#)
        var descriptors: [[String: Any]] = []
        for layer in layers {
            let digest = layerDigest ?? hash(layer)
            if !leavesOutLayers { tar.add(Array("blobs/sha256/\(digest.hex)".utf8), layer) }
            descriptors.append([
                "mediaType": mediaType, "digest": "sha256:\(digest.hex)", "size": layerSize ?? layer.count,
            ])
        }
        let digests = (unpackedDigests ?? layers.map(hash)).map { "sha256:\($0.hex)" }
        let configuration = try add([
            "architecture": architecture, "os": system, "config": start,
            "rootfs": ["type": "layers", "diff_ids": digests],
        ])
        var manifest = try add(["schemaVersion": 2, "config": configuration, "layers": descriptors])
        manifest["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
        if let tag { manifest["annotations"] = ["org.opencontainers.image.ref.name": tag] }
        let index = try JSONSerialization.data(withJSONObject: ["schemaVersion": 2, "manifests": [manifest]])
        tar.add("index.json", String(decoding: index, as: UTF8.self))
        return tar.finished
    }
}

/// A folder for images that goes with its owner.
final class ImageSite {
    let path: String
    var limits = RootfsLimits()

    init() throws {
        path = NSTemporaryDirectory() + "panal-rootfs-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path + "/rootfs", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: path + "/temporary", withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func build(
        _ archive: [UInt8], as format: RootfsFormat = .tree, tag: String? = nil
    ) throws -> (facts: RootfsFacts, created: Bool) {
        let file = path + "/archive"
        try Data(archive).write(to: URL(fileURLWithPath: file))
        let builder = RootfsBuilder(images: path + "/rootfs", temporary: path + "/temporary/1", limits: limits)
        return try builder.build(file, as: format, tag: tag, digest: hash(archive))
    }

    func derive(
        from base: RootfsFacts, _ layer: [UInt8], check: @escaping () throws -> Void = {}
    ) throws -> (facts: RootfsFacts, created: Bool) {
        let file = path + "/layer"
        try Data(layer).write(to: URL(fileURLWithPath: file))
        let builder = RootfsBuilder(
            images: path + "/rootfs", temporary: path + "/temporary/1", limits: limits, check: check)
        return try builder.derive(from: "\(path)/rootfs/\(base.digest.hex)", base, layer: file, digest: hash(layer))
    }

    /// What the archive is refused for; nothing of it may be left.
    func refusal(
        _ archive: [UInt8], as format: RootfsFormat = .tree, tag: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> String? {
        do {
            _ = try build(archive, as: format, tag: tag)
            return nil
        } catch let error as ArchiveError {
            #expect(left.isEmpty, "something is left", sourceLocation: sourceLocation)
            return error.sentence
        } catch {
            Issue.record(error, sourceLocation: sourceLocation)
            return nil
        }
    }

    /// Everything below the folders of images and of what is being made.
    var left: [String] {
        ["rootfs", "temporary"].flatMap {
            (try? FileManager.default.subpathsOfDirectory(atPath: "\(path)/\($0)")) ?? []
        }
    }

    func tree(_ facts: RootfsFacts) -> String { "\(path)/rootfs/\(facts.digest.hex)/tree" }

    /// `path mode` of all that is in an image, a link's with its target.
    func listing(_ facts: RootfsFacts) throws -> [String] {
        let top = tree(facts)
        return try FileManager.default.subpathsOfDirectory(atPath: top).sorted().map { name in
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(top)/\(name)")
            if attributes[.type] as? FileAttributeType == .typeSymbolicLink {
                return "\(name) -> \(try FileManager.default.destinationOfSymbolicLink(atPath: "\(top)/\(name)"))"
            }
            return name + " " + String(attributes[.posixPermissions] as? Int ?? 0, radix: 8)
        }
    }

    func text(_ name: String, _ facts: RootfsFacts) throws -> String {
        try String(contentsOfFile: "\(tree(facts))/\(name)", encoding: .utf8)
    }
}
