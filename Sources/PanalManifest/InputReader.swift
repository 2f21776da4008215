import FoundationEssentials
import PanalCore

/// Reads the fields of a manifest.
struct InputReader {
    private static let keys = [
        "name", "id", "type", "description", "optional", "default", "list", "minItems", "maxItems", "multiline",
        "choices", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "step", "minLength", "maxLength",
        "accept", "maxBytes", "flag", "separator", "listSeparator", "via", "variable",
    ]
    private static let later = [
        "pattern", "showIf", "requires", "disables", "valueRequires", "valueDisables", "value-requires",
        "value-disables", "requires-inputs", "disables-inputs", "section", "group", "repeat",
    ]
    private static let foreign = [
        "command-line-flag": "flag", "command-line-flag-separator": "separator", "value-choices": "choices",
        "default-value": "default", "list-separator": "listSeparator", "min-list-entries": "minItems",
        "max-list-entries": "maxItems", "exclusive-minimum": "exclusiveMinimum", "enum": "choices",
        "options": "choices",
        "exclusive-maximum": "exclusiveMaximum", "label": "name", "title": "name", "required": "optional",
        "min": "minimum", "max": "maximum", "extensions": "accept", "integer": "type", "value-key": "id",
        "env": "variable",
        "help": "description", "multiple": "list",
    ]

    private let reader: DocumentReader
    private let type: InputType
    private let isList: Bool

    static func inputs(_ document: DocumentReader) -> [ManifestInput] {
        let elements = document.array("inputs", maximum: Manifest.maximumInputs) ?? []
        var inputs: [ManifestInput] = []
        var owners: [String: Int] = [:]
        for (index, element) in elements.enumerated() {
            let place = ["inputs", String(index)]
            guard let reader = DocumentReader(element, at: place, document.mistakes) else { continue }
            reader.reportUnknownKeys(known: keys, later: later, foreign: foreign)
            guard let input = input(reader, index: index) else { continue }
            if let owner = owners[input.id] {
                reader.report(
                    reader.has("id") ? "id" : "name",
                    "gives the id ‘\(input.id)’ that entry \(owner) has already; give one of them another \"id\"")
            }
            owners[input.id] = owners[input.id] ?? index
            inputs.append(input)
        }
        for input in inputs.filter({ $0.route == .standardInput }).dropFirst() {
            document.report("inputs", "the field ‘\(input.id)’ is the second that goes to standard input; one can")
        }
        return inputs
    }

    /// Nil when name or type are wrong: nothing else can be judged then.
    private static func input(_ reader: DocumentReader, index: Int) -> ManifestInput? {
        let name = reader.text("name", maximum: 200)
        if !reader.has("name") { reader.report(nil, "has no ‘name’, the label that people read") }
        guard let type = type(reader), let name else { return nil }
        return InputReader(reader: reader, type: type, isList: reader.boolean("list") ?? false)
            .input(name: name, index: index)
    }

    private static func type(_ reader: DocumentReader) -> InputType? {
        let words = InputType.allCases.map(\.rawValue)
        guard reader.has("type") else {
            reader.report(nil, "has no ‘type’; known are \(words.joined(separator: ", "))")
            return nil
        }
        guard let word = reader.text("type", maximum: 40) else { return nil }
        if let type = InputType(word: word) { return type }
        let near = Nearest.to(word, among: words).map { "did you mean ‘\($0)’?" }
        reader.report("type", "‘\(word)’ is no type; \(near ?? "known are \(words.joined(separator: ", "))")")
        return nil
    }

