import CLibarchive
import Crypto
import Glibc
import PanalArchive
import PanalCore

/// The tar archive that an image's documents and layers came in: its files become numbered files of a folder, by their names.
struct OuterArchive {
    /// What an archive is by the names at its top.
    enum Shape {
        case layout, docker, tree
    }

    let path: String
    let limits: RootfsLimits
    let check: () throws -> Void

    /// By its first 10,000 names: an OCI layout and docker's archives have theirs at the top, and no image's own tree has both.
    func shape() throws -> Shape {
        var names: Set<String> = []
        var count = 0
        try unsafe forEach { entry, _ in
            count += 1
            if let name = unsafe LayerReader.bytes(archive_entry_pathname(entry)),
                unsafe archive_entry_filetype(entry) == S_IFREG
            {
                let parts = try ImagePath.parts(of: name, limits)
                if parts.count == 1, let first = parts.first {
                    names.insert(String(decoding: first.bytes, as: UTF8.self))
                }
                // A tree has its programs somewhere.
                if parts.count > 1, ["usr", "bin", "etc"].contains(where: { Array($0.utf8) == parts[0].bytes }) {
                    names.insert("/tree")
                }
            }
            return !names.contains("/tree") && count < 10_000
        }
        if names.contains("/tree") { return .tree }
        if names.isSuperset(of: ["oci-layout", "index.json"]) { return .layout }
        return names.contains("manifest.json") ? .docker : .tree
    }

    /// Writes each file to `folder`; answers them by name. Links between them, which old archives have for layers that two images
    /// share, are followed once.
    func parts(into folder: String) throws -> [String: ImageDocuments.Part] {
        var parts: [String: ImageDocuments.Part] = [:]
        var links: [(String, [UInt8])] = []
        var bytes = 0
        try unsafe forEach { entry, archive in
            let raw = unsafe LayerReader.bytes(archive_entry_pathname(entry)) ?? []
            let names = try ImagePath.parts(of: raw, limits)
            guard let name = String(validating: ImagePath.joined(names), as: UTF8.self) else {
                throw ArchiveError(.forbidden, entry: ImagePath.shown(raw), "has a name that is no text")
            }
            if let target = unsafe LayerReader.bytes(archive_entry_symlink(entry)),
                unsafe archive_entry_filetype(entry) == S_IFLNK
            {
                links.append((name, ImagePath.joined(names.dropLast()) + [UInt8(ascii: "/")] + target))
                return true
            }
            guard unsafe archive_entry_hardlink(entry) == nil, unsafe archive_entry_filetype(entry) == S_IFREG else {
                return true
            }
            guard parts[name] == nil else {
                throw ArchiveError(.forbidden, entry: ImagePath.shown(raw), "is there twice")
            }
            let place = "\(folder)/\(parts.count)"
            parts[name] = try unsafe write(archive, to: place, &bytes)
            return true
        }
        for (name, target) in links {
            guard parts[name] == nil, let place = Self.lexical(target), let part = parts[place] else { continue }
            parts[name] = part
        }
        return parts
    }

    private func write(_ archive: OpaquePointer, to place: String, _ bytes: inout Int) throws -> ImageDocuments.Part {
        let file = try OwnedDescriptor(opening: place, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        var hash = SHA256()
        var size = 0
        while true {
            var count = 0
            let piece = unsafe [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, filled in
                unsafe count = archive_read_data(archive, buffer.baseAddress, buffer.count)
                filled = max(count, 0)
            }
            guard count >= 0 else { throw unsafe unreadable(archive) }
            if count == 0 { break }
            guard count <= limits.bytes - bytes else {
                throw ArchiveError(.tooLarge, "its files have more than \(ByteCount.text(limits.bytes))")
            }
            bytes += count
            size += count
            hash.update(data: piece)
            try file.write(piece)
            try check()
        }
        return ImageDocuments.Part(path: place, bytes: size, hash: ContentHash(hash))
    }

    /// `a/../b` as `b`; nil where it leads out.
    static func lexical(_ target: [UInt8]) -> String? {
        var way: [ImageName] = []
        for part in ImagePath.target(target).parts {
            if part.bytes == Array("..".utf8) {
                guard way.popLast() != nil else { return nil }
            } else {
                way.append(part)
            }
        }
        return String(validating: ImagePath.joined(way), as: UTF8.self)
    }

    private func forEach(_ body: (OpaquePointer, OpaquePointer) throws -> Bool) throws {
        // Whoever reads it asks by itself, for each file and each piece.
        let stream = try DecodedStream(path: path, limits: limits, isHashed: false, check: {})
        // The reader below knows it by its address alone.
        defer { withExtendedLifetime(stream) {} }
        guard let archive = unsafe archive_read_new() else { throw FileError("archive_read_new", path, errno: ENOMEM) }
        defer { unsafe archive_read_free(archive) }
        unsafe archive_read_support_format_tar(archive)
        guard unsafe stream.feed(archive) == ARCHIVE_OK else { throw stream.failure ?? (unsafe unreadable(archive)) }
        var count = 0
        while true {
            var entry: OpaquePointer?
            let status = unsafe archive_read_next_header(archive, &entry)
            if status == ARCHIVE_EOF { break }
            guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let entry = unsafe entry else {
                throw stream.failure ?? (unsafe unreadable(archive))
            }
            count += 1
            guard count <= min(limits.entries, 100_000) else {
                throw ArchiveError(.tooLarge, "it holds more than \(min(limits.entries, 100_000)) files")
            }
            try check()
            guard try unsafe body(entry, archive) else { return }
        }
        guard count > 0 else { throw ArchiveError(.unreadable, "it is empty or no tar archive") }
    }

    private func unreadable(_ archive: OpaquePointer) -> ArchiveError {
        let reason = unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? "no reason given"
        return ArchiveError(.unreadable, "it is damaged or no tar archive (\(reason))")
    }
}
