/// What an archive with an image is.
package enum RootfsFormat: String, Hashable, Sendable, CaseIterable {
    /// An OCI image layout as one tar archive.
    case layout = "oci"
    /// What `docker save` and `podman save` write.
    case docker = "docker-archive"
    /// The files themselves as one tar archive.
    case tree = "tar"
    /// Whichever of these it turns out to be.
    case any
}

/// Where images are kept, each as a folder that never changes once it is there. Calls block no thread of their callers'.
package protocol RootfsLibrary: Sendable {
    /// Makes an image of a blob, of at most `maximumBytes` on the disk (`RootfsFacts.diskBytes`). `configuration` is that of an archive
    /// that has none of its own. `created` is false when the same tree is there already.
    ///
    /// One is made at a time. Where its task is cancelled nothing of it stays. Throws `ArchiveError` where it is refused, `DiskFull`,
    /// `BlobError.missing`.
    func make(
        from archive: ContentHash, as format: RootfsFormat, tag: String?, configuration: RootfsConfiguration,
        maximumBytes: Int
    ) async throws -> (facts: RootfsFacts, created: Bool)

    /// Makes an image of another one and of a further layer of an OCI image, a blob: it may add `maximumBytes` to what the base takes of
    /// the disk (`RootfsFacts.diskBytes`). What the layer leaves alone the two share on the disk; either may be removed without the
    /// other one. The base's configuration and its layers are kept. Otherwise as `make`; `BlobError.missing` also where there is no base.
    func derive(
        from base: ContentHash, layer: ContentHash, maximumBytes: Int
    ) async throws -> (facts: RootfsFacts, created: Bool)

    /// The folder with the image's files, which never change while it is there; its links are to be followed inside it alone.
    func tree(of image: ContentHash) -> String
    /// Nil where there is no such image.
    func facts(of image: ContentHash) async throws -> RootfsFacts?
    /// All that are there.
    func images() async throws -> Set<ContentHash>
    /// Forgets an image; harmless where it is not there.
    func remove(_ image: ContentHash) async throws
}
