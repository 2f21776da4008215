import FoundationEssentials
import PanalCore

/// The JSON documents of an image, read and held against each other. Pure: `part` hands out what stands under a name. Of what they
/// say, nothing is believed that does not come out: digests and sizes are those of the bytes that are there.
struct ImageDocuments {
    /// One file of the archive or folder that an image came as.
    struct Part: Hashable, Sendable {
        var path: String
        var bytes: Int
        var hash: ContentHash
    }

    struct Plan: Hashable, Sendable {
        struct Layer: Hashable, Sendable {
            var part: Part
            /// What it has to come to without its compression; nil where nothing is said.
            var unpacked: ContentHash?
        }

        var layers: [Layer]
        var manifest: ContentHash?
        var configuration: RootfsConfiguration
        var system: String?
    }

    let parts: [String: Part]
    let limits: RootfsLimits
    /// What a part holds; parts larger than `documentBytes` are not asked for.
    let read: (Part) throws -> [UInt8]

    // MARK: What documents say

    private struct Descriptor: Decodable {
        struct Platform: Decodable {
            var architecture: String?
            var os: String?
        }

        var mediaType: String?
        var digest: String
        var size: Int
        var platform: Platform?
        var annotations: [String: String]?

        var tag: String? { annotations?["org.opencontainers.image.ref.name"] }
    }

    private struct Index: Decodable {
        var manifests: [Descriptor]
    }

    private struct Manifest: Decodable {
        var config: Descriptor
        var layers: [Descriptor]
    }

    private struct DockerImage: Decodable {
        var Config: String
        var RepoTags: [String]?
        var Layers: [String]
    }

    private struct Configuration: Decodable {
        struct Start: Decodable {
            var Env: [String]?
            var Entrypoint: [String]?
            var Cmd: [String]?
            var WorkingDir: String?
            var User: String?
        }

        struct Rootfs: Decodable {
            var diff_ids: [String]
        }

        var architecture: String?
        var os: String?
        var config: Start?
        var rootfs: Rootfs?
    }

