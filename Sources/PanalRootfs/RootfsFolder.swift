import Dispatch
import PanalArchive
package import PanalCore
import Synchronization

/// The images of one data folder: `rootfs/<digest>/` with `tree/` and `image.json`. What is being made or removed lies in the data
/// folder's `temporary/`, which each start of a server empties.
package final class RootfsFolder: RootfsLibrary {
    private let dataFolder: String
    private let limits: RootfsLimits
    /// One after the other: a second one at the same time would take the disk and the memory that the first one counts on.
    private let line = DispatchQueue(label: "panal.rootfs")
    private let glances = DispatchQueue(label: "panal.rootfs.glances")
    private let counter = Atomic<Int>(0)

    /// The data folder is one that a store has opened.
    package init(dataFolder: String, limits: RootfsLimits = RootfsLimits()) throws {
        self.dataFolder = dataFolder
        self.limits = limits
        try Files.makeFolder(images)
    }

    private var images: String { dataFolder + "/rootfs" }
    private func path(_ image: ContentHash) -> String { dataFolder + "/" + ContentLayout.rootfs(image) }
    private func temporaryPath() -> String {
        "\(dataFolder)/temporary/rootfs-\(counter.add(1, ordering: .relaxed).newValue)"
    }

    private static func run<Value: Sendable>(
        on queue: DispatchQueue, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: body)) }
        }
    }

    package func make(
        from archive: ContentHash, as format: RootfsFormat, tag: String?, configuration: RootfsConfiguration,
        maximumBytes: Int
    ) async throws -> (facts: RootfsFacts, created: Bool) {
        try await inLine { [self] check in
            let blob = try blob(archive)
            var limits = limits
            limits.diskBytes = min(limits.diskBytes, maximumBytes)
            limits.bytes = min(limits.bytes, maximumBytes)
            // While it is being made, too, the disk is not given much more than the image may have: layers repeat some folders.
            limits.entries = min(limits.entries, maximumBytes / RootfsFacts.bytesOfAName + 10_000)
            let builder = RootfsBuilder(images: images, temporary: temporaryPath(), limits: limits, check: check)
            return try builder.build(blob, as: format, tag: tag, digest: archive, configuration: configuration)
        }
    }

    package func derive(
        from base: ContentHash, layer: ContentHash, maximumBytes: Int
    ) async throws -> (facts: RootfsFacts, created: Bool) {
        try await inLine { [self] check in
            let blob = try blob(layer)
            guard try Files.look(path(base)) != nil else { throw BlobError.missing(base) }
            let facts = try RootfsBuilder.facts(at: path(base))
            var limits = limits
            limits.diskBytes = min(limits.diskBytes, Self.sum(facts.diskBytes, maximumBytes))
            limits.bytes = min(limits.bytes, maximumBytes)
            let names = facts.files + facts.folders + facts.links
            limits.entries = min(
                limits.entries, Self.sum(names, maximumBytes / RootfsFacts.bytesOfAName + 10_000))
            let builder = RootfsBuilder(images: images, temporary: temporaryPath(), limits: limits, check: check)
            return try builder.derive(from: path(base), facts, layer: blob, digest: layer)
        }
    }

    private static func sum(_ first: Int, _ second: Int) -> Int {
        let (sum, isOver) = first.addingReportingOverflow(second)
        return isOver ? .max : sum
    }

    private func blob(_ hash: ContentHash) throws -> String {
        let blob = dataFolder + "/" + ContentLayout.blob(hash)
        guard try Files.look(blob) != nil else { throw BlobError.missing(hash) }
        return blob
    }

    /// Does `body` when it is its turn. It is to ask now and then whether somebody still waits for it.
    private func inLine<Value: Sendable>(
        _ body: @escaping @Sendable (_ check: @escaping () throws -> Void) throws -> Value
    ) async throws -> Value {
        let wish = Wish()
        return try await withTaskCancellationHandler {
            try await Self.run(on: line) {
                let check = { if wish.isOver.load(ordering: .relaxed) { throw CancellationError() } }
                try check()
                return try body(check)
            }
        } onCancel: {
            wish.isOver.store(true, ordering: .relaxed)
        }
    }

    package func tree(of image: ContentHash) -> String { path(image) + "/tree" }

    package func facts(of image: ContentHash) async throws -> RootfsFacts? {
        try await Self.run(on: glances) { [self] in
            guard try Files.look(path(image)) != nil else { return nil }
            return try RootfsBuilder.facts(at: path(image))
        }
    }

    package func images() async throws -> Set<ContentHash> {
        try await Self.run(on: glances) { [self] in Set(try Files.names(in: images).compactMap(ContentHash.init(hex:)))
        }
    }

    package func remove(_ image: ContentHash) async throws {
        try await Self.run(on: line) { [self] in
            guard try Files.look(path(image)) != nil else { return }
            // It is gone in one step; what a cut leaves in the temporary folder goes at the next start.
            let place = temporaryPath()
            try Files.rename(path(image), to: place)
            try Files.synchronizeFolder(images)
            try Files.removeTree(place)
        }
    }
}

/// Whether somebody still waits for what is being made.
private final class Wish: Sendable {
    let isOver = Atomic<Bool>(false)
}