    private func input(name: String, index: Int) -> ManifestInput {
        let id = id(name: name, index: index)
        let items = items()
        let route = route(id: id)
        var input = ManifestInput(
            id: id, name: name, type: type,
            description: reader.text("description", maximum: 4_000, lines: true),
            isOptional: reader.boolean("optional") ?? false, defaultValue: nil, isList: isList,
            minimumItems: items.lowerBound, maximumItems: items.upperBound,
            isMultiline: flag("multiline", for: [.text]), choices: choices(), minimum: bound("minimum"),
            maximum: bound("maximum"), step: step(), minimumLength: length("minLength"),
            maximumLength: length("maxLength"), accept: accept(),
            maximumBytes: maximumBytes(route),
            flag: reader.text("flag", maximum: 200), separator: reader.text("separator", minimum: 0, maximum: 20),
            listSeparator: listSeparator(), route: route)
        checkRanges(input)
        if reader.has("separator"), input.flag == nil {
            reader.report("separator", "stands between flag and value; there is no ‘flag’")
        }
        // Boutiques says a blank for what is here two arguments.
        if input.separator == " " { input.separator = nil }
        if type == .boolean, input.separator != nil {
            reader.report("separator", "has no use: the flag of a boolean stands alone when it is true")
        }
        readDefault(&input)
        return input
    }

    // MARK: Members

    private func id(name: String, index: Int) -> String {
        if reader.has("id") {
            guard let id = reader.text("id", maximum: 64) else { return "field_\(index + 1)" }
            if !Slug.isFieldID(id) {
                let near = Slug.fieldID(id)
                reader.report("id", "should be of a-z, 0-9 and _" + (near.isEmpty ? "" : "; write ‘\(near)’"))
            }
            return id
        }
        let slug = Slug.fieldID(name)
        return slug.isEmpty ? "field_\(index + 1)" : slug
    }

    private func items() -> ClosedRange<Int> {
        guard isList else {
            for key in ["minItems", "maxItems"] where reader.has(key) {
                reader.report(key, "counts the values of a list; add \"list\": true, or leave it out")
            }
            return 1...1
        }
        if type == .boolean || type == .secret {
            reader.report("list", "is not for \(type.rawValue) fields")
        }
        let least = reader.integer("minItems", in: 1...1_000) ?? 1
        let most = reader.integer("maxItems", in: 1...1_000) ?? max(100, least)
        guard least <= most else {
            reader.report("minItems", "\(least) is more than ‘maxItems’, \(most)")
            return 1...1
        }
        return least...most
    }

    private func maximumBytes(_ route: InputRoute) -> Int? {
        let most = route == .standardInput ? AttemptSpec.maximumStandardInput : Int(1) << 50
        let stated = allowed("maxBytes", for: [.file]) ? reader.integer("maxBytes", in: 1...Int(1) << 50) : nil
        if let stated, stated > most {
            reader.report(
                "maxBytes",
                "is more than \(ByteCount.text(most)), the most that standard input takes; with \"via\": \"file\" the "
                    + "program opens the file itself")
        }
        return stated ?? (route == .standardInput ? most : nil)
    }

    private func route(id: String) -> InputRoute {
        let word = reader.text("via", maximum: 40) ?? "argument"
        if reader.has("variable"), word.lowercased() != "environment" {
            reader.report(
                "variable", "names a variable of the environment; add \"via\": \"environment\", or leave it out")
        }
        switch word.lowercased() {
        case "argument": return .argument
        case "stdin":
            if type != .file || isList {
                reader.report(
                    "via",
                    "\"stdin\" is supported by this version for one file only, not for "
                        + (isList ? "lists" : "\(type.rawValue) fields")
                )
            }
            return .standardInput
        case "environment":
            let variable = reader.text("variable", maximum: 64) ?? id.uppercased()
            if !VariableName.isValid(variable) {
                let place = reader.has("variable") ? "variable" : "via"
                reader.report(place, "‘\(variable)’ is no name of a variable; give \"variable\" letters, digits and _")
            }
            if isList, !reader.has("listSeparator") {
                reader.report("via", "a list needs a ‘listSeparator’ to go into one variable")
            }
            return .environment(variable: variable)
        case "file":
            // The path of a file is what an argument is.
            if type != .file {
                reader.report(
                    "via", "\"file\" is supported for file fields only by this version, not for \(type.rawValue) fields"
                )
            }
            return .argument
        default:
            reader.report("via", "‘\(word)’ is no way to the program; known are argument, stdin, environment, file")
            return .argument
        }
    }

