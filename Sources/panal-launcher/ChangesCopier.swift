internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// Writes what a program has changed in its root as a layer of an OCI image (image-spec, layer.md): the upper folder of its overlay, with
/// what it has removed as files called `.wh.<name>`, and `.wh..wh..opq` in a folder that hides what the image has there.
///
/// The names and files are a program's, and taken as the `Collector` takes them: one component at a time below an open folder, without links of any kind,
/// within the scratch. Nothing is opened but folders and regular files. What no image can have is told and left out: an image is read back
/// by `PanalRootfs` within the same bounds.
struct ChangesCopier: ~Copyable {
    private let isOrdinary: Bool
    private var archive: LayerArchive
    private(set) var skipped: [String] = []
    private var skippedMore = 0
    private var entriesLeft = Self.mostEntries
    private var nameBytesLeft = Self.mostNameBytes
    /// Files with several names, by their numbers: the first name of each.
    private var names: [UInt64: [UInt8]] = [:]

    /// As an image may have them.
    private static let mostEntries = 1_000_000
    private static let mostNameBytes = 64 << 20
    private static let depth = 64
    private static let longestPath = 2_000
    /// More files with several names than that are copied for each of them.
    private static let mostNames = 65_536
    private static let together = 1 << 20

    /// `file` stays the caller's.
    init(file: Int32, maximumBytes: UInt64, isOrdinary: Bool) {
        self.isOrdinary = isOrdinary
        archive = LayerArchive(file: file, maximumBytes: maximumBytes)
    }

    mutating func copy(scratch: borrowing Descriptor) throws(StepFailure) -> CopyReport {
        let upper = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            try Descriptor.open(beneath: scratch, WritableRoot.upper, O_RDONLY | O_DIRECTORY)
        }
        try visit(upper, path: [], depth: 0)
        try archive.finish()
        if skippedMore > 0 { skipped.append("\(skippedMore) more were left out") }
        return .done(bytes: archive.bytes, skipped: skipped)
    }

    private static let step = "copy.read"

    /// What is left out, with its reason; as one line whatever its name is.
    private mutating func leave(_ path: [UInt8], _ reason: String) {
        guard skipped.count < CopyReport.mostSkipped - 1 else { return skippedMore += 1 }
        let scalars = String(decoding: path.prefix(CopyReport.longestSkipped / 4), as: UTF8.self).unicodeScalars
            .map { $0.value < 32 || (127...159).contains($0.value) ? "?" : $0 }
        skipped.append("\(String(String.UnicodeScalarView(scalars))): \(reason)")
    }

    private mutating func visit(_ folder: borrowing Descriptor, path: [UInt8], depth: Int) throws(StepFailure) {
        let limit = entriesLeft
        let names = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            try Folders.names(in: try Descriptor.open(beneath: folder, ".", O_RDONLY | O_DIRECTORY), limit: limit + 1)
        }
        nameBytesLeft -= names.reduce(0) { $0 + $1.count + path.count }
        entriesLeft -= names.count
        guard entriesLeft >= 0, nameBytesLeft >= 0 else {
            throw StepFailure(
                step: "copy.entries",
                detail:
                    "the program has changed more than \(Self.mostEntries) files and folders, or their paths have more than "
                    + "\(Self.mostNameBytes) bytes", errno: EFBIG)
        }
        for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            try visitEntry(folder, name, path: path + name, depth: depth + 1)
        }
    }

    private mutating func visitEntry(
        _ folder: borrowing Descriptor, _ bytes: [UInt8], path: [UInt8], depth: Int
    ) throws(StepFailure) {
        guard let name = String(validating: bytes, as: UTF8.self) else { return leave(path, "its name is not UTF-8") }
        guard !bytes.starts(with: Self.mark) else {
            return leave(path, "names that begin with ‘.wh.’ are marks in an image")
        }
        guard depth <= Self.depth else { return leave(path, "it is more than \(Self.depth) folders deep") }
        guard path.count <= Self.longestPath else {
            return leave(path, "its path has more than \(Self.longestPath) bytes")
        }
        var found = [UInt64](repeating: 0, count: 6)
        try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_entry_status(folder.raw, name, &found), "fstatat")
        }
        let mode = UInt32(truncatingIfNeeded: found[0])
        var entry = LayerArchive.Entry(
            path: path, kind: .file, mode: mode, modified: Int64(bitPattern: found[5]), size: found[2])
        switch mode & S_IFMT {
        case S_IFDIR: try copyFolder(folder, name, &entry, depth: depth)
        case S_IFREG: try copyFile(folder, name, &entry, links: found[1], number: found[3])
        case S_IFLNK: try copyLink(folder, name, &entry)
        case S_IFCHR where found[4] == 0:
            try archive.add(.init(path: path.dropLast(bytes.count) + Self.mark + bytes, kind: .file))
        case S_IFSOCK: leave(path, "it is a socket")
        case S_IFIFO: leave(path, "it is a FIFO")
        default: leave(path, "it is a device")
        }
    }

    private static let mark = Array(".wh.".utf8)
    private static let opaque = Array(".wh..wh..opq".utf8)

    private mutating func copyFolder(
        _ folder: borrowing Descriptor, _ name: String, _ entry: inout LayerArchive.Entry, depth: Int
    ) throws(StepFailure) {
        let isOrdinary = isOrdinary
        let opened = try open(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        let isOpaque = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            try WritableRoot.isOpaque(opened, isOrdinary: isOrdinary)
        }
        (entry.kind, entry.path) = (.folder, entry.path + [UInt8(ascii: "/")])
        try archive.add(entry)
        if isOpaque { try archive.add(.init(path: entry.path + Self.opaque, kind: .file)) }
        try visit(opened, path: entry.path, depth: depth)
    }

    private mutating func copyLink(
        _ folder: borrowing Descriptor, _ name: String, _ entry: inout LayerArchive.Entry
    ) throws(StepFailure) {
        let target = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            var target = [CChar](repeating: 0, count: 4_096)
            let length = try SystemCallFailure.check(
                unsafe panal_read_link(folder.raw, name, &target, target.count), "readlinkat")
            return target.prefix(Int(length)).map { UInt8(bitPattern: $0) }
        }
        guard String(validating: target, as: UTF8.self) != nil else {
            return leave(entry.path, "it is a link to a place whose name is not UTF-8")
        }
        (entry.kind, entry.target) = (.link, target)
        try archive.add(entry)
    }

    private mutating func copyFile(
        _ folder: borrowing Descriptor, _ name: String, _ entry: inout LayerArchive.Entry, links: UInt64, number: UInt64
    ) throws(StepFailure) {
        if links > 1 {
            if let first = names[number] {
                (entry.kind, entry.target) = (.hardLink, first)
                return try archive.add(entry)
            }
            if names.count < Self.mostNames { names[number] = entry.path }
        }
        let file = try open(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)
        let status = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in try file.status() }
        guard status.isRegular, UInt64(clamping: status.bytes) == entry.size else { throw Self.changed }
        try archive.add(entry)
        var left = entry.size
        while left > 0 {
            let most = Int(min(left, UInt64(Self.together)))
            let part = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in try file.read(atMost: most) }
            guard !part.isEmpty else { throw Self.changed }
            try archive.add(part)
            left -= UInt64(part.count)
        }
        try archive.pad(after: entry.size)
    }

    private static let changed = StepFailure.mismatch(step, "a file became another while it was copied")

    private func open(
        _ folder: borrowing Descriptor, _ name: String, _ flags: Int32
    ) throws(StepFailure) -> Descriptor {
        try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            try Descriptor.open(beneath: folder, name, flags)
        }
    }
}