    private func document<Value: Decodable>(_ part: Part, as type: Value.Type, _ name: String) throws -> Value {
        guard part.bytes <= limits.documentBytes else {
            throw ArchiveError(.tooLarge, entry: name, "has more than \(ByteCount.text(limits.documentBytes))")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(try read(part)))
        } catch is DecodingError {
            throw ArchiveError(.unreadable, entry: name, "is not as the OCI image specification has it")
        }
    }

    // MARK: OCI layout

    /// The image with this tag, the only one when nil.
    func layoutPlan(tag: String?, host: Architecture) throws -> Plan {
        guard let index = parts["index.json"] else {
            throw ArchiveError(.unreadable, "it is no OCI layout: index.json is missing")
        }
        var list = try document(index, as: Index.self, "index.json").manifests
        let tags = list.compactMap(\.tag).sorted().map { ImagePath.shown(Array($0.utf8)) }
        if let tag {
            list = list.filter { $0.tag == tag }
            guard !list.isEmpty else {
                let known = tags.isEmpty ? "none has a name" : "there are \(tags.prefix(20).joined(separator: ", "))"
                throw ArchiveError(.unreadable, "it has no image ‘\(ImagePath.shown(Array(tag.utf8)))’: \(known)")
            }
        }
        // An index may name another one for an image of several architectures.
        for _ in 0..<4 {
            let chosen = try choose(list, tags, host)
            let part = try blob(chosen, "a manifest")
            guard chosen.mediaType?.contains("index") == true || chosen.mediaType?.contains("manifest.list") == true
            else { return try plan(of: part) }
            list = try document(part, as: Index.self, "an index").manifests
        }
        throw ArchiveError(.forbidden, "its indices name each other more than 4 deep")
    }

    private func choose(_ list: [Descriptor], _ tags: [String], _ host: Architecture) throws -> Descriptor {
        if list.count == 1, let only = list.first { return only }
        let fitting = list.filter {
            $0.platform?.architecture == host.rawValue && $0.platform?.os ?? "linux" == "linux"
        }
        guard fitting.count == 1, let chosen = fitting.first else {
            let hint = tags.isEmpty ? "" : "; say which: \(tags.prefix(20).joined(separator: ", "))"
            let count = fitting.isEmpty ? list.count : fitting.count
            throw ArchiveError(
                .unreadable,
                list.isEmpty
                    ? "it holds no image"
                    : "it holds \(count) images, \(fitting.isEmpty ? "none of them" : "all") for \(host.rawValue)\(hint)"
            )
        }
        return chosen
    }

    private func plan(of manifestPart: Part) throws -> Plan {
        let manifest = try document(manifestPart, as: Manifest.self, "the manifest")
        let configuration = try document(
            try blob(manifest.config, "the configuration"), as: Configuration.self, "the configuration")
        let layers = try manifest.layers.map { layer in
            try Self.check(mediaType: layer.mediaType)
            return try blob(layer, "a layer")
        }
        return try plan(configuration, layers: layers, manifest: manifestPart.hash)
    }

    private static func check(mediaType: String?) throws {
        guard let mediaType else { return }
        let known = [
            "layer.v1.tar", "layer.v1.tar+gzip", "layer.v1.tar+zstd", "rootfs.diff.tar", "rootfs.diff.tar.gzip",
        ]
        guard known.contains(where: { mediaType.hasSuffix("image.\($0)") }) else {
            throw ArchiveError(
                .forbidden, "a layer's kind is ‘\(ImagePath.shown(Array(mediaType.utf8)))’; taken are tar, gzip, zstd")
        }
    }

    /// What a descriptor means, held against it.
    private func blob(_ descriptor: Descriptor, _ what: String) throws -> Part {
        let digest = try Self.hash(descriptor.digest)
        guard let part = parts["blobs/sha256/\(digest.hex)"] else {
            throw ArchiveError(.unreadable, "\(what) is missing: sha256:\(digest.hex)")
        }
        guard part.hash == digest else {
            throw ArchiveError(.forbidden, "\(what) is not what its digest says: sha256:\(digest.hex)")
        }
        guard part.bytes == descriptor.size else {
            throw ArchiveError(
                .forbidden, "\(what) has \(part.bytes) bytes, and \(descriptor.size) by its descriptor")
        }
        return part
    }

    private static func hash(_ digest: String) throws -> ContentHash {
        guard digest.hasPrefix("sha256:"), let hash = ContentHash(hex: String(digest.dropFirst(7))) else {
            throw ArchiveError(
                .forbidden, "‘\(ImagePath.shown(Array(digest.utf8)))’ is no digest; taken is sha256: and 64 digits")
        }
        return hash
    }

    // MARK: docker save

    func dockerPlan(tag: String?) throws -> Plan {
        guard let list = parts["manifest.json"] else {
            throw ArchiveError(.unreadable, "it is no docker archive: manifest.json is missing")
        }
        var images = try document(list, as: [DockerImage].self, "manifest.json")
        let tags = images.flatMap { $0.RepoTags ?? [] }.map { ImagePath.shown(Array($0.utf8)) }
        if let tag { images = images.filter { $0.RepoTags?.contains(tag) == true } }
        guard images.count == 1, let image = images.first else {
            let known = tags.isEmpty ? "" : "; say which: \(tags.prefix(20).joined(separator: ", "))"
            throw ArchiveError(.unreadable, "it holds \(images.count) such images\(known)")
        }
        guard let configuration = parts[image.Config] else {
            throw ArchiveError(
                .unreadable, "the configuration is missing: \(ImagePath.shown(Array(image.Config.utf8)))")
        }
        let layers = try image.Layers.map { name in
            guard let part = parts[name] else {
                throw ArchiveError(.unreadable, "a layer is missing: \(ImagePath.shown(Array(name.utf8)))")
            }
            return part
        }
        let parsed = try document(configuration, as: Configuration.self, "the configuration")
        guard parsed.rootfs != nil else {
            throw ArchiveError(.unreadable, "the configuration names no layers (rootfs.diff_ids)")
        }
        return try plan(parsed, layers: layers, manifest: nil)
    }

    // MARK: Both

    private func plan(_ configuration: Configuration, layers: [Part], manifest: ContentHash?) throws -> Plan {
        guard layers.count <= limits.layers else {
            throw ArchiveError(.tooLarge, "it has more than \(limits.layers) layers")
        }
        let unpacked = try configuration.rootfs?.diff_ids.map(Self.hash)
        if let unpacked, unpacked.count != layers.count {
            throw ArchiveError(
                .forbidden, "it has \(layers.count) layers, and \(unpacked.count) by its configuration")
        }
        let planned = layers.enumerated().map { number, part in
            Plan.Layer(part: part, unpacked: unpacked?[number])
        }
        return Plan(
            layers: planned, manifest: manifest, configuration: try Self.told(configuration), system: configuration.os)
    }

    /// What is kept of the configuration, bounded: it is shown to people, and its environment given to programs.
    private static func told(_ configuration: Configuration) throws -> RootfsConfiguration {
        var told = RootfsConfiguration()
        told.architecture = configuration.architecture
        told.environment = (configuration.config?.Env ?? []).filter(RootfsConfiguration.isVariable)
        told.entrypoint = configuration.config?.Entrypoint ?? []
        told.command = configuration.config?.Cmd ?? []
        told.workingFolder = configuration.config?.WorkingDir.flatMap { $0.isEmpty ? nil : $0 }
        told.user = configuration.config?.User.flatMap { $0.isEmpty ? nil : $0 }
        let texts =
            told.environment + told.entrypoint + told.command
            + [told.architecture, told.workingFolder, told.user].compactMap(\.self)
        guard texts.count <= 1_000, texts.reduce(0, { $0 + $1.utf8.count }) <= 64 << 10 else {
            throw ArchiveError(.tooLarge, "its configuration has more than 1000 texts or 64 KiB")
        }
        return told
    }
}
