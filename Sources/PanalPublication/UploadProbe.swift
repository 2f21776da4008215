package import PanalCore
package import PanalManifest

/// Looks at what a program is started with before it is published, so that what no cell could start is named with what would be right.
/// The kernel and the loader have the last word: what this cannot tell it lets pass.
package struct UploadProbe: Sendable {
    let files: [ProgramFile]
    let cell: CellFiles
    /// Folders of `LD_LIBRARY_PATH`, where the manifest or the image sets it.
    let libraryPath: [String]
    /// Whether the manifest says itself where programs are looked for.
    private let hasOwnPath: Bool

    /// `environment`: the image's, `NAME=value`.
    package init(files: [ProgramFile], cell: CellFiles, manifest: Manifest, environment: [String] = []) {
        self.files = files
        self.cell = cell
        let name = "LD_LIBRARY_PATH"
        let ofImage = environment.last { $0.hasPrefix("\(name)=") }?.dropFirst(name.count + 1)
        let value = manifest.environment.first { $0.name == name }?.value ?? ofImage.map(String.init) ?? ""
        libraryPath = value.split(separator: ":").map(String.init)
        hasOwnPath = manifest.environment.contains { $0.name == "PATH" }
    }

    /// Why `entry` could not be started in a cell; nil when nothing speaks against it.
    func refusal(of entry: ProgramFile, read: (Range<Int>) async throws -> [UInt8]) async throws -> String? {
        if entry.head.starts(with: Array("#!".utf8)) { return refusal(ofScript: entry) }
        do {
            return refusal(of: try await ExecutableFile(size: entry.bytes, read: read), entry.path)
        } catch let damage as ExecutableFile.Damage {
            return "‘\(entry.path)’ is a damaged executable: \(damage.detail)"
        }
    }

    /// Why the first word of a command that names no file of the program leads nowhere.
    func refusal(ofCommand word: String) -> String? {
        guard !word.contains("{"), !word.isEmpty else { return nil }
        if word.contains("/") {
            guard word.hasPrefix("/"), !word.hasPrefix("/program/") else { return nil }
            return cell.isExecutable(word) ? nil : "begins with ‘\(word)’, which is not in \(cell.title)"
        }
        guard !isFound(program: word) else { return nil }
        return
            "begins with ‘\(word)’, which is in none of \(folders); "
            + "a file of the program is written {@folder}/\(word)"
    }

    // MARK: Scripts

    private func refusal(ofScript entry: ProgramFile) -> String? {
        let line = entry.head.dropFirst(2).prefix { $0 != 10 }
        // A line that is longer than what is known of the file is left to the kernel.
        guard line.count < entry.head.count - 2 || entry.bytes == entry.head.count else { return nil }
        let words = line.split(whereSeparator: { $0 == 32 || $0 == 9 }).map { String(decoding: $0, as: UTF8.self) }
        guard let interpreter = words.first else { return nil }
        if let path = pathInProgram(interpreter) {
            guard !files.contains(where: { $0.path == path && $0.isExecutable }) else { return nil }
            return "‘\(entry.path)’ is to be read by ‘\(interpreter)’, which is no executable file of the upload"
        }
        guard cell.isExecutable(interpreter) else {
            let name = interpreter.split(separator: "/").last.map(String.init) ?? interpreter
            let advice =
                cell.program(named: name).map { "write #!\($0)" } ?? "bring it along, or write it in another language"
            return
                "‘\(entry.path)’ is to be read by ‘\(interpreter)’, which is not in \(cell.title); \(advice)"
        }
        guard interpreter.hasSuffix("/env"), words.count == 2, !words[1].hasPrefix("-"), !words[1].contains("=") else {
            return nil
        }
        guard !words[1].contains("/"), !isFound(program: words[1]) else { return nil }
        return "‘\(entry.path)’ is to be read by ‘\(words[1])’, which is in none of "
            + "\(folders); bring it along, or write it in another language"
    }

    private func isFound(program name: String) -> Bool { hasOwnPath || cell.program(named: name) != nil }

    private var folders: String { "\(cell.programFolders.joined(separator: ", ")) of \(cell.owner)" }

    private func pathInProgram(_ path: String) -> String? {
        path.hasPrefix("/program/") ? String(path.dropFirst("/program/".count)) : nil
    }

    // MARK: Executables

    private func refusal(of executable: ExecutableFile, _ path: String) -> String? {
        guard let loader = executable.interpreter else { return nil }
        if pathInProgram(loader) == nil, !cell.isExecutable(loader) {
            let advice =
                loader.contains("musl")
                ? "it was linked against musl: link it statically, or against glibc"
                : "link it statically, or on a system like this one"
            return "‘\(path)’ asks for the loader ‘\(loader)’, which is not in \(cell.title); \(advice)"
        }
        let folder = path.split(separator: "/").dropLast().reduce("/program") { "\($0)/\($1)" }
        guard libraryPath.count <= ExecutableFile.mostFolders else { return nil }
        var missing = executable.libraries.filter { !isFound($0, executable.searchPath, origin: folder) }
        if !missing.isEmpty {
            let cached = cell.cachedLibraries()
            missing.removeAll { cached.contains($0) }
        }
        guard !missing.isEmpty else { return nil }
        let names = missing.prefix(10).joined(separator: ", ") + (missing.count > 10 ? ", …" : "")
        return
            "‘\(path)’ needs libraries that are not in \(cell.title): \(names); link it statically, or put them into the "
            + "archive and link with -Wl,-rpath,'$ORIGIN', or set LD_LIBRARY_PATH in the manifest's environment"
    }

    private func isFound(_ library: String, _ searchPath: [String], origin: String) -> Bool {
        if library.contains("/") {
            guard let path = pathInProgram(library) else { return true }
            return files.contains { $0.path == path }
        }
        for given in searchPath + libraryPath {
            let folder = given.replacing("${ORIGIN}", with: origin).replacing("$ORIGIN", with: origin)
            // $LIB and $PLATFORM are the loader's to know.
            if folder.contains("$") { return true }
            let path = Self.plain("\(folder)/\(library)")
            if let own = pathInProgram(path), files.contains(where: { $0.path == own }) { return true }
            if cell.isFile(path) { return true }
        }
        return cell.hasLibrary(library)
    }

    /// Without `.`, `..` and empty parts.
    private static func plain(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
