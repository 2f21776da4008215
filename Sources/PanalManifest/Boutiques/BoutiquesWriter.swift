package import PanalCore

extension Manifest {
    /// The manifest as a Boutiques descriptor (schema-version 0.5). What Boutiques has no word for (conditions, sections,
    /// patterns, dates) becomes as wide as it has to be, so that it takes all that the manifest takes; the manifest itself
    /// goes along under `custom`, as `document`.
    ///
    /// Throws what would make another command line of it: Boutiques has neither standard input nor files of texts, nor a
    /// list whose every value has a joined flag, nor blocks of fields that are given several times, nor text that goes when the field in it or beside it was left out; and it
    /// needs at least one input.
    package func boutiquesDescriptor(document: JSONValue) throws(ManifestError) -> JSONValue {
        let mistakes = MistakeList()
        // A list of Boutiques has one field; several fields that belong together it has no word for.
        for index in repeats.indices { mistakes.add(["repeats", String(index)], .boutiquesCannotSay) }
        if allInputs.isEmpty { mistakes.add(["inputs"], .boutiquesNoInputs) }
        for (index, part) in command.parts.enumerated() where part.isTogether {
            mistakes.add(["command", String(index)], .boutiquesCannotSay)
        }
        let both = insideText.intersection(command.elements.compactMap(\.wholeInput))
        for (index, input) in inputs.enumerated()
        where !input.isBoutiques || (input.flag != nil && both.contains(input.id))
            || (insideText.contains(input.id) && input.mayHaveNoValue)
        {
            mistakes.add(["inputs", String(index)], .boutiquesCannotSay)
        }
        guard mistakes.mistakes.isEmpty else { throw ManifestError(mistakes: mistakes.mistakes) }
        var descriptor: [String: JSONValue] = [
            "name": .string(name), "tool-version": .string(version ?? "1"),
            "description": .string(description ?? name), "schema-version": "0.5",
            "command-line": .string(boutiquesCommand), "inputs": .array(inputs.map(boutiquesInput)),
            "custom": ["panal": document],
        ]
        if let author { descriptor["author"] = .string(author) }
        if let url { descriptor["url"] = .string(url) }
        if !tags.isEmpty { descriptor["tags"] = ["panal": .array(tags.map(JSONValue.string))] }
        if !outputs.isEmpty { descriptor["output-files"] = .array(boutiquesOutputs) }
        if !groups.isEmpty { descriptor["groups"] = .array(boutiquesGroups) }
        let variables = boutiquesVariables
        if !variables.isEmpty { descriptor["environment-variables"] = .array(variables) }
        if !exitCodes.isEmpty {
            descriptor["error-codes"] = .array(
                exitCodes.sorted { $0.key < $1.key }.map { code, meaning in
                    ["code": .integer(code), "description": .string(meaning.message)]
                })
        }
        return .object(descriptor)
    }

    // MARK: The command

    /// Inputs that stand among other text: their flag is not part of it.
    private var insideText: Set<String> {
        var ids: Set<String> = []
        for pieces in command.elements where pieces.count > 1 {
            for case .input(let id) in pieces { ids.insert(id) }
        }
        return ids
    }

    private var boutiquesCommand: String {
        command.elements.map { pieces -> String in
            if pieces.count == 1, case .input(let id) = pieces[0] { return Self.valueKey(id) }
            return pieces.map { piece in
                switch piece {
                case .literal(let text): ShellWord.quoted(text)
                case .program: slug
                case .folder: "."
                case .input(let id): Self.valueKey(id)
                }
            }.joined()
        }.joined(separator: " ")
    }

    private static func valueKey(_ id: String) -> String { "[\(id.uppercased())]" }

    // MARK: Inputs

