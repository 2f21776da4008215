import Foundation

/// The repository that these tests were compiled from.
struct Repository {
    let root: URL

    init() {
        // Tests/ArchitectureTests/Repository.swift
        root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    struct File {
        /// Relative to the root.
        var path: String
        var lines: [Substring]
    }

    /// All Swift files below a folder of the root.
    func swiftFiles(below folder: String) throws -> [File] {
        let start = root.appendingPathComponent(folder).resolvingSymlinksInPath()
        let paths = try FileManager.default.subpathsOfDirectory(atPath: start.path).filter { $0.hasSuffix(".swift") }
        return try paths.sorted().map { path in
            let text = try String(contentsOf: start.appendingPathComponent(path), encoding: .utf8)
            return File(path: "\(folder)/\(path)", lines: text.split(separator: "\n", omittingEmptySubsequences: false))
        }
    }

    func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
}

extension Substring {
    /// The module of an `import` line with whatever stands before the word; nil for all other lines.
    var importedModule: String? {
        let words = split(separator: " ")
        guard let place = words.firstIndex(of: "import"), words.count > place + 1,
            words[..<place].allSatisfy({
                ["package", "internal", "public", "private", "fileprivate"].contains($0) || $0.hasPrefix("@")
            })
        else { return nil }
        // `import struct Foundation.Date` names the kind first; a part of a module belongs to the module.
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        let name = kinds.contains(words[place + 1]) && words.count > place + 2 ? words[place + 2] : words[place + 1]
        return name.split(separator: ".").first.map(String.init)
    }
}
