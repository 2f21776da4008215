/// What an image is: told with it for as long as it is there. Nothing of it changes once the image is.
package struct RootfsFacts: Hashable, Sendable, Codable {
    package struct Layer: Hashable, Sendable, Codable {
        /// SHA-256 as the image's documents have it, packed or not; of the archive itself where there are none.
        package var digest: ContentHash
        package var bytes: Int

        package init(digest: ContentHash, bytes: Int) {
            self.digest = digest
            self.bytes = bytes
        }
    }

    /// Over paths, kinds, modes, link targets and contents.
    package var digest: ContentHash
    /// Of all files together, each counted once.
    package var bytes: Int
    package var files: Int
    package var folders: Int
    package var links: Int
    package var layers: [Layer]
    /// Of the OCI manifest; nil where it came without one.
    package var manifest: ContentHash?
    package var settings: RootfsConfiguration
    package var neutralised: NeutralisedEntries
    /// Names of files beyond the first of each: hard links. Nil where there are none.
    package var furtherNames: Int?

    /// What it takes of a disk, and of its owner's quota: a name costs as much as a small file, and a million empty ones are not nothing.
    package var diskBytes: Int { bytes + Self.bytesOfAName * (files + folders + links + (furtherNames ?? 0)) }
    package static let bytesOfAName = 4_096

    package init(
        digest: ContentHash, bytes: Int = 0, files: Int = 0, folders: Int = 0, links: Int = 0, layers: [Layer] = [],
        manifest: ContentHash? = nil, settings: RootfsConfiguration = RootfsConfiguration(),
        neutralised: NeutralisedEntries = NeutralisedEntries()
    ) {
        self.digest = digest
        self.bytes = bytes
        self.files = files
        self.folders = folders
        self.links = links
        self.layers = layers
        self.manifest = manifest
        self.settings = settings
        self.neutralised = neutralised
    }
}

/// What an image's author wants of whoever starts it (OCI image specification, config.md).
package struct RootfsConfiguration: Hashable, Sendable, Codable {
    /// `NAME=value`.
    package var environment: [String] = []
    package var entrypoint: [String] = []
    package var command: [String] = []
    package var workingFolder: String?
    /// Only told: every program in a cell runs as that cell's own user.
    package var user: String?
    package var architecture: String?

    package init() {}
}

/// What of an image's files was not taken as it was. Of each kind the first are named and all are counted.
package struct NeutralisedEntries: Hashable, Sendable, Codable {
    package static let mostNamed = 200

    /// Files and folders that had setuid or setgid bits, which are gone.
    package private(set) var privileged: [String] = []
    package private(set) var privilegedCount = 0
    /// Files that had capabilities, which are gone.
    package private(set) var capable: [String] = []
    package private(set) var capableCount = 0
    /// Devices, FIFOs and sockets, which were left out: `dev/null: character device`.
    package private(set) var skipped: [String] = []
    package private(set) var skippedCount = 0

    package init() {}

    package mutating func note(privileged name: [UInt8]) {
        privilegedCount += 1
        if privileged.count < Self.mostNamed { privileged.append(String(decoding: name, as: UTF8.self)) }
    }

    package mutating func note(capable name: [UInt8]) {
        capableCount += 1
        if capable.count < Self.mostNamed { capable.append(String(decoding: name, as: UTF8.self)) }
    }

    package mutating func note(skipped name: [UInt8], _ kind: String) {
        skippedCount += 1
        if skipped.count < Self.mostNamed { skipped.append("\(String(decoding: name, as: UTF8.self)): \(kind)") }
    }
}

extension RootfsConfiguration {
    /// Whether a text is `NAME=value` as a program's environment may hold it.
    package static func isVariable(_ text: String) -> Bool {
        guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")), !text.utf8.contains(0) else { return false }
        let name = text.utf8[..<equals]
        guard let first = name.first, !(0x30...0x39).contains(first) else { return false }
        return name.allSatisfy {
            (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "_")
        }
    }
}
