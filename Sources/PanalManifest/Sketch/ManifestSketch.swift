import PanalCore

/// A first manifest for a program, to be mended by its author: what its name and its own help say.
package struct ManifestSketch {
    private let program: String
    private let help: HelpText?

    /// - Parameters:
    ///   - program: The file's name.
    ///   - help: What the program says under `--help`; nil where it was not asked.
    package init(program: String, help: String?) {
        self.program = program
        self.help = help.map { HelpText($0) }
    }

    /// The document as JSON, one field a line, in the order in which people read it. It reads back as a manifest.
    package var text: String {
        let stem = program.split(separator: ".").first.map(String.init) ?? program
        let name = Slug.programName(stem).isEmpty ? "program" : stem
        var lines = ["  \"name\": \(Self.quoted(name))"]
        if let summary = help?.summary {
            lines.append("  \"description\": \(Self.quoted(String(summary.prefix(500))))")
        }
        var ids: Set<String> = []
        let fields = (help?.arguments ?? []).compactMap { field($0, &ids) }
        // Options go before what has none, whatever the order of the help.
        let sorted = fields.filter(\.isOption) + fields.filter { !$0.isOption }
        if sorted.isEmpty {
            lines.append("  \"inputs\": []")
        } else {
            lines.append("  \"inputs\": [\n" + sorted.map { "    " + $0.text }.joined(separator: ",\n") + "\n  ]")
        }
        return "{\n" + lines.joined(separator: ",\n") + "\n}\n"
    }

    private struct Field {
        var isOption: Bool
        var text: String
    }

    private func field(_ argument: HelpText.Argument, _ ids: inout Set<String>) -> Field? {
        let words = (argument.flag ?? argument.value ?? "").split(whereSeparator: { $0 == "-" || $0 == "_" })
        let label = words.joined(separator: " ")
        let id = Slug.fieldID(label)
        guard !id.isEmpty, ids.insert(id).inserted else { return nil }
        var members = ["\"name\": \(Self.quoted(label.lowercased() == label ? label : label.lowercased()))"]
        members.append("\"type\": \"\(type(of: argument))\"")
        if !argument.choices.isEmpty {
            members.append("\"choices\": [\(argument.choices.map(Self.quoted).joined(separator: ", "))]")
        }
        if argument.isList { members.append("\"list\": true") }
        if argument.isOptional, argument.flag == nil || argument.value != nil { members.append("\"optional\": true") }
        if let flag = argument.flag {
            members.append("\"flag\": \(Self.quoted(flag))")
            if let separator = argument.separator, argument.value != nil {
                members.append("\"separator\": \(Self.quoted(separator))")
            }
        }
        if let description = argument.description {
            members.append("\"description\": \(Self.quoted(String(description.prefix(1_000))))")
        }
        return Field(isOption: argument.flag != nil, text: "{ \(members.joined(separator: ", ")) }")
    }

    private static let wholeNumbers: Set<String> = [
        "n", "num", "number", "int", "integer", "count", "size", "seed", "k", "threads",
    ]
    private static let numbers: Set<String> = ["float", "double", "real", "ratio", "x", "seconds", "secs"]
    private static let files: Set<String> = [
        "file", "infile", "input", "image", "imagen", "archivo", "fichero", "path", "filename", "in", "source", "src",
    ]

    /// A guess by the name of the value; what is no known word is a text.
    private func type(of argument: HelpText.Argument) -> String {
        guard let value = argument.value else { return "boolean" }
        if !argument.choices.isEmpty { return "choice" }
        let words = Set(value.lowercased().split(whereSeparator: { $0 == "_" || $0 == "-" }).map(String.init))
        let flag = (argument.flag ?? "").lowercased()
        // What a program writes is no file of the submission.
        let isWritten = flag.contains("out") || value.lowercased().contains("out") || flag == "-o"
        if !words.isDisjoint(with: Self.files) { return isWritten ? "text" : "file" }
        if !words.isDisjoint(with: Self.wholeNumbers) { return "integer" }
        if !words.isDisjoint(with: Self.numbers) { return "number" }
        if words.contains("url") { return "url" }
        if words.contains("date") { return "date" }
        return "text"
    }

    private static func quoted(_ text: String) -> String {
        let clean = String(
            String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.generalCategory != .control }))
        guard let bytes = try? JSONValue.string(clean).serialized() else { return "\"\"" }
        return String(decoding: bytes, as: UTF8.self)
    }
}
