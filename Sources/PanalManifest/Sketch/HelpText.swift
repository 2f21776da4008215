/// What a program says of its own arguments under `--help`, as far as its layout is a usual one: lines that begin with
/// options and explain them behind two blanks, and a usage line with what has no option.
package struct HelpText {
    /// An option or a positional argument.
    package struct Argument: Hashable, Sendable {
        /// The longest of its names with its hyphens; nil for a positional one.
        package var flag: String?
        /// How the value is called; nil for an option that has none.
        package var value: String?
        package var choices: [String] = []
        package var description: String?
        package var isOptional = true
        package var isList = false
        /// Between flag and value; nil for two arguments.
        package var separator: String?
    }

    package private(set) var arguments: [Argument] = []
    /// The first sentence that is neither usage nor an option.
    package private(set) var summary: String?

    private static let limit = 60
    private static let skipped: Set<String> = ["--help", "-h", "-?", "--version", "-V", "--usage"]

    package init(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).prefix(2_000).map { line in
            String(line.prefix(500)).replacing("\t", with: "    ")
        }
        readUsage(lines)
        var isOption = false
        for line in lines {
            let content = line.trimmingWhitespace()
            if content.hasPrefix("-"), line.hasPrefix(" ") || content.hasPrefix("--") {
                isOption = readOption(content)
            } else if isOption, line.hasPrefix("        "), !content.isEmpty, let last = arguments.indices.last {
                arguments[last].description = [arguments[last].description, content].compactMap { $0 }
                    .joined(separator: " ")
            } else {
                isOption = false
                let isProse = !line.hasPrefix(" ") && content.contains(" ") && !content.hasSuffix(":")
                if summary == nil, isProse, Self.usage(in: content) == nil { summary = content }
            }
        }
    }

    /// Whether the line is an option that is kept.
    private mutating func readOption(_ content: String) -> Bool {
        let halves = content.firstRange(of: "  ").map { (content[..<$0.lowerBound], content[$0.upperBound...]) }
        let described = halves.map { String($0.1).trimmingWhitespace() }
        var argument = Argument(description: described.flatMap { $0.isEmpty ? nil : $0 })
        var names: [String] = []
        for part in Self.names(in: halves?.0 ?? content[...]) {
            let words = part.split(whereSeparator: { $0 == " " })
            guard let first = words.first, first.hasPrefix("-") else { continue }
            var name = String(first)
            var value = words.count > 1 ? String(words[1]) : nil
            if let equals = name.firstIndex(of: "=") {
                value = String(name[name.index(after: equals)...])
                name = String(name[..<equals])
                if name.hasSuffix("[") { name.removeLast() }
                argument.separator = "="
            }
            guard name.utf8.dropFirst().allSatisfy(Self.isNameByte), (2...64).contains(name.utf8.count) else {
                continue
            }
            names.append(name)
            if let value { take(value, for: &argument) }
        }
        guard let flag = names.max(by: { $0.utf8.count < $1.utf8.count }), Self.skipped.isDisjoint(with: names),
            arguments.count < Self.limit, !arguments.contains(where: { $0.flag == flag })
        else { return false }
        // A joined value belongs to a long option.
        if !flag.hasPrefix("--") { argument.separator = nil }
        argument.flag = flag
        arguments.append(argument)
        return true
    }

    private func take(_ value: String, for argument: inout Argument) {
        let bare = value.filter { !"<>[]\"'".contains($0) }
        guard !bare.isEmpty else { return }
        if bare.hasPrefix("{"), bare.hasSuffix("}") || bare.contains("|") {
            argument.choices = bare.filter { $0 != "{" && $0 != "}" }
                .split(whereSeparator: { $0 == "," || $0 == "|" }).map(String.init)
            var seen: Set<String> = []
            argument.choices = argument.choices.filter { !$0.allSatisfy(\.isWhitespace) && seen.insert($0).inserted }
            argument.value = "choice"
        } else {
            if bare.hasSuffix("...") { argument.isList = true }
            argument.value = String(bare.filter { $0 != "." })
        }
    }

    /// What of the usage has no option: `usage: filter [-h] [-n N] image [size]`.
    private mutating func readUsage(_ lines: [String]) {
        guard let start = lines.firstIndex(where: { Self.usage(in: $0) != nil }) else { return }
        var text = Self.usage(in: lines[start]) ?? ""
        for line in lines[(start + 1)...].prefix(8) {
            guard line.hasPrefix(" "), !line.trimmingWhitespace().hasPrefix("-") else { break }
            text += " " + line
        }
        var depth = 0
        var isOption = false
        for word in text.split(separator: " ").dropFirst() {
            let bare = word.filter { !"[]<>(){}".contains($0) }
            let before = depth
            depth += word.count { $0 == "[" } - word.count { $0 == "]" }
            if bare.hasPrefix("-") {
                // Its value, if it is a word of its own, stands in the same brackets or behind it.
                isOption = word.hasPrefix("[") ? depth > before : true
                continue
            }
            if isOption {
                isOption = depth > 0
                continue
            }
            let name = bare.replacing("...", with: "")
            let isList = bare.hasSuffix("...")
            if name.isEmpty || name.lowercased() == "options" || name.lowercased() == "option" {
                if isList, let last = arguments.indices.last { arguments[last].isList = true }
                continue
            }
            if let known = arguments.firstIndex(where: { $0.flag == nil && $0.value == name }) {
                arguments[known].isList = true
                continue
            }
            guard name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }), name.utf8.count <= 64,
                arguments.count < Self.limit
            else {
                continue
            }
            arguments.append(
                Argument(value: name, isOptional: before > 0 || word.hasPrefix("["), isList: isList))
        }
    }

    /// `-n N, --number N` in two; the commas of `{fast,fine}` part nothing.
    private static func names(in text: Substring) -> [Substring] {
        var depth = 0
        return text.split { character in
            if character == "{" { depth += 1 }
            if character == "}" { depth -= 1 }
            return character == "," && depth <= 0
        }
    }

    /// What stands behind `usage:`, or the Spanish word for it; the program's name may stand before.
    private static func usage(in line: String) -> String? {
        for word in ["usage:", "uso:"] {
            guard let found = line.lowercased().firstRange(of: word) else { continue }
            let before = line.lowercased()[..<found.lowerBound]
            guard before.isEmpty || before.hasSuffix(": ") else { continue }
            return String(line.suffix(line.lowercased()[found.upperBound...].count))
        }
        return nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == 0x2D || byte == 0x5F
    }
}
