import PanalCore

/// One part of a path, as the bytes that it is: two that only look alike are two.
package struct ImageName: Hashable, Sendable, Comparable {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }
    package init(_ text: String) { bytes = Array(text.utf8) }

    package static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

/// Names of a layer's entries, held against what a name could do. Pure.
enum ImagePath {
    private static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")

    /// The parts of an entry's name without `.`; empty for the top folder.
    static func parts(of name: [UInt8], _ limits: RootfsLimits) throws(ArchiveError) -> [ImageName] {
        let shown = shown(name)
        // Some tools name the top folder so.
        guard name.first != slash || name.count == 1 else {
            throw ArchiveError(.forbidden, entry: shown, "is an absolute name")
        }
        guard name.count <= limits.pathBytes else {
            throw ArchiveError(.tooLarge, entry: shown, "is a name of more than \(limits.pathBytes) bytes")
        }
        guard String(validating: name, as: UTF8.self) != nil else {
            throw ArchiveError(.forbidden, entry: shown, "has a name that is not UTF-8")
        }
        var parts: [ImageName] = []
        for part in name.split(separator: slash) where !part.elementsEqual([dot]) {
            guard !part.elementsEqual([dot, dot]) else {
                throw ArchiveError(.forbidden, entry: shown, "leads out of its folder (‘..’)")
            }
            guard part.count <= 255 else {
                throw ArchiveError(.forbidden, entry: shown, "has a part longer than 255 bytes")
            }
            parts.append(ImageName(Array(part)))
        }
        guard parts.count <= limits.depth else {
            throw ArchiveError(.tooLarge, entry: shown, "lies deeper than \(limits.depth) folders")
        }
        return parts
    }

    /// What a link says, part by part, `..` among them, and whether it begins at the top.
    static func target(_ bytes: [UInt8]) -> (parts: [ImageName], isAbsolute: Bool) {
        let parts = bytes.split(separator: slash).filter { !$0.elementsEqual([dot]) }.map { ImageName(Array($0)) }
        return (parts, bytes.first == slash)
    }

    static func joined(_ parts: some Sequence<ImageName>) -> [UInt8] {
        Array(parts.map(\.bytes).joined(separator: [slash]))
    }

    /// A name that can stand in a message or a document.
    static func shown(_ name: [UInt8]) -> String {
        let scalars = String(decoding: name, as: UTF8.self).unicodeScalars
            .map { $0.value < 32 || (127...159).contains($0.value) ? "?" : $0 }
        let text = String(String.UnicodeScalarView(scalars))
        return text.count > 200 ? text.prefix(200) + "…" : text
    }
}

/// What an image may come to.
package struct RootfsLimits: Hashable, Sendable {
    /// Entries of all layers together.
    package var entries: Int
    /// Bytes of names and of links' targets of all layers together: they are in memory until the image is whole.
    package var nameBytes: Int
    /// What the finished image may take of the disk (`RootfsFacts.diskBytes`).
    package var diskBytes: Int
    /// Bytes of all layers together, unpacked, what later layers take away among them.
    package var bytes: Int
    /// Unpacked bytes for each packed one, counted once more than 64 MiB have been unpacked.
    package var ratio: Int
    /// Folders inside each other.
    package var depth: Int
    package var pathBytes: Int
    package var layers: Int
    /// Of one of an image's JSON documents.
    package var documentBytes: Int
    /// Steps along names and links that laying the layers upon each other takes, and entries that their marks make one look at. An
    /// entry below folders that are links takes about a dozen.
    package var steps: Int
    /// Of a layer behind its archive's end, and behind what was read at once with that: writers fill the end up to a whole record.
    package var tailBytes: Int

    package init(
        entries: Int = 1_000_000, nameBytes: Int = 64 << 20, diskBytes: Int = .max, bytes: Int = 32 << 30,
        ratio: Int = 200, depth: Int = 64, pathBytes: Int = 2_048,
        layers: Int = 256, documentBytes: Int = 4 << 20, steps: Int = 64_000_000, tailBytes: Int = 64 << 20
    ) {
        self.entries = entries
        self.nameBytes = nameBytes
        self.diskBytes = diskBytes
        self.bytes = bytes
        self.ratio = ratio
        self.depth = depth
        self.pathBytes = pathBytes
        self.layers = layers
        self.documentBytes = documentBytes
        self.steps = steps
        self.tailBytes = tailBytes
    }
}