    private func boutiquesInput(_ input: ManifestInput) -> JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(input.id), "name": .string(input.name), "type": .string(input.boutiquesType),
            "value-key": .string(Self.valueKey(input.id)),
        ]
        if let description = input.description { members["description"] = .string(description) }
        if input.isOptional || input.type == .boolean || input.showIf != nil || input.defaultValue != nil {
            members["optional"] = true
        }
        if let value = input.defaultValue, input.boutiquesType != "Flag", input.showIf == nil {
            members["default-value"] = input.boutiquesType == "String" ? .string(input.defaultTexts.joined()) : value
            if input.isList { members["default-value"] = value }
        } else if input.type == .boolean, input.boutiquesType == "String", !input.mayHaveNoValue {
            // Left out, a tick box is false, and the program is told so.
            members["default-value"] = "false"
        }
        if input.isList {
            members["list"] = true
            members["min-list-entries"] = .integer(input.minimumItems)
            members["max-list-entries"] = .integer(input.maximumItems)
            if let separator = input.listSeparator { members["list-separator"] = .string(separator) }
        }
        if let flag = input.flag, !insideText.contains(input.id), input.isArgument {
            members["command-line-flag"] = .string(flag)
            if let separator = input.separator, input.boutiquesType != "Flag" {
                members["command-line-flag-separator"] = .string(separator)
            }
        }
        if let choices = input.choices {
            members["value-choices"] = .array(choices.map { input.choiceSchema($0.value) })
        } else if input.type == .boolean, input.boutiquesType == "String" {
            members["value-choices"] = ["true", "false"]
        }
        addRange(of: input, to: &members)
        addRules(of: input, to: &members)
        return .object(members)
    }

    private func addRange(of input: ManifestInput, to members: inout [String: JSONValue]) {
        guard input.type == .number || input.type == .integer, input.choices == nil else { return }
        if input.type == .integer { members["integer"] = true }
        for (bound, key) in [(input.minimum, "minimum"), (input.maximum, "maximum")] {
            guard let bound else { continue }
            members[key] = bound.json
            if bound.isExclusive { members["exclusive-\(key)"] = true }
        }
    }

    /// Rules that hang on fields which may not be asked for would refuse what the manifest takes.
    private func addRules(of input: ManifestInput, to members: inout [String: JSONValue]) {
        func plain(_ ids: [String]) -> [JSONValue] {
            ids.filter { self.input(id: $0).map { $0.showIf == nil && $0.defaultValue == nil } ?? false }
                .map(JSONValue.string)
        }
        guard input.isOptional || input.type == .boolean, input.showIf == nil else { return }
        let (required, disabled) = (plain(input.requires), plain(input.disables))
        if !required.isEmpty { members["requires-inputs"] = .array(required) }
        if !disabled.isEmpty { members["disables-inputs"] = .array(disabled) }
        guard let choices = input.choices else { return }
        for (rules, key) in [(input.valueRequires, "value-requires"), (input.valueDisables, "value-disables")]
        where !rules.isEmpty {
            members[key] = .object(
                Dictionary(
                    choices.map { ($0.value, JSONValue.array(plain(rules[input.canonical($0.value)] ?? []))) },
                    uniquingKeysWith: { first, _ in first }))
        }
    }

    // MARK: The rest

    private var boutiquesOutputs: [JSONValue] {
        outputs.enumerated().map { index, output in
            let slug = Slug.fieldID(output.name)
            var members: [String: JSONValue] = [
                "id": .string("output_\(index + 1)" + (slug.isEmpty ? "" : "_\(slug)")), "name": .string(output.name),
                "path-template": .string(output.pattern), "optional": .boolean(output.isOptional),
            ]
            if let description = output.description { members["description"] = .string(description) }
            return .object(members)
        }
    }

    private var boutiquesGroups: [JSONValue] {
        groups.enumerated().compactMap { index, group in
            // Of a group only what is asked for counts.
            guard group.inputs.allSatisfy({ input(id: $0)?.showIf == nil }) else { return nil }
            var members: [String: JSONValue] = [
                "id": .string("group_\(index + 1)"), "name": .string(group.name ?? "Group \(index + 1)"),
                "members": .array(group.inputs.map(JSONValue.string)),
            ]
            if let description = group.description { members["description"] = .string(description) }
            switch group.rule {
            case .oneOf:
                members["mutually-exclusive"] = true
                members["one-is-required"] = true
            case .atMostOne: members["mutually-exclusive"] = true
            case .atLeastOne: members["one-is-required"] = true
            case .allOrNone: members["all-or-none"] = true
            }
            return .object(members)
        }
    }

    private var boutiquesVariables: [JSONValue] {
        let fixed = environment.map { (name: $0.name, value: $0.value) }
        let given = inputs.compactMap { input -> (name: String, value: String)? in
            guard case .environment(let name) = input.route else { return nil }
            return (name, Self.valueKey(input.id))
        }
        return (fixed + given).map { ["name": .string($0.name), "value": .string($0.value)] }
    }
}

extension [CommandTemplate.Piece] {
    /// The field that the whole element is.
    fileprivate var wholeInput: String? {
        if count == 1, case .input(let id) = self[0] { id } else { nil }
    }
}

extension ManifestInput {
    fileprivate var boutiquesType: String {
        switch type {
        case .number, .integer: "Number"
        case .boolean: flag == nil || !isArgument ? "String" : "Flag"
        case .file: "File"
        default: "String"
        }
    }

    /// Whether a submission may leave it without one.
    fileprivate var mayHaveNoValue: Bool { showIf != nil || (isOptional && defaultValue == nil) }

    fileprivate var isBoutiques: Bool {
        route != .standardInput && route != .file && !(isList && separator != nil && listSeparator == nil)
    }
}
