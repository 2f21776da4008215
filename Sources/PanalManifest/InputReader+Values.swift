import PanalCore

// Which values a field takes: choices, ranges, and the default.

extension InputReader {
    private static let chosen: [InputType] = [
        .choice, .text, .number, .integer, .date, .time, .email, .url, .colour,
    ]
    private static let ranged: [InputType] = [.number, .integer, .date, .time]

    func choices() -> [Choice]? {
        guard reader.has("choices") else {
            if type == .choice { reader.report(nil, .choiceWithoutChoices) }
            return nil
        }
        guard allowed("choices", for: Self.chosen),
            let elements = reader.array("choices", maximum: Self.maximumChoices)
        else { return nil }
        if elements.isEmpty { reader.report("choices", .noChoices) }
        var choices: [Choice] = []
        var values: Set<String> = []
        for (index, element) in elements.enumerated() {
            guard let choice = choice(element, index) else { continue }
            if !values.insert(choice.value).inserted {
                reader.mistakes.add(reader.pointer + ["choices", String(index)], .choiceTwice, .text(choice.value))
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
                object.report(nil, .choiceWithoutValue)
                return nil
            }
            let value: String?
            switch object.members["value"] {
            case .integer?, .number?: value = object.members["value"]?.submittedText
            default: value = object.text("value", maximum: 500)
            }
            return value.map { Choice(value: $0, label: object.text("label", maximum: 500) ?? $0) }
        default:
            reader.mistakes.add(place, .choiceKind, element.kindPhrase)
            return nil
        }
    }

    // MARK: Ranges

    func step() -> Double? {
        guard let value = reader.members["step"], allowed("step", for: [.number, .integer]) else { return nil }
        switch value {
        case .integer(let step) where step > 0: return Double(step)
        case .number(let step) where step > 0 && type == .number: return step
        default:
            reader.report("step", type == .integer ? .wholeStepAbove : .stepAbove)
            return nil
        }
    }

    /// `minimum` or `maximum` with its exclusive form: JSON Schema's number, or Boutiques' true beside the plain bound.
    func bound(_ key: String) -> Bound? {
        let exclusiveKey = key == "minimum" ? "exclusiveMinimum" : "exclusiveMaximum"
        guard allowed(key, for: Self.ranged), allowed(exclusiveKey, for: Self.ranged) else { return nil }
        let plain = reader.members[key].flatMap { boundValue($0, key) }
        switch reader.members[exclusiveKey] {
        case nil: return plain.map { Bound(value: $0, isExclusive: false) }
        case .boolean(let isExclusive)?:
            if plain == nil, isExclusive { reader.report(exclusiveKey, .exclusiveWithoutBound, .text(key)) }
            return plain.map { Bound(value: $0, isExclusive: isExclusive) }
        case let value?:
            if reader.has(key) { reader.report(exclusiveKey, .bothThere, .text(key)) }
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
        case (.date, _): reader.report(key, .shouldBeDate)
        case (.time, _): reader.report(key, .shouldBeTime)
        case (.integer, _): reader.report(key, .shouldBeWholeNumber)
        default: reader.report(key, .shouldBeNumber)
        }
        return nil
    }

    func checkRanges(_ input: ManifestInput) {
        if let least = input.minimum, let most = input.maximum {
            let isEmpty: Bool
            if let low = least.number, let high = most.number {
                isEmpty = low > high || (low == high && (least.isExclusive || most.isExclusive))
            } else {
                isEmpty = least.text > most.text
            }
            if isEmpty { reader.report(nil, .emptyRange, .text(least.text), .text(most.text)) }
        }
        if let least = input.minimumLength, let most = input.maximumLength, least > most {
            reader.report("minLength", .moreThanOther, .number(least), "maxLength", .number(most))
        }
        for (index, choice) in (input.choices ?? []).enumerated() {
            guard !reader.mistakes.isFull else { return }
            do {
                _ = try input.accepted(choice.value)
            } catch {
                reader.mistakes.add(reader.pointer + ["choices", String(index)], error.remark)
            }
        }
    }

    // MARK: Defaults

    /// The default has to be what a submission could say.
    func readDefault(_ input: inout ManifestInput) {
        guard let value = reader.members["default"], value != .null else { return }
        if type == .file || type == .secret {
            reader.report("default", .notForType, .text(type.rawValue))
            return
        }
        let values: [JSONValue]
        if isList {
            guard case .array(let elements) = value, (input.minimumItems...input.maximumItems).contains(elements.count)
            else {
                reader.report("default", .defaultCount, .number(input.minimumItems), .number(input.maximumItems))
                return
            }
            values = elements
        } else {
            values = [value]
        }
        let characters = values.reduce(0) { $0 + $1.submittedText.unicodeScalars.count }
        if input.pattern != nil, characters > Pattern.maximumDefaultCharacters {
            reader.report(
                "default", .patternDefault, .number(characters), .number(Pattern.maximumDefaultCharacters))
            return
        }
        for element in values {
            if !fits(element) {
                reader.report("default", .isKindShouldBe, element.kindPhrase, .phrase(type.phrase))
                return
            }
            do {
                _ = try input.accepted(element.submittedText)
            } catch {
                reader.report("default", error.remark)
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