    private func choices() -> [Choice]? {
        guard reader.has("choices") else {
            if type == .choice { reader.report(nil, "a choice needs ‘choices’: [\"one\", \"other\"]") }
            return nil
        }
        guard allowed("choices", for: [.choice, .text, .number, .integer, .date, .time, .email, .url, .colour]),
            let elements = reader.array("choices", maximum: 1_000)
        else { return nil }
        if elements.isEmpty { reader.report("choices", "is empty; at least one value is needed") }
        var choices: [Choice] = []
        for (index, element) in elements.enumerated() {
            guard let choice = choice(element, index) else { continue }
            if choices.contains(where: { $0.value == choice.value }) {
                reader.mistakes.add(reader.pointer + ["choices", String(index)], "‘\(choice.value)’ stands twice")
            }
            choices.append(choice)
        }
        return choices
    }

    private func choice(_ element: JSONValue, _ index: Int) -> Choice? {
        let place = reader.pointer + ["choices", String(index)]
        switch element {
        case .string, .integer, .number:
            let entry = DocumentReader(
                .object([String(index): .string(element.submittedText)]), at: reader.pointer + ["choices"],
                reader.mistakes)
            return entry?.text(String(index), maximum: 500).map { Choice(value: $0, label: $0) }
        case .object:
            guard let object = DocumentReader(element, at: place, reader.mistakes) else { return nil }
            object.reportUnknownKeys(known: ["value", "label"], foreign: ["name": "label", "id": "value"])
            guard object.has("value") else {
                object.report(nil, "has no ‘value’")
                return nil
            }
            guard let value = object.text("value", maximum: 500) else { return nil }
            return Choice(value: value, label: object.text("label", maximum: 500) ?? value)
        default:
            reader.mistakes.add(
                place, "is \(element.kind), should be a text, a number, or {\"value\": …, \"label\": …}")
            return nil
        }
    }

    private func accept() -> [String] {
        guard reader.has("accept"), allowed("accept", for: [.file]) else { return [] }
        let kinds = (reader.texts("accept", maximum: 50, length: 100) ?? []).map { $0.lowercased() }
        for (index, kind) in kinds.enumerated() where !AcceptedFile.isWellFormed(kind) {
            reader.mistakes.add(
                reader.pointer + ["accept", String(index)],
                "‘\(kind)’ is neither an ending such as \".png\" nor a media type such as \"image/png\" or \"image/*\"")
        }
        return kinds
    }

    private func length(_ key: String) -> Int? {
        guard reader.has(key), allowed(key, for: [.text, .secret]) else { return nil }
        return reader.integer(key, in: 0...ManifestInput.maximumTextBytes)
    }

    private func listSeparator() -> String? {
        guard reader.has("listSeparator") else { return nil }
        if !isList { reader.report("listSeparator", "joins the values of a list; add \"list\": true, or leave it out") }
        return reader.text("listSeparator", minimum: 0, maximum: 20)
    }

    private func flag(_ key: String, for types: [InputType]) -> Bool {
        guard reader.has(key), allowed(key, for: types) else { return false }
        return reader.boolean(key) ?? false
    }

    /// Whether a key means something for this type; a mistake where it is there and does not.
    private func allowed(_ key: String, for types: [InputType]) -> Bool {
        guard reader.has(key), !types.contains(type) else { return true }
        let words = types.map(\.rawValue).joined(separator: ", ")
        reader.report(key, "is not for \(type.rawValue) fields, only for: \(words)")
        return false
    }
}

// MARK: - Ranges

extension InputReader {
    private static let ranged: [InputType] = [.number, .integer, .date, .time]

    private func step() -> Double? {
        guard let value = reader.members["step"], allowed("step", for: [.number, .integer]) else { return nil }
        switch value {
        case .integer(let step) where step > 0: return Double(step)
        case .number(let step) where step > 0 && type == .number: return step
        default:
            reader.report("step", "should be a \(type == .integer ? "whole " : "")number above 0")
            return nil
        }
    }

