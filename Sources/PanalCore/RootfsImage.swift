package typealias RootfsID = Identifier<RootfsImage>

/// What may be done with an image. UnaCloud's states of images; a change is a compare-and-set.
package enum RootfsState: String, Hashable, Sendable, Codable, CaseIterable {
    /// It could not be made, or its files are not there any more; its message says why. Only to be removed.
    case unavailable
    /// It is being made of an archive.
    case processing
    /// Jobs may begin in it.
    case available
    /// No job begins in it until somebody makes it available again.
    case disabled
    /// It is being made of a running job's files.
    case copying
    /// No job begins in it any more; it is gone once none uses it.
    case removing

    /// The states that may follow.
    package var next: Set<RootfsState> {
        switch self {
        case .processing, .copying: [.available, .unavailable]
        case .available: [.disabled, .removing, .unavailable]
        case .disabled: [.available, .removing, .unavailable]
        case .unavailable: [.removing]
        case .removing: []
        }
    }

    /// How long it may last, and what follows then; nil where nothing is waited for.
    package var deadline: (after: Duration, next: RootfsState)? {
        switch self {
        case .processing, .copying: (.seconds(1_800), .unavailable)
        case .unavailable, .available, .disabled, .removing: nil
        }
    }
}

/// An image as its owner and operators see it. Several may share one tree; it goes with the last of them.
package struct RootfsImage: Hashable, Sendable, Identifiable {
    package let id: RootfsID
    /// For people: what its owner calls it.
    package var name: String
    package var owner: UserID
    /// Whether everybody's programs may run in it; else only its owner's.
    package var isPublic: Bool
    package var state: RootfsState
    /// The tree; nil until it has been made.
    package var digest: ContentHash?
    /// What it takes of the disk (`RootfsFacts.diskBytes`); 0 until it has been made.
    package var bytes: Int
    /// `NAME=value`, for programs whose manifests say nothing else.
    package var environment: [String]
    package var created: Timestamp
    /// When the state was last changed.
    package var changed: Timestamp
    /// Why it is as it is, and what of a job's files could not be taken.
    package var message: String?
    /// The job whose files it was made of; nil for what was imported. The job may be gone.
    package let origin: JobID?

    package init(
        id: RootfsID, name: String, owner: UserID, isPublic: Bool, state: RootfsState, digest: ContentHash? = nil,
        bytes: Int = 0, environment: [String] = [], created: Timestamp, changed: Timestamp, message: String? = nil,
        origin: JobID? = nil
    ) {
        self.origin = origin
        self.id = id
        self.name = name
        self.owner = owner
        self.isPublic = isPublic
        self.state = state
        self.digest = digest
        self.bytes = bytes
        self.environment = environment
        self.created = created
        self.changed = changed
        self.message = message
    }
}

/// A name that manifests use, and the image that it means at this moment.
package struct RootfsAlias: Hashable, Sendable {
    /// `python`, `python:3.11`, or with a star at its end for all names that begin so: `debian:*`.
    package var name: String
    package var image: RootfsID

    package init(name: String, image: RootfsID) {
        self.name = name
        self.image = image
    }
}

/// Images and their names; a few thousand at most.
package protocol RootfsStore: Sendable {
    /// The oldest first.
    func rootfsImages() async throws -> [RootfsImage]
    /// With the request that it was asked for by, where that has a key. Throws `StoreError.repeated` where another one had the same key
    /// since then.
    func insert(_ image: RootfsImage, mark: RetryMark?, marksSince: Timestamp) async throws
    /// Throws `StoreError.changed` where it is not as `expected`, in which case nothing happens.
    func replace(_ expected: RootfsImage, with image: RootfsImage) async throws
    /// With the names that lead to it.
    func deleteRootfsImage(_ id: RootfsID) async throws
    /// By name.
    func rootfsAliases() async throws -> [RootfsAlias]
    /// Gives a name to an image, or takes it away. Throws `StoreError.unknown` where there is no such image.
    func setRootfsAlias(_ name: String, to image: RootfsID?) async throws
    /// Jobs that have not ended and run, or are to run, in this tree.
    func unfinishedJobs(in rootfs: ContentHash) async throws -> Int
}

extension RootfsStore {
    /// One that was asked for without a key.
    package func insert(_ image: RootfsImage) async throws {
        try await insert(image, mark: nil, marksSince: image.created)
    }
}
