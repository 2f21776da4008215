package import PanalCore

/// Boutiques descriptors (schema-version 0.5), the open JSON format for command-line tools, made into manifests.
///
/// The upload is the tool: the first word of `command-line` becomes the program. There is no shell, so that a command
/// line that needs one is refused, and so is what has no counterpart (file templates, conditional paths); nothing is
/// dropped that would change what runs. What does not (`container-image`, which chooses no file system here, and `tests`)
/// is kept under `x-boutiques`.
package struct BoutiquesReader {
    private static let known = [
        "name", "tool-version", "description", "author", "url", "command-line", "schema-version",
        "environment-variables", "groups", "inputs", "output-files", "suggested-resources", "tags",
        "error-codes",
    ]
    /// What says nothing about the run itself.
    private static let kept = [
        "deprecated-by-doi", "descriptor-url", "doi", "shell", "tool-doi", "container-image", "online-platform-urls",
        "invocation-schema", "custom", "tests",
    ]

    let document: DocumentReader
    /// Descriptor's id → ours, which has no capitals.
    private(set) var ids: [String: String] = [:]
    private(set) var keys: [(key: String, input: BoutiquesInput)] = []

    /// Whether the document is a descriptor and no manifest.
    package static func recognises(_ document: JSONValue) -> Bool {
        guard case .object(let members) = document, case .string? = members["command-line"] else { return false }
        return members["schema-version"] != nil
    }

    /// The manifest's document as JSON. Throws every mistake, with pointers into the descriptor.
    package static func manifest(of descriptor: JSONValue) throws(ManifestError) -> JSONValue {
        let mistakes = MistakeList()
        guard let document = DocumentReader(descriptor, at: [], mistakes) else {
            throw ManifestError(mistakes: mistakes.mistakes)
        }
        var reader = BoutiquesReader(document: document)
        let manifest = reader.read()
        guard mistakes.mistakes.isEmpty else { throw ManifestError(mistakes: mistakes.mistakes) }
        return manifest
    }

    private init(document: DocumentReader) { self.document = document }

    private mutating func read() -> JSONValue {
        document.reportUnknownKeys(known: Self.known + Self.kept)
        if case .string(let version)? = document.members["schema-version"], version != "0.5" {
            document.report("schema-version", .boutiquesVersion, .text(version))
        }
        var manifest: [String: JSONValue] = [:]
        for (theirs, ours) in [
            ("name", "name"), ("description", "description"), ("tool-version", "version"), ("author", "author"),
            ("url", "url"),
        ] {
            manifest[ours] = document.members[theirs]
        }
        var inputs: [JSONValue] = []
        for (index, reader) in document.objects("inputs", maximum: Manifest.maximumInputs) {
            guard let input = BoutiquesInput(reader, index: index) else { continue }
            if let other = ids.first(where: { $0.value == input.id }) {
                reader.report("id", .idTwice, .text(input.id), .text(other.key))
            }
            ids[input.originalID] = input.id
            if let key = input.valueKey { keys.append((key, input)) }
        }
        // Which inputs there are has to be known before what they say of each other.
        for (_, reader) in document.objects("inputs", maximum: Manifest.maximumInputs) {
            guard case .string(let id)? = reader.members["id"], let ours = ids[id] else { continue }
            inputs.append(BoutiquesInput.members(reader, id: ours, ids: ids, variable: variable(of: reader)))
        }
        manifest["inputs"] = .array(inputs)
        manifest["command"] = .array(command().map(JSONValue.string))
        manifest["outputs"] = outputs()
        manifest["groups"] = groups()
        manifest["environment"] = environment()
        manifest["exitCodes"] = exitCodes()
        manifest["tags"] = tags()
        manifest["resources"] = resources()
        let rest = document.members.filter { Self.kept.contains($0.key) }
        if !rest.isEmpty { manifest["x-boutiques"] = .object(rest) }
        return .object(manifest)
    }

    // MARK: The command

    private func command() -> [String] {
        guard let line = document.text("command-line", maximum: 10_000, lines: true) else { return [] }
        var words: [ShellWord]
        do {
            words = try ShellWord.words(of: line)
        } catch {
            document.report("command-line", error.remark)
            return []
        }
        guard let first = words.first else {
            document.report("command-line", .isEmpty)
            return []
        }
        words.removeFirst()
        let program = first.text.hasPrefix("/") ? Self.literal(first.text) : "{@program}"
        return [program] + words.flatMap { elements(of: $0) }
    }

    /// The arguments that one word of the command line stands for.
    private func elements(of word: ShellWord) -> [String] {
        let text = word.text
        if let input = keys.first(where: { $0.key == text })?.input { return ["{\(input.id)}"] }
        if let output = outputsByKey().first(where: { $0.key == text }) {
            // Flags belong to the command line alone.
            let path = template(output.path, takesFlags: true)
            guard let flag = output.flag else { return [path] }
            guard let separator = output.separator, separator != " " else { return [Self.literal(flag), path] }
            return [Self.literal(flag + separator) + path]
        }
        return [template(text, takesFlags: false)]
    }

    /// A text with value keys in it, as an element of the command.
    private func template(_ text: String, takesFlags: Bool) -> String {
        var element = ""
        var rest = Substring(text)
        while let character = rest.first {
            guard let (key, input) = keys.first(where: { rest.hasPrefix($0.key) }) else {
                element += Self.literal(String(character))
                rest.removeFirst()
                continue
            }
            // What is left out leaves the text around it there, which no argument of ours does.
            let isFlagged = input.flag != nil && !takesFlags
            if input.isOptional || isFlagged || (input.isList && input.listSeparator == nil) {
                document.report("command-line", .boutiquesInside, .text(key))
            }
            element += "{\(input.id)}"
            rest.removeFirst(key.count)
        }
        return element
    }

    static func literal(_ text: String) -> String {
        text.replacing("{", with: "{{").replacing("}", with: "}}")
    }

    // MARK: Outputs

    private struct OutputKey {
        var key: String
        var path: String
        var flag: String?
        var separator: String?
    }

    private func outputsByKey() -> [OutputKey] {
        guard case .array(let outputs)? = document.members["output-files"] else { return [] }
        return outputs.compactMap { output in
            guard case .object(let members) = output, case .string(let key)? = members["value-key"],
                case .string(let path)? = members["path-template"]
            else { return nil }
            return OutputKey(
                key: key, path: path, flag: members["command-line-flag"]?.string,
                separator: members["command-line-flag-separator"]?.string)
        }
    }

    private func outputs() -> JSONValue {
        var outputs: [JSONValue] = []
        for (_, reader) in document.objects("output-files", maximum: 100) {
            for key in ["conditional-path-template", "file-template"] where reader.has(key) {
                reader.report(key, .boutiquesNothingLikeIt)
            }
            guard let path = reader.text("path-template", maximum: 1_000) else { continue }
            if case .array(let stripped)? = reader.members["path-template-stripped-extensions"], !stripped.isEmpty,
                reader.has("value-key")
            {
                reader.report("path-template-stripped-extensions", .boutiquesNothingLikeIt)
            }
            var members: [String: JSONValue] = [:]
            members["name"] = reader.members["name"] ?? reader.members["id"]
            members["description"] = reader.members["description"]
            members["optional"] = reader.members["optional"]
            // Where the path hangs on values, any such file is meant.
            members["path"] = .string(
                keys.reduce(path) { $0.replacing($1.key, with: "*") }.replacing("**", with: "*"))
            outputs.append(.object(members))
        }
        return .array(outputs)
    }

    // MARK: The rest

    private func groups() -> JSONValue {
        var groups: [JSONValue] = []
        for (_, reader) in document.objects("groups", maximum: 50) {
            let isExclusive = reader.boolean("mutually-exclusive") ?? false
            let isRequired = reader.boolean("one-is-required") ?? false
            let isAll = reader.boolean("all-or-none") ?? false
            var members: [String: JSONValue] = [:]
            members["name"] = reader.members["name"]
            members["description"] = reader.members["description"]
            let inputs = (reader.texts("members", maximum: 200, length: 100) ?? []).map { ids[$0] ?? $0 }
            members["inputs"] = .array(inputs.map(JSONValue.string))
            var rules: [String] = []
            if isExclusive {
                rules.append(isRequired ? "oneOf" : "atMostOne")
            } else if isRequired {
                rules.append("atLeastOne")
            }
            if isAll { rules.append("allOrNone") }
            for rule in rules {
                members["rule"] = .string(rule)
                groups.append(.object(members))
            }
        }
        return .array(groups)
    }

    /// The variable whose whole value is this input.
    private func variable(of input: DocumentReader) -> String? {
        guard case .string(let key)? = input.members["value-key"],
            case .array(let variables)? = document.members["environment-variables"]
        else { return nil }
        for case .object(let members) in variables where members["value"] == .string(key) {
            return members["name"]?.string
        }
        return nil
    }

    private func environment() -> JSONValue {
        var variables: [String: JSONValue] = [:]
        for (_, reader) in document.objects("environment-variables", maximum: 100) {
            guard let name = reader.members["name"]?.string, let value = reader.members["value"]?.string else {
                continue
            }
            if keys.contains(where: { $0.key == value }) { continue }
            if keys.contains(where: { value.contains($0.key) }) { reader.report("value", .boutiquesNothingLikeIt) }
            variables[name] = .string(value)
        }
        return .object(variables)
    }

    private func exitCodes() -> JSONValue {
        var codes: [String: JSONValue] = [:]
        for (_, reader) in document.objects("error-codes", maximum: 256) {
            guard case .integer(let code)? = reader.members["code"] else { continue }
            codes[String(code)] = reader.members["description"]
        }
        return .object(codes)
    }

    private func tags() -> JSONValue {
        guard case .object(let tags)? = document.members["tags"] else { return [] }
        let words = tags.sorted { $0.key < $1.key }.flatMap { key, value -> [String] in
            switch value {
            case .string(let word): [word]
            case .array(let words): words.compactMap(\.string)
            case .boolean(true): [key]
            default: []
            }
        }
        return .array(words.prefix(20).map { .string(String($0.prefix(50))) })
    }

    private func resources() -> JSONValue {
        guard case .object(let wanted)? = document.members["suggested-resources"] else { return [:] }
        var resources: [String: JSONValue] = ["x-boutiques": .object(wanted)]
        switch wanted["walltime-estimate"] {
        case .integer(let seconds)? where seconds > 0: resources["time"] = .integer(seconds)
        case .number(let seconds)? where seconds > 0 && seconds < 1e9:
            resources["time"] = .integer(Int(seconds.rounded(.up)))
        default: break
        }
        switch wanted["disk-space"] {
        case .integer(let gigabytes)? where gigabytes > 0 && gigabytes < 1_000_000:
            resources["disk"] = .integer(gigabytes * 1_000_000_000)
        default: break
        }
        return .object(resources)
    }
}

extension JSONValue {
    var string: String? {
        if case .string(let text) = self { text } else { nil }
    }
}