    /// `minimum` or `maximum` with its exclusive form: JSON Schema's number, or Boutiques' true beside the plain bound.
    private func bound(_ key: String) -> Bound? {
        let exclusiveKey = key == "minimum" ? "exclusiveMinimum" : "exclusiveMaximum"
        guard allowed(key, for: Self.ranged), allowed(exclusiveKey, for: Self.ranged) else { return nil }
        let plain = reader.members[key].flatMap { boundValue($0, key) }
        switch reader.members[exclusiveKey] {
        case nil: return plain.map { Bound(value: $0, isExclusive: false) }
        case .boolean(let isExclusive)?:
            if plain == nil, isExclusive { reader.report(exclusiveKey, "is true, and there is no ‘\(key)’") }
            return plain.map { Bound(value: $0, isExclusive: isExclusive) }
        case let value?:
            if reader.has(key) { reader.report(exclusiveKey, "and ‘\(key)’ are both there; keep one of them") }
            return boundValue(value, exclusiveKey).map { Bound(value: $0, isExclusive: true) }
        }
    }

    private func boundValue(_ value: JSONValue, _ key: String) -> Bound.Value? {
        switch (type, value) {
        case (.integer, .integer(let number)): return .integer(number)
        case (.number, .integer(let number)): return .integer(number)
        case (.number, .number(let number)): return .number(number)
        case (.date, .string(let text)) where CalendarText.isDate(text): return .text(text)
        case (.time, .string(let text)) where CalendarText.isTime(text): return .text(text)
        case (.date, _): reader.report(key, "should be a date such as \"2026-11-21\"")
        case (.time, _): reader.report(key, "should be a time such as \"14:30\"")
        case (.integer, _): reader.report(key, "should be a whole number")
        default: reader.report(key, "should be a number")
        }
        return nil
    }

    private func checkRanges(_ input: ManifestInput) {
        if let least = input.minimum, let most = input.maximum {
            let isEmpty: Bool
            if let low = least.number, let high = most.number {
                isEmpty = low > high || (low == high && (least.isExclusive || most.isExclusive))
            } else {
                isEmpty = least.text > most.text
            }
            if isEmpty {
                reader.report(nil, "no value lies between ‘minimum’ \(least.text) and ‘maximum’ \(most.text)")
            }
        }
        if let least = input.minimumLength, let most = input.maximumLength, least > most {
            reader.report("minLength", "\(least) is more than ‘maxLength’, \(most)")
        }
        for (index, choice) in (input.choices ?? []).enumerated() {
            do {
                _ = try input.accepted(choice.value)
            } catch {
                reader.mistakes.add(reader.pointer + ["choices", String(index)], error.detail)
            }
        }
    }

    // MARK: Defaults

    /// The default has to be what a submission could say.
    private func readDefault(_ input: inout ManifestInput) {
        guard let value = reader.members["default"], value != .null else { return }
        if type == .file || type == .secret {
            reader.report("default", "is not for \(type.rawValue) fields")
            return
        }
        let values: [JSONValue]
        if isList {
            guard case .array(let elements) = value, (input.minimumItems...input.maximumItems).contains(elements.count)
            else {
                reader.report("default", "should be a list of \(input.minimumItems) to \(input.maximumItems) values")
                return
            }
            values = elements
        } else {
            values = [value]
        }
        for element in values {
            if !fits(element) {
                reader.report(
                    "default",
                    "is \(element.kind), should be \(type.wording)")
                return
            }
            do {
                _ = try input.accepted(element.submittedText)
            } catch {
                reader.report("default", error.detail)
                return
            }
        }
        input.defaultValue = value
    }

    private func fits(_ value: JSONValue) -> Bool {
        switch (type, value) {
        case (.json, _), (.boolean, .boolean), (.number, .integer), (.number, .number), (.integer, .integer): true
        case (.boolean, _), (.number, _), (.integer, _): false
        case (.choice, .integer), (.choice, .number): true
        case (_, .string(let text)): !text.isEmpty
        default: false
        }
    }
}
