import Glibc
package import PanalCore

/// The new folder that an archive is unpacked into. Paths come from `EntryPaths`, so each is made of plain names; every folder on the
/// way is made here, so nothing can lead out. It goes with its owner, unless it is handed over. It blocks its caller and is used by one
/// thread at a time.
package final class UnpackedFolder {
    package private(set) var files: [ProgramFile] = []
    package private(set) var folders: Set<String> = []
    /// Of all files together.
    package private(set) var bytes = 0
    package let path: String
    package let limits: ArchiveLimits
    private let onPiece: (_ place: String, _ piece: [UInt8]) -> Void
    private var paths: EntryPaths
    private var isOwned = true
    /// How much of each file `files` holds.
    private static let headBytes = 256

    /// Makes the folder, of mode 0700, where there is none. `onPiece` sees what is written to each file, in order; an empty file has
    /// no piece.
    package init(
        at path: String, limits: ArchiveLimits,
        onPiece: @escaping (_ place: String, _ piece: [UInt8]) -> Void = { _, _ in }
    ) throws {
        self.path = path
        self.limits = limits
        self.onPiece = onPiece
        paths = EntryPaths(limits: limits)
        try Files.makeFolder(path)
    }

    deinit {
        if isOwned { try? Files.removeTree(path) }
    }

    /// The folder is its caller's from here on.
    package func handOver() { isOwned = false }

    package func addFolder(_ name: String) throws {
        guard let place = try paths.add(name, isFolder: true) else { return }
        try makeFolders(place)
    }

    /// Adds a file with what `next` answers piece by piece, until that is empty.
    package func addFile(_ name: String, isExecutable: Bool, next: () throws -> [UInt8]) throws {
        guard let place = try paths.add(name, isFolder: false) else { return }
        if let slash = place.lastIndex(of: "/") { try makeFolders(String(place[..<slash])) }
        let file = try OwnedDescriptor(opening: path + "/" + place, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        var head: [UInt8] = []
        var size = 0
        var behind = WriteBehind()
        while true {
            let piece = try next()
            if piece.isEmpty { break }
            guard piece.count <= limits.bytes - bytes else { throw tooLarge }
            bytes += piece.count
            size += piece.count
            if head.count < Self.headBytes { head += piece.prefix(Self.headBytes - head.count) }
            onPiece(place, piece)
            try file.write(piece)
            try behind.note(size, in: file)
        }
        files.append(ProgramFile(path: place, bytes: size, isExecutable: isExecutable, head: head))
    }

    /// Adds a file with the content of another, which `put` brings to the path that it is told: nobody sees its pieces. Answers its place, nil
    /// where it is passed over.
    package func addFile(
        _ name: String, isExecutable: Bool, likeThat other: borrowing OwnedDescriptor, put: (String) throws -> Void
    ) throws -> String? {
        guard let place = try paths.add(name, isFolder: false) else { return nil }
        if let slash = place.lastIndex(of: "/") { try makeFolders(String(place[..<slash])) }
        let size = try other.size()
        guard size <= limits.bytes - bytes else { throw tooLarge }
        let head = try other.read(at: 0, count: Self.headBytes)
        try put(path + "/" + place)
        bytes += size
        files.append(ProgramFile(path: place, bytes: size, isExecutable: isExecutable, head: head))
        return place
    }

    private var tooLarge: ArchiveError {
        ArchiveError(.tooLarge, "it unpacks to more than \(ByteCount.text(limits.bytes))")
    }

    private func makeFolders(_ place: String) throws {
        var made = ""
        for part in place.split(separator: "/") {
            made += made.isEmpty ? String(part) : "/" + part
            if folders.insert(made).inserted { try Files.makeFolder(path + "/" + made) }
        }
    }
}
