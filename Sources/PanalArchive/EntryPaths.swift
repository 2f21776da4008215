import PanalCore

/// Names in an archive, held against everything that a name could do to the host or to the next entry. Pure: it makes no file.
struct EntryPaths {
    private enum Kind {
        case file
        case folder
    }

    private let limits: ArchiveLimits
    /// By the name without case, so that two that a case-insensitive file system would merge are seen.
    private var known: [String: (spelling: String, kind: Kind)] = [:]

    init(limits: ArchiveLimits) {
        self.limits = limits
    }

    /// Files and folders so far, implied folders among them.
    var count: Int { known.count }

    /// Takes one entry in. Answers its path without `./` and a trailing `/`, nil for the top folder itself.
    mutating func add(_ name: String, isFolder: Bool) throws(ArchiveError) -> String? {
        let shown = Self.shown(name)
        guard !name.hasPrefix("/") else { throw ArchiveError(.forbidden, entry: shown, "is an absolute name") }
        guard name.utf8.count <= 1_024 else {
            throw ArchiveError(.forbidden, entry: shown, "is longer than 1024 bytes")
        }
        var parts: [String] = []
        for part in name.split(separator: "/", omittingEmptySubsequences: true) where part != "." {
            try Self.check(String(part), in: shown)
            parts.append(String(part))
        }
        guard let last = parts.last else {
            guard isFolder else { throw ArchiveError(.forbidden, entry: shown, "has no name") }
            return nil
        }
        guard parts.count - 1 <= limits.depth else {
            throw ArchiveError(.tooLarge, entry: shown, "lies deeper than \(limits.depth) folders")
        }
        guard isFolder || name.utf8.last != UInt8(ascii: "/") else {
            throw ArchiveError(.forbidden, entry: shown, "is a file whose name ends like a folder's")
        }
        var path = ""
        for part in parts.dropLast() {
            path += path.isEmpty ? part : "/" + part
            try note(path, .folder, in: shown)
        }
        path += path.isEmpty ? last : "/" + last
        try note(path, isFolder ? .folder : .file, in: shown)
        guard known.count <= limits.entries else {
            throw ArchiveError(.tooLarge, "it holds more than \(limits.entries) files and folders")
        }
        return path
    }

    private mutating func note(_ path: String, _ kind: Kind, in shown: String) throws(ArchiveError) {
        let key = path.lowercased()
        guard let before = known[key] else {
            known[key] = (path, kind)
            return
        }
        guard Array(before.spelling.utf8) == Array(path.utf8) else {
            throw ArchiveError(
                .forbidden, entry: shown,
                "differs from ‘\(before.spelling)’ only in case or in how letters are composed")
        }
        guard before.kind == .folder, kind == .folder else {
            let detail = before.kind == kind ? "is there twice" : "is a file and a folder at once"
            throw ArchiveError(.forbidden, entry: shown, detail)
        }
    }

    private static func check(_ part: String, in shown: String) throws(ArchiveError) {
        guard part != ".." else { throw ArchiveError(.forbidden, entry: shown, "leads out of its folder (‘..’)") }
        guard part.utf8.count <= 255 else {
            throw ArchiveError(.forbidden, entry: shown, "has a part longer than 255 bytes")
        }
        guard !part.contains("\\") else {
            throw ArchiveError(.forbidden, entry: shown, "holds a backslash: parts are separated by ‘/’")
        }
        guard !part.unicodeScalars.contains(where: { $0.value < 32 || (127...159).contains($0.value) }) else {
            throw ArchiveError(.forbidden, entry: shown, "holds a control character")
        }
    }

    /// A name that can stand in a message: no control characters, not long.
    static func shown(_ name: String) -> String {
        let scalars = name.unicodeScalars.map { $0.value < 32 || (127...159).contains($0.value) ? "?" : $0 }
        let text = String(String.UnicodeScalarView(scalars))
        return text.count > 100 ? text.prefix(100) + "…" : text
    }
}
