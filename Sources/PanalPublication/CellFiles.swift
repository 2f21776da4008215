import Glibc
import PanalCore

/// What a cell sees of files that are not its own: `/usr` of this machine and the folders that belong to it, or those of an image. The
/// one place to say what is there.
package struct CellFiles: Sendable {
    private let root: String
    private let isImage: Bool
    /// Where programs are looked for by name.
    let programFolders: [String]
    /// What to call it in a sentence, and whose folders these are.
    let title: String
    let owner: String

    private static let hostFolders: Set<String> = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"]
    /// What in a cell is never an image's.
    private static let cellFolders: Set<String> = ["dev", "proc", "sys", "run", "tmp", "work", "program", "input"]
    /// Links on one way, as many as the kernel follows.
    private static let mostLinks = 40
    private static let mostCacheBytes = 4 << 20

    /// Of this machine; `root` stands for `/` in tests.
    package init(root: String = "") {
        self.root = root
        isImage = false
        programFolders = Self.folders(of: AttemptSpec.standardEnvironment)
        (title, owner) = ("the file system of cells", "cells")
    }

    /// Of an image, whose files lie at `tree` and do not change, and whose variables are `environment`. Its links are followed inside it,
    /// as for a program that has it as its root.
    package init(image tree: String, named name: String, environment: [String]) {
        root = tree
        isImage = true
        let own = Self.folders(of: environment)
        programFolders = own.isEmpty ? Self.folders(of: AttemptSpec.standardEnvironment) : own
        (title, owner) = ("the file system ‘\(name)’", "‘\(name)’")
    }

    private static func folders(of environment: [String]) -> [String] {
        let path = environment.last { $0.hasPrefix("PATH=") } ?? ""
        return path.dropFirst("PATH=".count).split(separator: ":").prefix(64).map(String.init)
            .filter { $0.hasPrefix("/") }
    }

    /// Whether there is a file that may be executed, behind all links.
    func isExecutable(_ path: String) -> Bool { mode(path).map { $0 & S_IFMT == S_IFREG && $0 & 0o111 != 0 } ?? false }

    func isFile(_ path: String) -> Bool { mode(path).map { $0 & S_IFMT == S_IFREG } ?? false }

    /// Where the name leads when it is looked up in `PATH`.
    func program(named name: String) -> String? {
        programFolders.map { $0 == "/" ? "/\(name)" : "\($0)/\(name)" }.first(where: isExecutable)
    }

    /// Whether the loader finds a library by its name alone.
    func hasLibrary(_ name: String) -> Bool { libraryFolders.contains { isFile("\($0)/\(name)") } }

    /// What an image has told its loader of libraries in other folders, and anything else that stands between zeros in that file.
    func cachedLibraries() -> Set<String> {
        guard isImage, let path = place("/etc/ld.so.cache"), let found = Self.look(path),
            found.st_mode & S_IFMT == S_IFREG, found.st_size <= Self.mostCacheBytes
        else { return [] }
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Int(found.st_size))
        guard unsafe read(file, &bytes, bytes.count) == bytes.count else { return [] }
        return Set(bytes.split(separator: 0).compactMap { String(validating: $0, as: UTF8.self) })
    }

    private var libraryFolders: [String] {
        #if arch(x86_64)
        let machine = "x86_64-linux-gnu"
        #else
        let machine = "aarch64-linux-gnu"
        #endif
        return ["/lib/\(machine)", "/usr/lib/\(machine)", "/lib", "/usr/lib", "/lib64", "/usr/lib64"]
            + ["/usr/local/lib", "/usr/local/lib/\(machine)"]
    }

    // MARK: Ways

    private func mode(_ path: String) -> UInt32? {
        guard !path.utf8.contains(0) else { return nil }
        if isImage { return place(path).flatMap(Self.look)?.st_mode }
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        guard let first = parts.first, Self.hostFolders.contains(String(first)), !parts.contains("..") else {
            return nil
        }
        var found = stat()
        guard unsafe stat(root + path, &found) == 0 else { return nil }
        return found.st_mode
    }

    /// Where on this machine a path of the image's lies when its links have been followed inside the image; nil where it leads nowhere, or
    /// to what is the cell's own. No link is ever left to the kernel, for which `/` would be the host's.
    private func place(_ path: String) -> String? {
        var rest = Array(path.split(separator: "/").reversed())
        var way: [Substring] = []
        var links = 0
        while let part = rest.popLast() {
            if part == "." { continue }
            if part == ".." {
                _ = way.popLast()
                continue
            }
            if way.isEmpty, Self.cellFolders.contains(String(part)) { return nil }
            let next = root + "/" + (way + [part]).joined(separator: "/")
            guard next.utf8.count < Int(PATH_MAX), let found = Self.look(next) else { return nil }
            guard found.st_mode & S_IFMT == S_IFLNK else {
                way.append(part)
                continue
            }
            links += 1
            guard links <= Self.mostLinks, let target = Self.target(of: next) else { return nil }
            if target.hasPrefix("/") { way = [] }
            rest += target.split(separator: "/").reversed()
        }
        return root + "/" + way.joined(separator: "/")
    }

    /// The last part is not followed.
    private static func look(_ path: String) -> stat? {
        var found = stat()
        return unsafe lstat(path, &found) == 0 ? found : nil
    }

    private static func target(of path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink(path, &buffer, buffer.count)
        guard count > 0, count < buffer.count else { return nil }
        return String(validating: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
