package import PanalCore

/// What kind of value a field takes.
package enum InputType: String, Hashable, Sendable, CaseIterable {
    case text
    /// A decimal number: `3`, `-0.5`, `1e-3`.
    case number
    /// A whole number that fits into 64 bits.
    case integer
    /// True or false; a form shows a box to tick.
    case boolean
    /// One of `choices`, or several of them for a list.
    case choice
    case file
    /// `2026-11-21`
    case date
    /// `14:30` or `14:30:15`
    case time
    /// An e-mail address.
    case email
    /// An absolute `http` or `https` address.
    case url
    /// `#1e90ff`
    case colour
    /// Any JSON document.
    case json
    /// A text that is shown nowhere again.
    case secret

    /// Words that mean the same, Boutiques' spellings among them, in lower case.
    private static let synonyms: [String: InputType] = [
        "string": .text, "float": .number, "double": .number, "int": .integer, "flag": .boolean, "bool": .boolean,
        "e-mail": .email, "uri": .url, "color": .colour, "password": .secret,
    ]

    /// Reads the word of a manifest, in any case.
    init?(word: String) {
        let word = word.lowercased()
        guard let type = InputType(rawValue: word) ?? Self.synonyms[word] else { return nil }
        self = type
    }

    /// In mistakes, after *takes* and *should be*.
    var phrase: ManifestPhrase {
        switch self {
        case .text: .typeText
        case .number: .typeNumber
        case .integer: .typeInteger
        case .boolean: .typeBoolean
        case .choice: .typeChoice
        case .file: .typeFile
        case .date: .typeDate
        case .time: .typeTime
        case .email: .typeEmail
        case .url: .typeURL
        case .colour: .typeColour
        case .json: .typeJSON
        case .secret: .typeSecret
        }
    }
}

/// How a value reaches the program.
package enum InputRoute: Hashable, Sendable {
    /// In argv; a file as its path.
    case argument
    /// As standard input: the bytes of one file, or the text of the value.
    case standardInput
    /// In a file of its own, whose path is the argument.
    case file
    /// As a variable of the environment; a file as its path.
    case environment(variable: String)
}

/// One of the values that a field offers.
package struct Choice: Hashable, Sendable {
    /// What the program gets.
    package var value: String
    /// What people read.
    package var label: String

    package init(value: String, label: String) {
        self.value = value
        self.label = label
    }
}

/// The end of a range.
package struct Bound: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case integer(Int)
        case number(Double)
        /// A date or a time, whose texts sort as they follow each other.
        case text(String)
    }

    package var value: Value
    /// Whether the bound itself is outside the range.
    package var isExclusive: Bool

    package init(value: Value, isExclusive: Bool) {
        self.value = value
        self.isExclusive = isExclusive
    }

    /// As a form's attribute and as messages show it.
    package var text: String {
        switch value {
        case .integer(let value): String(value)
        case .number(let value): value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
        case .text(let value): value
        }
    }

    /// The bound of a number as a floating point value; nil for dates and times.
    package var number: Double? {
        switch value {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .text: nil
        }
    }
}

/// One field: what a form shows, what an endpoint takes, and how the program gets it.
package struct ManifestInput: Hashable, Sendable {
    /// 1 to 64 characters of `a-z`, `0-9`, `_`; unique in its manifest.
    package var id: String
    /// The label, in any language.
    package var name: String
    package var type: InputType
    package var description: String?
    /// Whether the field may be left out although it has no default.
    package var isOptional: Bool
    /// What holds when the field is left out, as the manifest says it; a list for a list field.
    package var defaultValue: JSONValue?
    /// Whether several values may be given.
    package var isList: Bool
    /// Values of a list; 1 and 1 where the field is no list.
    package var minimumItems: Int
    package var maximumItems: Int
    /// Whether a form shows several lines for a text.
    package var isMultiline: Bool
    /// Values that are allowed; nil when any is.
    package var choices: [Choice]? { didSet { choiceValues = choices.map { Set($0.map(\.value)) } } }
    /// The values of `choices`, of which there may be ten thousand.
    private(set) var choiceValues: Set<String>?
    package var minimum: Bound?
    package var maximum: Bound?
    /// Values are this far from each other, counted from `minimum` or 0.
    package var step: Double?
    /// Characters of a text (Unicode scalars, as JSON Schema counts).
    package var minimumLength: Int?
    package var maximumLength: Int?
    /// What a whole text has to match.
    package var pattern: Pattern?
    /// What files are expected: endings (`.png`) and media types (`image/png`, `image/*`), in lower case; empty when
    /// any is.
    package var accept: [String]
    /// Largest size of one file; nil when only the server's own limit holds.
    package var maximumBytes: Int?
    /// Stands before the value in argv: `--size`.
    package var flag: String?
    /// Between flag and value in one argument (`=`); nil when they are two arguments.
    package var separator: String?
    /// Joins the values of a list into one argument; nil when each is its own.
    package var listSeparator: String?
    package var route: InputRoute
    /// When the field is asked for; nil for always. Its section's condition is part of it.
    package var showIf: Condition?
    /// Ids of fields that are needed, or may not be given, when this one is given.
    package var requires: [String] = []
    package var disables: [String] = []
    /// The same for single values, in their canonical form.
    package var valueRequires: [String: [String]] = [:]
    package var valueDisables: [String: [String]] = [:]
    /// Where it stands among the document's inputs.
    var position = 0
    /// Of a field that is one of several because its block is given several times: which one it is.
    package var place: BlockPlace?

    /// The label, with the block's where there are several of it.
    package var label: String { place.map { "\($0.label): \(name)" } ?? name }

    /// The JSON pointer to its value in a submission.
    package var pointer: String { JSONPointer.text(BlockPlace.pointer(to: id)) }

    /// The id of the manifest's own field, of which there may be several because its block is given several times.
    package var fieldID: String { place?.field ?? id }

    /// A field of which nothing more is known: one text, that is needed, in argv.
    init(id: String, name: String, type: InputType, isList: Bool) {
        self.id = id
        self.name = name
        self.type = type
        self.isList = isList
        isOptional = false
        minimumItems = 1
        maximumItems = 1
        isMultiline = false
        accept = []
        route = .argument
    }

    /// Whether its value is written into argv, as it is or as the path of a file.
    package var isArgument: Bool { route == .argument || route == .file }

    /// Whether a submission must have a value for it, if it is asked for. A tick box never must: left out, it is false.
    package var isRequired: Bool { !isOptional && defaultValue == nil && type != .boolean }

    /// The default as texts, as a form fills them in; empty when there is none.
    package var defaultTexts: [String] {
        guard let defaultValue else { return [] }
        if isList, case .array(let values) = defaultValue { return values.map { $0.submittedText } }
        return [defaultValue.submittedText]
    }
}

extension JSONValue {
    /// The value as a submission's text: scalars as they are written, the rest as JSON.
    package var submittedText: String {
        switch self {
        case .string(let text): return text
        case .integer(let value): return String(value)
        case .boolean(let value): return value ? "true" : "false"
        case .number, .null, .array, .object:
            guard let bytes = try? serialized() else { return "null" }
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
