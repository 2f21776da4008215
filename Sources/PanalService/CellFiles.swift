import Glibc
import PanalCore

/// What of this machine's files a cell sees: `/usr` and the folders that belong to it. The one place to say what is there: for a file
/// system of another kind it is to answer out of that one's tree, whose absolute links lead into itself and not to the host.
package struct CellFiles: Sendable {
    private let root: String
    private static let folders: Set<String> = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"]
    /// Where programs are looked for by name (`AttemptSpec.standardEnvironment`).
    static let programFolders = ["/usr/local/bin", "/usr/bin", "/bin"]

    /// `root` stands for `/` in tests.
    package init(root: String = "") { self.root = root }

    /// Whether there is a file that may be executed, behind all links.
    func isExecutable(_ path: String) -> Bool { mode(path).map { $0 & S_IFMT == S_IFREG && $0 & 0o111 != 0 } ?? false }

    func isFile(_ path: String) -> Bool { mode(path).map { $0 & S_IFMT == S_IFREG } ?? false }

    /// Where the name leads when it is looked up in `PATH`.
    func program(named name: String) -> String? {
        Self.programFolders.map { "\($0)/\(name)" }.first(where: isExecutable)
    }

    /// Whether the loader finds a library by its name alone.
    func hasLibrary(_ name: String) -> Bool { libraryFolders.contains { isFile("\($0)/\(name)") } }

    private var libraryFolders: [String] {
        #if arch(x86_64)
        let machine = "x86_64-linux-gnu"
        #else
        let machine = "aarch64-linux-gnu"
        #endif
        return ["/lib/\(machine)", "/usr/lib/\(machine)", "/lib", "/usr/lib", "/lib64", "/usr/lib64"]
            + ["/usr/local/lib", "/usr/local/lib/\(machine)"]
    }

    private func mode(_ path: String) -> UInt32? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        guard let first = parts.first, Self.folders.contains(String(first)), !parts.contains(".."),
            !path.utf8.contains(0)
        else { return nil }
        var found = stat()
        guard unsafe stat(root + path, &found) == 0 else { return nil }
        return found.st_mode
    }
}
