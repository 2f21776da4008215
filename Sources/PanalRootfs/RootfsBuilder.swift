import FoundationEssentials
import Glibc
import PanalArchive
package import PanalCore

/// Makes an image out of an archive, in a temporary folder that becomes the image in one step or goes without a trace.
///
/// In this order: documents and layers out of the archive that holds them, into files of their own; documents against layers; layers
/// into a tree in memory, contents into numbered files; the tree against what a cell needs; names on the disk; everything durable;
/// the rename. Names of an image meet the disk only once no layer can change any more what they mean, and then each below folders
/// that were made a moment before.
package struct RootfsBuilder {
    /// The folder in which images are, by their digests.
    package let images: String
    /// A path where there is nothing yet, in the same file system.
    package let temporary: String
    package let limits: RootfsLimits
    /// Asked now and then; throws where nobody wants the image any more.
    package let check: () throws -> Void

    package init(
        images: String, temporary: String, limits: RootfsLimits = RootfsLimits(),
        check: @escaping () throws -> Void = {}
    ) {
        self.images = images
        self.temporary = temporary
        self.limits = limits
        self.check = check
    }

    /// The image of the archive at `path`. `configuration` is of what has none of its own. `created` is false when the same tree is
    /// there already; what stands beside it is then the first one's.
    ///
    /// Throws `ArchiveError` where the image is refused, and `DiskFull`.
    package func build(
        _ path: String, as format: RootfsFormat, tag: String? = nil, digest: ContentHash,
        configuration: RootfsConfiguration = RootfsConfiguration()
    ) throws -> (facts: RootfsFacts, created: Bool) {
        try inTemporaryFolder {
            try build(Source(path: path, format: format, tag: tag, digest: digest, configuration: configuration))
        }
    }

    /// Whichever way `body` ends, nothing of it stays but an image that is whole.
    func inTemporaryFolder<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            try Files.makeFolder(temporary)
            // Where it has become the image there is nothing any more.
            defer { try? Files.removeTree(temporary) }
            return try ArchiveReader.inUTF8(body)
        } catch let error as FileError where error.errno == ENOSPC || error.errno == EDQUOT {
            throw DiskFull()
        }
    }

    private struct Source {
        var path: String
        var format: RootfsFormat
        var tag: String?
        var digest: ContentHash
        var configuration: RootfsConfiguration
    }

    private func build(_ source: Source) throws -> (RootfsFacts, Bool) {
        let plan = try plan(source)
        let contents = temporary + "/contents"
        try Files.makeFolder(contents)
        var tree = RootfsTree(limits: limits)
        var reader = LayerReader(
            folder: contents, limits: limits, hasWhiteouts: plan.isLayered, check: check)
        for (number, layer) in plan.plan.layers.enumerated() {
            let found: ContentHash?
            do {
                found = try reader.read(layer.part.path, into: &tree)
            } catch var error as ArchiveError where plan.plan.layers.count > 1 {
                error.detail += " (layer \(number + 1) of \(plan.plan.layers.count))"
                throw error
            }
            if let unpacked = layer.unpacked, unpacked != found {
                throw ArchiveError(
                    .forbidden, "layer \(number + 1) is not what the configuration says: sha256:\(unpacked.hex)")
            }
            // What no further layer is made of is needed no more.
            let isLast = !plan.plan.layers[(number + 1)...].contains { $0.part.path == layer.part.path }
            if plan.isLayered, isLast { try Files.removeFile(layer.part.path) }
        }
        if let refusal = RootfsCheck.refusal(
            tree, architecture: plan.plan.configuration.architecture, system: plan.plan.system)
        {
            throw refusal
        }
        let facts = try facts(
            of: tree, layers: plan.plan.layers.map { RootfsFacts.Layer(digest: $0.part.hash, bytes: $0.part.bytes) },
            manifest: plan.plan.manifest, settings: plan.plan.configuration, reader.neutralised)
        return try place(tree, facts, contents: contents)
    }

    private func plan(_ source: Source) throws -> (plan: ImageDocuments.Plan, isLayered: Bool) {
        let archive = OuterArchive(path: source.path, limits: limits, check: check)
        let shape = try source.format.shape ?? archive.shape()
        if shape == .tree {
            let bytes = try Files.look(source.path)?.size ?? 0
            let part = ImageDocuments.Part(path: source.path, bytes: bytes, hash: source.digest)
            let layer = ImageDocuments.Plan.Layer(part: part, unpacked: nil)
            return (
                ImageDocuments.Plan(layers: [layer], manifest: nil, configuration: source.configuration, system: nil),
                false
            )
        }
        let folder = temporary + "/parts"
        try Files.makeFolder(folder)
        let parts = try archive.parts(into: folder)
        let documents = ImageDocuments(parts: parts, limits: limits) { part in
            try OwnedDescriptor(opening: part.path, O_RDONLY | O_NOFOLLOW).read(at: 0, count: part.bytes)
        }
        let plan =
            try shape == .layout
            ? documents.layoutPlan(tag: source.tag, host: .current) : documents.dockerPlan(tag: source.tag)
        return (plan, true)
    }

    /// What a whole tree is. Throws where it is larger than an image may be.
    func facts(
        of tree: RootfsTree, layers: [RootfsFacts.Layer], manifest: ContentHash? = nil,
        settings: RootfsConfiguration, _ neutralised: NeutralisedEntries
    ) throws(ArchiveError) -> RootfsFacts {
        var facts = RootfsFacts(
            digest: RootfsDigest.of(tree), bytes: tree.contents.values.reduce(0) { $0 + $1.bytes },
            files: tree.contents.count, layers: layers, manifest: manifest, settings: settings,
            neutralised: neutralised)
        var names = 0
        tree.forEach { entry in
            switch entry.kind {
            case .folder: facts.folders += 1
            case .link: facts.links += 1
            case .file: names += 1
            }
        }
        if names > facts.files { facts.furtherNames = names - facts.files }
        guard facts.diskBytes <= limits.diskBytes else {
            throw ArchiveError(
                .tooLarge,
                "it takes \(ByteCount.text(facts.diskBytes)) of the disk, its names among them, and may take "
                    + ByteCount.text(limits.diskBytes))
        }
        return facts
    }

    // MARK: On the disk

    /// Gives a whole tree its place. What a file holds is in `contents`, or stays in the tree of `base` too.
    func place(
        _ tree: RootfsTree, _ facts: RootfsFacts, contents: String, base: BaseTree? = nil
    ) throws -> (RootfsFacts, Bool) {
        let target = "\(images)/\(facts.digest.hex)"
        if try Files.look(target) != nil { return (facts, false) }
        let image = temporary + "/image"
        try Files.makeFolder(image)
        try write(tree, to: image + "/tree", contents: contents, base)
        let file = try OwnedDescriptor(opening: image + "/image.json", O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        try file.write(Array(try encoder.encode(facts)))
        try Files.synchronizeFileSystem(of: image)
        try check()
        try Files.rename(image, to: target)
        try Files.synchronizeFolder(images)
        return (facts, true)
    }

    private func write(_ tree: RootfsTree, to top: String, contents: String, _ base: BaseTree?) throws {
        // Of a base's files that have as many names as can be, the copy that has the next ones.
        var copies: [Int: String] = [:]
        try tree.forEach { entry in
            try check()
            let path = entry.path.isEmpty ? top : top + "/" + String(decoding: entry.path, as: UTF8.self)
            switch entry.kind {
            case .folder:
                try Files.makeFolder(path)
                // Whatever the umask is.
                try Files.setMode(path, 0o755)
            case .link(let target): try Files.makeLink(target, at: path)
            case .file(let number):
                if let place = base?.path(of: number) {
                    if try link(copies[number] ?? place, to: path) == .copied { copies[number] = path }
                    return
                }
                let content = "\(contents)/\(number)"
                // Where it has several names they are made of the file itself, which goes with the temporary folder.
                if tree.contents[number]?.links ?? 1 > 1 {
                    try Files.link(content, to: path)
                } else {
                    try Files.rename(content, to: path)
                }
            }
        }
    }

    /// What stands beside the tree in an image's folder.
    package static func facts(at image: String) throws -> RootfsFacts {
        let file = try OwnedDescriptor(opening: image + "/image.json", O_RDONLY | O_NOFOLLOW)
        return try JSONDecoder().decode(RootfsFacts.self, from: Data(try file.read(at: 0, count: try file.size())))
    }
}

extension RootfsFormat {
    /// Nil where the archive has to be asked.
    fileprivate var shape: OuterArchive.Shape? {
        switch self {
        case .layout: .layout
        case .docker: .docker
        case .tree: .tree
        case .any: nil
        }
    }
}
