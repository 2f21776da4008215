import FoundationEssentials
import PanalCore

/// Reads the fields of a manifest.
struct InputReader {
    static let keys = [
        "name", "id", "type", "description", "optional", "default", "list", "minItems", "maxItems", "multiline",
        "choices", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "step", "minLength", "maxLength",
        "pattern", "accept", "maxBytes", "flag", "separator", "listSeparator", "via", "variable",
    ]
    private static let allKeys = keys + RuleReader.inputKeys + RuleReader.spellings.keys
    private static let suggestedKeys = keys + RuleReader.inputKeys
    static let foreign = [
        "command-line-flag": "flag", "command-line-flag-separator": "separator", "value-choices": "choices",
        "default-value": "default", "list-separator": "listSeparator", "min-list-entries": "minItems",
        "max-list-entries": "maxItems", "exclusive-minimum": "exclusiveMinimum", "enum": "choices",
        "options": "choices", "exclusive-maximum": "exclusiveMaximum", "label": "name", "title": "name",
        "required": "optional", "min": "minimum", "max": "maximum", "extensions": "accept", "integer": "type",
        "requires-inputs": "requires", "disables-inputs": "disables", "visibleIf": "showIf", "when": "showIf",
        "value-key": "id", "env": "variable", "help": "description", "multiple": "list", "regex": "pattern",
    ]
    /// Choices of a field.
    static let maximumChoices = 10_000

    let reader: DocumentReader
    let type: InputType
    let isList: Bool

    static func inputs(_ document: DocumentReader) -> [(reader: DocumentReader, input: ManifestInput)] {
        var inputs: [(reader: DocumentReader, input: ManifestInput)] = []
        var owners: [String: Int] = [:]
        for (index, reader) in document.objects("inputs", maximum: Manifest.maximumInputs) {
            reader.reportUnknownKeys(known: allKeys, suggested: suggestedKeys, foreign: foreign)
            guard var input = input(reader, index: index) else { continue }
            input.position = index
            if let owner = owners[input.id] {
                reader.report(reader.has("id") ? "id" : "name", .idTwice, .text(input.id), .number(owner))
            }
            owners[input.id] = owners[input.id] ?? index
            inputs.append((reader, input))
        }
        for (_, input) in inputs.filter({ $0.input.route == .standardInput }).dropFirst() {
            document.report("inputs", .secondStandardInput, .text(input.id))
        }
        return inputs
    }

    /// Nil when name or type are wrong: nothing else can be judged then.
    private static func input(_ reader: DocumentReader, index: Int) -> ManifestInput? {
        let name = reader.text("name", maximum: 200)
        if !reader.has("name") { reader.report(nil, .fieldHasNoName) }
        guard let type = type(reader), let name else { return nil }
        return InputReader(reader: reader, type: type, isList: reader.boolean("list") ?? false)
            .input(name: name, index: index)
    }

    private static func type(_ reader: DocumentReader) -> InputType? {
        let words = InputType.allCases.map(\.rawValue)
        guard reader.has("type") else {
            reader.report(nil, .noType, .list(words))
            return nil
        }
        guard let word = reader.text("type", maximum: 40) else { return nil }
        if let type = InputType(word: word) { return type }
        reader.report("type", .unknownType, .text(word), .nearest(to: word, among: words))
        return nil
    }

    private func input(name: String, index: Int) -> ManifestInput {
        let id = id(name: name, index: index)
        let items = items()
        var input = ManifestInput(id: id, name: name, type: type, isList: isList)
        input.route = route(id: id)
        input.description = reader.text("description", maximum: 4_000, lines: true)
        input.isOptional = reader.boolean("optional") ?? false
        (input.minimumItems, input.maximumItems) = (items.lowerBound, items.upperBound)
        input.isMultiline = flag("multiline", for: [.text])
        input.choices = choices()
        input.minimum = bound("minimum")
        input.maximum = bound("maximum")
        input.step = step()
        input.minimumLength = length("minLength")
        input.maximumLength = length("maxLength")
        input.pattern = pattern()
        if input.pattern != nil {
            if let most = input.maximumLength, most > Pattern.maximumValueCharacters {
                reader.report("maxLength", .patternLength, .number(Pattern.maximumValueCharacters))
            }
            input.maximumLength = min(input.maximumLength ?? .max, Pattern.maximumValueCharacters)
        }
        input.accept = accept()
        input.maximumBytes = maximumBytes(input.route)
        input.flag = reader.text("flag", maximum: 200)
        input.separator = reader.text("separator", minimum: 0, maximum: 20)
        input.listSeparator = listSeparator()
        checkRanges(input)
        if reader.has("separator"), input.flag == nil { reader.report("separator", .separatorWithoutFlag) }
        // Boutiques says a blank for what is here two arguments.
        if input.separator == " " { input.separator = nil }
        if type == .boolean, input.separator != nil { reader.report("separator", .separatorOfBoolean) }
        readDefault(&input)
        return input
    }

