import PanalCore

/// Which file of a program is started, decided at publication from what the manifest's `command` begins with:
///
/// 1. a file of the program (`{@folder}/bin/tool` or `/program/bin/tool`): that file;
/// 2. something of the host's (`python3`): the first file of the program that a later element names; such a file need not be
///    executable by itself;
/// 3. `{@program}`, or no `command` at all: the only file of the upload; else the only executable file (a mode bit, or a `#!` line or
///    ELF header where the archive carries no modes); else the file at the top called like the program, `main` or `run`, with any
///    ending.
///
/// A folder that alone contains everything else, as archives of a folder often have, counts as the top.
struct EntryRule: Hashable, Sendable {
    private enum Start: Hashable {
        case program
        case file(String)
        case interpreter(naming: [String], usesProgram: Bool)
    }

    struct Choice: Hashable, Sendable {
        var path: String
        /// Whether the kernel starts this file itself, so that it has to be an executable or a script with a `#!` line.
        var isStartedDirectly: Bool
    }

    private let start: Start
    private let slug: String
    /// What the manifest's command begins with where that is none of the program's files.
    let hostCommand: String?

    /// `command` is the manifest's, nil when it has none.
    init(command: [String]?, slug: String) {
        self.slug = slug
        guard let first = command?.first, !first.contains("{@program}") else {
            start = .program
            hostCommand = nil
            return
        }
        if let path = Self.programPath(in: first) {
            start = .file(path)
            hostCommand = nil
        } else {
            hostCommand = first
            let rest = (command ?? []).dropFirst()
            start = .interpreter(
                naming: rest.compactMap(Self.programPath), usesProgram: rest.contains { $0.contains("{@program}") })
        }
    }

    /// Reads `command` (Boutiques: `command-line`) out of a manifest's document, which was parsed before.
    static func command(in manifest: JSONValue) -> [String]? {
        guard case .object(let keys) = manifest, case .array(let elements)? = keys["command"] ?? keys["command-line"]
        else { return nil }
        return elements.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }

    /// Throws `unsupported` with what would be right.
    func choose(among files: [ProgramFile]) throws(ServiceError) -> Choice {
        guard !files.isEmpty else { throw ServiceError(.unsupported, "the upload holds no file") }
        let paths = Set(files.map(\.path))
        switch start {
        case .file(let path):
            guard paths.contains(path) else { throw missing(path) }
            return Choice(path: path, isStartedDirectly: true)
        case .interpreter(let named, let usesProgram):
            if usesProgram { return Choice(path: try obvious(among: files), isStartedDirectly: false) }
            guard let path = named.first ?? files.map(\.path).min() else { return try choose(among: []) }
            guard paths.contains(path) else { throw missing(path) }
            return Choice(path: path, isStartedDirectly: false)
        case .program:
            return Choice(path: try obvious(among: files), isStartedDirectly: true)
        }
    }

    private func obvious(among files: [ProgramFile]) throws(ServiceError) -> String {
        if files.count == 1 { return files[0].path }
        let marked = files.filter(\.isExecutable)
        let candidates = marked.isEmpty ? files.filter { ExecutableCheck.looksStartable($0.head) } : marked
        if candidates.count == 1 { return candidates[0].path }
        let top = Self.top(of: files)
        for name in [slug, "main", "run"] {
            // A name without an ending before one with, so that `run` wins over `run.txt`.
            let named = (candidates.isEmpty ? files : candidates).filter { file in
                guard file.path.hasPrefix(top) else { return false }
                let rest = file.path.dropFirst(top.count)
                return rest == name || (rest.hasPrefix(name + ".") && !rest.contains("/"))
            }
            if let best = named.min(by: { ($0.path.utf8.count, $0.path) < ($1.path.utf8.count, $1.path) }) {
                return best.path
            }
        }
        let found =
            candidates.isEmpty
            ? "no file of the upload is executable"
            : "the upload holds \(candidates.count) executable files ("
                + candidates.prefix(5).map(\.path).joined(separator: ", ") + (candidates.count > 5 ? ", …)" : ")")
        throw ServiceError(
            .unsupported,
            "\(found): name the one to start ‘\(slug)’, ‘main’ or ‘run’ at the top of the archive, "
                + "or let the manifest's command begin with {@folder}/ and its path")
    }

    private func missing(_ path: String) -> ServiceError {
        ServiceError(.unsupported, "the manifest's command names ‘\(path)’, which the upload does not hold")
    }

    private static func programPath(in element: String) -> String? {
        for prefix in ["{@folder}/", "/program/"] where element.hasPrefix(prefix) {
            let path = String(element.dropFirst(prefix.count))
            return path.contains("{") || path.isEmpty ? nil : path
        }
        return nil
    }

    /// `folder/` when everything is in one folder, else nothing.
    private static func top(of files: [ProgramFile]) -> String {
        guard let first = files.first, let slash = first.path.firstIndex(of: "/") else { return "" }
        let folder = String(first.path[...slash])
        return files.allSatisfy { $0.path.hasPrefix(folder) } ? folder : ""
    }
}
