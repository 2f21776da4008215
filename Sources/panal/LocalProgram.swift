import FoundationEssentials
import Glibc
import PanalCore
import PanalManifest
import PanalPublication

/// A program as a server would have it after an upload, in a folder for cells of this machine: the same reader unpacks it, within the
/// same limits, and the same rules choose what is started.
struct LocalProgram {
    /// It is one of a kind here: nothing is looked up by it.
    static let content = StoredText.hash(of: [])

    /// The data folder that holds it and the files of its tests.
    let data: String
    let files: [ProgramFile]
    private let temporary: TemporaryFolder
    private var folder: String { "\(data)/\(ContentLayout.program(Self.content))" }

    /// `source` is an executable, a script, an archive or a folder. Throws `ServiceError` for what a server would refuse.
    init(_ source: String) throws {
        temporary = try TemporaryFolder("panal-test")
        data = temporary.path
        do {
            let folder = "\(data)/\(ContentLayout.program(Self.content))"
            try FileManager.default.createDirectory(atPath: "\(data)/programs", withIntermediateDirectories: false)
            try FileManager.default.createDirectory(atPath: "\(data)/blobs", withIntermediateDirectories: false)
            if Installation.isFolder(source) {
                let archive = try FolderArchive(of: source)
                defer { archive.remove() }
                try Self.unpack(archive.path, as: .tarGzip, to: folder)
            } else if let format = ArchiveFormat(fileName: source) {
                try Self.unpack(source, as: format, to: folder)
            } else {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
                let name = source.split(separator: "/").last.map(String.init) ?? source
                try FileManager.default.copyItem(atPath: source, toPath: "\(folder)/\(name)")
                try Self.setMode("\(folder)/\(name)", 0o700)
            }
            files = try Self.files(in: folder, "").sorted { $0.path < $1.path }
        } catch {
            temporary.remove()
            throw error
        }
    }

    func remove() {
        // Folders that nothing may be taken out of are no obstacle to root alone.
        for path in (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? [] {
            _ = unsafe chmod("\(folder)/\(path)", 0o700)
        }
        _ = unsafe chmod(folder, 0o700)
        temporary.remove()
    }

    /// Lets cells read everything, and nobody write it: as it stands once it is published.
    func open(starting entry: String) throws {
        for path in [data, "\(data)/programs", "\(data)/blobs"] { try Self.setMode(path, 0o755) }
        let folders = Set(files.flatMap { Self.parents(of: $0.path) })
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            let file = files.first { $0.path == path }
            let isRun = file == nil || file?.isExecutable == true || path == entry || folders.contains(path)
            try Self.setMode("\(folder)/\(path)", isRun ? 0o555 : 0o444)
        }
        try Self.setMode(folder, 0o555)
    }

    /// The bytes of a range of one of its files.
    func read(_ file: ProgramFile, _ range: Range<Int>) throws -> [UInt8] {
        let handle = unsafe Glibc.open("\(folder)/\(file.path)", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard handle >= 0 else { throw CommandFailure("\(file.path) cannot be read (errno \(errno))") }
        defer { close(handle) }
        var bytes = [UInt8](repeating: 0, count: range.count)
        let count = unsafe pread(handle, &bytes, bytes.count, range.lowerBound)
        guard count >= 0 else { throw CommandFailure("\(file.path) cannot be read (errno \(errno))") }
        return Array(bytes.prefix(count))
    }

    /// Puts bytes where cells find them, under their hash.
    func store(_ bytes: [UInt8]) throws -> (content: ContentHash, bytes: Int) {
        let content = StoredText.hash(of: bytes)
        let path = "\(data)/\(ContentLayout.blob(content))"
        let parent = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
        if !Installation.isFolder(parent) {
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: false)
            try Self.setMode(parent, 0o755)
        }
        if unsafe access(path, F_OK) != 0 {
            try Data(bytes).write(to: URL(filePath: path))
            try Self.setMode(path, 0o444)
        }
        return (content, bytes.count)
    }

    /// The file that a test submits, stored; nil where the program does not hold it.
    func store(_ value: ManifestTest.Value) throws -> (content: ContentHash, bytes: Int)? {
        switch value {
        case .text(let text), .inline(_, let text): return try store(Array(text.utf8))
        case .programFile(let path):
            guard let file = files.first(where: { $0.path == path }) else { return nil }
            return try store(try read(file, 0..<file.bytes))
        }
    }

    // MARK: Ways

    private static func unpack(_ archive: String, as format: ArchiveFormat, to folder: String) throws {
        let limits = ArchiveLimits()
        let name = archive.split(separator: "/").last.map(String.init) ?? archive
        let answer = "\(folder).answer"
        defer { _ = unsafe unlink(answer) }
        let words =
            [try Installation.companion("panal-unpack"), format.rawValue, archive, folder]
            + [limits.entries, limits.bytes, limits.ratio, limits.depth].map(String.init)
        let code = try ChildProcess.run("/bin/sh", ["-c", "exec \"$@\" >\"$0\" </dev/null", answer] + words)
        let said = String(decoding: FileManager.default.contents(atPath: answer) ?? Data(), as: UTF8.self)
            .split(separator: "\n").joined(separator: " ")
        switch code {
        case 0: return
        case 1: throw ServiceError(.unsupported, "‘\(name)’ is refused: \(said)")
        default: throw CommandFailure("\(archive) cannot be unpacked: \(said)")
        }
    }

    private static func files(in folder: String, _ prefix: String) throws -> [ProgramFile] {
        try FileManager.default.contentsOfDirectory(atPath: folder).flatMap { name -> [ProgramFile] in
            let path = "\(folder)/\(name)"
            if Installation.isFolder(path) { return try files(in: path, "\(prefix)\(name)/") }
            var found = stat()
            guard unsafe stat(path, &found) == 0 else {
                throw CommandFailure("\(path) cannot be read (errno \(errno))")
            }
            let handle = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
            defer { close(handle) }
            var head = [UInt8](repeating: 0, count: 256)
            let count = unsafe Glibc.read(handle, &head, head.count)
            guard count >= 0 else { throw CommandFailure("\(path) cannot be read (errno \(errno))") }
            return [
                ProgramFile(
                    path: "\(prefix)\(name)", bytes: Int(found.st_size), isExecutable: found.st_mode & 0o111 != 0,
                    head: Array(head.prefix(count)))
            ]
        }
    }

    private static func parents(of path: String) -> [String] {
        let parts = path.split(separator: "/").dropLast()
        return parts.indices.map { parts[...$0].joined(separator: "/") }
    }

    private static func setMode(_ path: String, _ mode: mode_t) throws {
        guard unsafe chmod(path, mode) == 0 else {
            throw CommandFailure("\(path) cannot be opened to cells (errno \(errno))")
        }
    }
}