    // MARK: Members

    private func id(name: String, index: Int) -> String {
        if reader.has("id") {
            guard let id = reader.text("id", maximum: 64) else { return "field_\(index + 1)" }
            if !Slug.isFieldID(id) {
                let near = Slug.fieldID(id)
                reader.report("id", .idOfField, .optional(.write, near.isEmpty ? nil : near))
            }
            return id
        }
        let slug = Slug.fieldID(name)
        return slug.isEmpty ? "field_\(index + 1)" : slug
    }

    private func items() -> ClosedRange<Int> {
        guard isList else {
            for key in ["minItems", "maxItems"] where reader.has(key) { reader.report(key, .countsList) }
            return 1...1
        }
        if type == .boolean || type == .secret { reader.report("list", .notForType, .text(type.rawValue)) }
        let least = reader.integer("minItems", in: 1...1_000) ?? 1
        let most = reader.integer("maxItems", in: 1...1_000) ?? max(100, least)
        guard least <= most else {
            reader.report("minItems", .moreThanOther, .number(least), "maxItems", .number(most))
            return 1...1
        }
        return least...most
    }

    private func maximumBytes(_ route: InputRoute) -> Int? {
        let most = route == .standardInput ? AttemptSpec.maximumStandardInput : Int(1) << 50
        let stated = allowed("maxBytes", for: [.file]) ? reader.integer("maxBytes", in: 1...Int(1) << 50) : nil
        if let stated, stated > most {
            reader.report("maxBytes", .standardInputTooLarge, .text(ByteCount.text(most)))
        }
        return stated ?? (type == .file && route == .standardInput ? most : nil)
    }

    private func route(id: String) -> InputRoute {
        let word = (reader.text("via", maximum: 40) ?? "argument").lowercased()
        if reader.has("variable"), word != "environment" { reader.report("variable", .variableWithoutVia) }
        switch word {
        case "argument": return .argument
        case "stdin":
            if type == .file, isList { reader.report("via", .standardInputOfFiles) }
            if type == .secret { reader.report("via", .viaOfSecret, .text(word)) }
            return .standardInput
        case "environment":
            let variable = reader.text("variable", maximum: 64) ?? id.uppercased()
            if !VariableName.isValid(variable) {
                reader.report(reader.has("variable") ? "variable" : "via", .viaVariable, .text(variable))
            }
            if isList, !reader.has("listSeparator") { reader.report("via", .listNeedsSeparator) }
            return .environment(variable: variable)
        case "file":
            if type == .secret { reader.report("via", .viaOfSecret, .text(word)) }
            // The path of a file is what an argument is.
            return type == .file ? .argument : .file
        default:
            reader.report("via", .unknownVia, .text(word))
            return .argument
        }
    }

    private func accept() -> [String] {
        guard reader.has("accept"), allowed("accept", for: [.file]) else { return [] }
        let kinds = (reader.texts("accept", maximum: 50, length: 100) ?? []).map { $0.lowercased() }
        for (index, kind) in kinds.enumerated() where !AcceptedFile.isWellFormed(kind) {
            reader.mistakes.add(reader.pointer + ["accept", String(index)], .acceptKind, .text(kind))
        }
        return kinds
    }

    private func length(_ key: String) -> Int? {
        guard reader.has(key), allowed(key, for: [.text, .secret]) else { return nil }
        return reader.integer(key, in: 0...ManifestInput.maximumTextBytes)
    }

    private func pattern() -> Pattern? {
        guard reader.has("pattern"), allowed("pattern", for: [.text, .secret]),
            let source = reader.text("pattern", maximum: Pattern.maximumCharacters)
        else { return nil }
        do {
            return try Pattern(source)
        } catch {
            reader.report("pattern", error.remark)
            return nil
        }
    }

    private func listSeparator() -> String? {
        guard reader.has("listSeparator") else { return nil }
        if !isList { reader.report("listSeparator", .joinsList) }
        return reader.text("listSeparator", minimum: 0, maximum: 20)
    }

    private func flag(_ key: String, for types: [InputType]) -> Bool {
        guard reader.has(key), allowed(key, for: types) else { return false }
        return reader.boolean(key) ?? false
    }

    /// Whether a key means something for this type; a mistake where it is there and does not.
    func allowed(_ key: String, for types: [InputType]) -> Bool {
        guard reader.has(key), !types.contains(type) else { return true }
        reader.report(key, .notForTypeOnly, .text(type.rawValue), .list(types.map(\.rawValue)))
        return false
    }
}
