import PanalCore
import Yams

/// A mistake in a file of recipes, with its place, as compilers write it.
package struct RecipeMistake: Error, Hashable, Sendable, CustomStringConvertible {
    package var file: String
    /// From 1; 0 for the file as a whole.
    package var line: Int
    package var detail: String

    package var description: String { line > 0 ? "\(file):\(line): \(detail)" : "\(file): \(detail)" }
}

/// All mistakes of one recipe.
package struct RecipeMistakes: Error, Hashable, Sendable, CustomStringConvertible {
    package var mistakes: [RecipeMistake]

    package var description: String { mistakes.map(\.description).joined(separator: "\n") }
}

/// Reads a recipe, and those that it extends. Nothing of it reaches a shell or a path that is not held against a pattern here.
package struct RecipeReader {
    /// What stands in the file of a name; nil where there is none.
    private let file: (String) throws -> String?
    private var mistakes: [RecipeMistake] = []

    private static let keys = [
        "summary", "extends", "suite", "snapshot", "mirror", "components", "packages", "exclude", "environment",
        "files",
    ]

    package init(file: @escaping (String) throws -> String?) {
        self.file = file
    }

    /// Throws ``RecipeMistakes``.
    package static func read(_ name: String, file: @escaping (String) throws -> String?) throws -> Recipe {
        var reader = RecipeReader(file: file)
        let recipe = try reader.recipe(name, above: [])
        guard reader.mistakes.isEmpty, let recipe else { throw RecipeMistakes(mistakes: reader.mistakes) }
        return recipe
    }

    package static func isName(_ text: String) -> Bool { Pattern.name.matches(text) }

    private mutating func report(_ name: String, _ node: Node?, _ detail: String) {
        mistakes.append(RecipeMistake(file: "\(name).yaml", line: node?.mark?.line ?? 0, detail: detail))
    }

    private mutating func recipe(_ name: String, above: [String]) throws -> Recipe? {
        guard Self.isName(name) else {
            report(name, nil, "a recipe's name is 1 to 40 of a-z, 0-9 and -, a letter first")
            return nil
        }
        guard !above.contains(name), above.count < 8 else {
            report(name, nil, "it extends itself: \((above + [name]).joined(separator: ", "))")
            return nil
        }
        guard let text = try file(name) else {
            report(name, nil, "there is no such recipe")
            return nil
        }
        let members: [String: Node]
        do {
            guard let node = try compose(yaml: text, .basic), case .mapping(let mapping) = node else {
                report(name, nil, "the file should be a mapping with summary: and packages:")
                return nil
            }
            members = Dictionary(mapping.map { ($0.key.string ?? "?", $0.value) }, uniquingKeysWith: { $1 })
        } catch {
            report(name, nil, "is no YAML: \(error)")
            return nil
        }
        for (key, node) in members.sorted(by: { $0.key < $1.key }) where !Self.keys.contains(key) {
            report(name, node, "‘\(key)’ is no key here; known are \(Self.keys.joined(separator: ", "))")
        }
        var recipe = Recipe(
            name: name, summary: "", suite: "bookworm", mirror: "http://deb.debian.org/debian", components: ["main"],
            packages: [], environment: [], files: [:])
        if let below = members["extends"] {
            guard let base = below.string, let found = try self.recipe(base, above: above + [name]) else {
                report(name, below, "extends: should name another recipe")
                return nil
            }
            recipe = found
            recipe.name = name
        }
        take(members, name, into: &recipe)
        return recipe
    }

    private mutating func take(_ members: [String: Node], _ name: String, into recipe: inout Recipe) {
        if let text = word("summary", members, name, .line) { recipe.summary = text }
        if recipe.summary.isEmpty { report(name, nil, "summary: is missing; write one line for people") }
        if let text = word("suite", members, name, .suite) { recipe.suite = text }
        if let text = word("mirror", members, name, .address) { recipe.mirror = text }
        if let text = word("snapshot", members, name, .line) {
            recipe.snapshot = text
            if RecipeBuild.seconds(text) == nil {
                report(name, members["snapshot"], "snapshot: should be a moment such as 20251101T000000Z")
            }
        }
        if members["components"] != nil { recipe.components = words("components", members, name, .suite) }
        let more = words("packages", members, name, .package)
        recipe.packages += more.filter { !recipe.packages.contains($0) }
        let excluded = words("exclude", members, name, .excluded)
        recipe.exclude += excluded.filter { !recipe.exclude.contains($0) }
        for (variable, node) in pairs("environment", members, name) {
            guard let value = node.string, RootfsConfiguration.isVariable("\(variable)=\(value)"),
                Pattern.line.matches("\(variable)=\(value)")
            else {
                report(name, node, "environment: ‘\(variable)’ should be a variable with one line")
                continue
            }
            recipe.environment.removeAll { $0.hasPrefix("\(variable)=") }
            recipe.environment.append("\(variable)=\(value)")
        }
        for (path, node) in pairs("files", members, name) {
            guard let text = node.string, text.utf8.count <= 64 << 10, Pattern.path.matches(path),
                !path.split(separator: "/").contains(where: { $0 == ".." || $0 == "." })
            else {
                report(name, node, "files: ‘\(path)’ should be an absolute path with a text of at most 64 KiB")
                continue
            }
            recipe.files[path] = text
        }
    }

    private mutating func word(
        _ key: String, _ members: [String: Node], _ name: String, _ pattern: Pattern
    ) -> String? {
        guard let node = members[key] else { return nil }
        guard let text = node.string, pattern.matches(text) else {
            report(name, node, "\(key): should be \(pattern.words)")
            return nil
        }
        return text
    }

    private mutating func words(
        _ key: String, _ members: [String: Node], _ name: String, _ pattern: Pattern
    ) -> [String] {
        guard let node = members[key] else { return [] }
        guard case .sequence(let list) = node else {
            report(name, node, "\(key): should be a list")
            return []
        }
        return list.compactMap { element in
            guard let text = element.string, pattern.matches(text) else {
                report(name, element, "\(key): ‘\(element.string ?? "?")’ should be \(pattern.words)")
                return nil
            }
            return text
        }
    }

    private mutating func pairs(_ key: String, _ members: [String: Node], _ name: String) -> [(String, Node)] {
        guard let node = members[key] else { return [] }
        guard case .mapping(let mapping) = node else {
            report(name, node, "\(key): should be a mapping")
            return []
        }
        return mapping.map { ($0.key.string ?? "", $0.value) }
    }

    /// What the words of a recipe may be made of.
    private enum Pattern {
        case name, suite, package, address, path, excluded, line

        var words: String {
            switch self {
            case .name: "1 to 40 of a-z, 0-9 and -"
            case .suite: "1 to 60 of a-z, 0-9, - and ."
            case .package: "the name of a Debian package (a-z, 0-9, +, - and .)"
            case .address: "an address such as http://deb.debian.org/debian"
            case .path: "an absolute path"
            case .excluded: "an absolute path below a folder, in which a star stands for any name"
            case .line: "one line of at most 1000 bytes"
            }
        }

        func matches(_ text: String) -> Bool {
            let bytes = text.utf8
            guard let first = bytes.first else { return false }
            func are(_ more: String) -> Bool {
                bytes.allSatisfy {
                    (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || more.utf8.contains($0)
                }
            }
            switch self {
            case .name: return bytes.count <= 40 && (0x61...0x7A).contains(first) && are("-")
            case .suite: return bytes.count <= 60 && first != UInt8(ascii: "-") && are("-.")
            case .package: return bytes.count <= 100 && (0x30...0x7A).contains(first) && are("+-.")
            case .address:
                return bytes.count <= 200 && (text.hasPrefix("http://") || text.hasPrefix("https://"))
                    && are(":/.-_ABCDEFGHIJKLMNOPQRSTUVWXYZ")
            case .path:
                return bytes.count <= 200 && first == UInt8(ascii: "/") && bytes.last != UInt8(ascii: "/")
                    && are("/._-ABCDEFGHIJKLMNOPQRSTUVWXYZ")
            case .excluded:
                return bytes.count <= 200 && first == UInt8(ascii: "/") && !text.hasPrefix("/*")
                    && !text.hasPrefix("//")
                    && bytes.last != UInt8(ascii: "/") && are("/._-+*ABCDEFGHIJKLMNOPQRSTUVWXYZ")
            case .line: return bytes.count <= 1_000 && bytes.allSatisfy { $0 >= 32 && $0 != 127 }
            }
        }
    }
}
