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
        let wish = Wish()
        return try await withTaskCancellationHandler {
            try await Self.run(on: line) { [self] in
                let blob = dataFolder + "/" + ContentLayout.blob(archive)
                guard try Files.look(blob) != nil else { throw BlobError.missing(archive) }
                var limits = limits
                limits.diskBytes = min(limits.diskBytes, maximumBytes)
                limits.bytes = min(limits.bytes, maximumBytes)
                // While it is being made, too, the disk is not given much more than the image may have: layers repeat some folders.
                limits.entries = min(limits.entries, maximumBytes / RootfsFacts.bytesOfAName + 10_000)
                let builder = RootfsBuilder(images: images, temporary: temporaryPath(), limits: limits) {
                    if wish.isOver.load(ordering: .relaxed) { throw CancellationError() }
                }
                return try builder.build(blob, as: format, tag: tag, digest: archive, configuration: configuration)
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
