package import PanalManifest

/// A program's own command line, as its manifest makes it: `--tamano-de-filtro 3 imagen.png`.
///
/// Each input is a flag by its id, with `-` for `_`; a box is ticked by its flag and unticked by `--no-` before it; a list is given by
/// giving its flag several times. Words without a flag are for the inputs that no flag was given for, in the manifest's order: for
/// those that are needed, and where there are more words also for the others. Behind `--` everything is such a word.
///
/// A block of inputs that is given several times has a flag without a value, which begins the next one: the flags of its inputs that follow are
/// that one's (`--layer --text a --x 1 --layer --text b`). The first need not be begun.
package struct ProgramWords: Sendable {
    package typealias Pair = (name: String, value: String)

    package private(set) var values: [Pair] = []
    /// Paths.
    package private(set) var files: [Pair] = []
    package private(set) var asksForHelp = false
    /// How often each block was begun.
    private var counts: [String: Int] = [:]

    /// Throws `local` with what is wrong and what would be right.
    package init(_ words: [String], of manifest: Manifest) throws(ClientFailure) {
        var loose: [String] = []
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                loose += rest
                break
            }
            guard word.hasPrefix("-"), word != "-", Double(word) == nil else {
                loose.append(word)
                continue
            }
            if ["--help", "-h"].contains(word), manifest.input(id: "help") == nil {
                asksForHelp = true
                return
            }
            try take(word, &rest, manifest)
        }
        try place(loose, manifest)
        for block in manifest.repeats {
            if let count = counts[block.id] { values.append((block.id, String(count))) }
        }
    }

    private mutating func take(
        _ word: String, _ rest: inout ArraySlice<String>, _ manifest: Manifest
    ) throws(ClientFailure) {
        let halves = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let flag = halves[0]
        if let block = Self.block(flag, manifest) {
            guard halves.count == 1 else {
                throw ClientFailure(.local, "\(flag) has no value: it begins one of several, and its inputs follow it")
            }
            counts[block.id, default: 0] += 1
            return
        }
        if let input = self.input(flag, manifest) {
            if halves.count == 2 { return add(halves[1], to: input) }
            if input.type == .boolean { return add("true", to: input) }
            guard let value = rest.first, self.input(value, manifest) == nil, Self.block(value, manifest) == nil else {
                throw ClientFailure(.local, "\(flag) needs a value: \(flag) \(Self.placeholder(of: input))")
            }
            rest = rest.dropFirst()
            return add(value, to: input)
        }
        if flag.hasPrefix("--no-"), halves.count == 1,
            let input = self.input("--" + flag.dropFirst(5), manifest), input.type == .boolean
        {
            return add("false", to: input)
        }
        let flags = Self.flags(of: manifest)
        let near = Nearest.to(flag, among: flags).map { "did you mean \($0)?" }
        throw ClientFailure(
            .local,
            "\(flag) is none of this program's; " + (near ?? "it has \(flags.joined(separator: ", "))")
                + "; a word that only looks so stands behind --")
    }

    private mutating func add(_ value: String, to input: ManifestInput) {
        if let place = input.place { counts[place.block] = place.index + 1 }
        if input.type == .file { files.append((input.id, value)) } else { values.append((input.id, value)) }
    }

    /// Gives the words without a flag to the inputs that have none.
    private mutating func place(_ words: [String], _ manifest: Manifest) throws(ClientFailure) {
        guard !words.isEmpty else { return }
        let given = Set(values.map(\.name) + files.map(\.name))
        let open = manifest.inputs.filter { !given.contains($0.id) && $0.type != .boolean }
        let needed = open.filter(\.isRequired)
        let isEnough = words.count <= needed.count || needed.contains(where: \.isList)
        let takers = isEnough ? needed : open
        var rest = words[...]
        for (number, input) in takers.enumerated() where !rest.isEmpty {
            // A list takes all that those behind it leave.
            let count = input.isList ? max(1, rest.count - (takers.count - number - 1)) : 1
            for word in rest.prefix(count) { add(word, to: input) }
            rest = rest.dropFirst(count)
        }
        guard let word = rest.first else { return }
        throw ClientFailure(.local, "‘\(word)’ is one word more than there are inputs left to take it")
    }

    // MARK: What people read

    package static func flag(of input: ManifestInput) -> String { "--" + input.id.replacing("_", with: "-") }

    /// The flags of all inputs, and those that begin a block.
    package static func flags(of manifest: Manifest) -> [String] {
        manifest.allInputs.map { flag(of: $0) } + manifest.repeats.map { flag(of: $0) }
    }

    private static func flag(of block: ManifestRepeat) -> String { "--" + block.id.replacing("_", with: "-") }

    private static func id(_ flag: String) -> String? {
        flag.hasPrefix("--") ? String(flag.dropFirst(2)).replacing("-", with: "_") : nil
    }

    private static func block(_ flag: String, _ manifest: Manifest) -> ManifestRepeat? {
        let id = id(flag)
        return manifest.repeats.first { $0.id == id }
    }

    /// The input that a flag is of; one of a block as that of the repetition that was begun last.
    private func input(_ flag: String, _ manifest: Manifest) -> ManifestInput? {
        guard let id = Self.id(flag) else { return nil }
        if let input = manifest.input(id: id) { return input }
        for block in manifest.repeats {
            let index = max(1, counts[block.id] ?? 0) - 1
            if let input = block.inputs(at: index).first(where: { $0.fieldID == id }) { return input }
        }
        return nil
    }

    private static func placeholder(of input: ManifestInput) -> String {
        let choices = (input.choices ?? []).map(\.value)
        if !choices.isEmpty, choices.count <= 8 { return "<\(choices.joined(separator: "|"))>" }
        return switch input.type {
        case .text, .secret: "<text>"
        case .number: "<number>"
        case .integer: "<whole number>"
        case .boolean: ""
        case .choice: "<choice>"
        case .file: "<file>"
        case .date: "<YYYY-MM-DD>"
        case .time: "<hh:mm>"
        case .email: "<address>"
        case .url: "<http address>"
        case .colour: "<#rrggbb>"
        case .json: "<JSON>"
        }
    }

    /// For `--help`; `command` is what stands before the program's own words.
    package static func help(of manifest: Manifest, command: String) -> String {
        let needed = manifest.inputs.filter(\.isRequired)
        var usage = needed.map { "\(flag(of: $0)) \(placeholder(of: $0))" + ($0.isList ? " …" : "") }
        for block in manifest.repeats where block.minimumItems > 0 && block.showIf == nil {
            usage +=
                ["\(flag(of: block))"]
                + block.inputs.filter(\.isRequired).map { "\(flag(of: $0)) \(placeholder(of: $0))" }
            if block.maximumItems > 1 { usage.append("…") }
        }
        let rest =
            manifest.allInputs.count { !$0.isRequired }
            + manifest.repeats.count { $0.minimumItems == 0 || $0.showIf != nil }
        if rest > 0 { usage.append("[flags]") }
        var text = "USAGE: \(([command] + usage).joined(separator: " "))\n\n\(manifest.name)"
        if let description = manifest.description { text += ": \(description)" }
        text += "\n"
        guard !manifest.allInputs.isEmpty else { return text + "\nIt takes no inputs.\n" }
        if !manifest.inputs.isEmpty {
            text += "\nINPUTS:\n" + manifest.inputs.map { help(of: $0, indent: "  ") }.joined()
        }
        guard !manifest.repeats.isEmpty else { return text }
        text += "\nGIVEN SEVERAL TIMES (the flag begins the next one; its inputs follow):\n"
        for block in manifest.repeats {
            let about = block.description.map { " \($0)" } ?? ""
            text += "  \(flag(of: block))\n      \(block.name)\(about) "
            text += "(\(block.minimumItems) to \(block.maximumItems) times)\n"
            text += block.inputs.map { help(of: $0, indent: "    ") }.joined()
        }
        return text
    }

    private static func help(of input: ManifestInput, indent: String) -> String {
        let placeholder = placeholder(of: input)
        let flag = flag(of: input) + (placeholder.isEmpty ? "" : " \(placeholder)")
        return "\(indent)\(flag)\n\(indent)    \(about(input))\n"
    }

    private static func about(_ input: ManifestInput) -> String {
        var parts = [input.name]
        if let description = input.description { parts.append(description) }
        var notes: [String] = []
        if input.isRequired { notes.append("needed") }
        if input.isList { notes.append("several times for several") }
        if !input.defaultTexts.isEmpty { notes.append("default \(input.defaultTexts.joined(separator: ", "))") }
        if let minimum = input.minimum {
            notes.append("\(minimum.isExclusive ? "more than" : "at least") \(minimum.text)")
        }
        if let maximum = input.maximum {
            notes.append("\(maximum.isExclusive ? "less than" : "at most") \(maximum.text)")
        }
        if !input.accept.isEmpty { notes.append(input.accept.joined(separator: ", ")) }
        if input.type == .boolean { notes.append("\(flag(of: input).replacing("--", with: "--no-")) for no") }
        if !notes.isEmpty { parts.append("(\(notes.joined(separator: "; ")))") }
        return parts.joined(separator: " ")
    }
}
