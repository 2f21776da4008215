import PanalCore

/// Collects the mistakes of one document, up to a number that a person still reads.
final class MistakeList {
    static let limit = 100

    private(set) var mistakes: [Mistake] = []
    /// Nothing more is taken: whoever reads on needs not look for what is wrong.
    private(set) var isFull = false

    func add(_ pointer: [String], _ phrase: ManifestPhrase, _ values: Remark.Value...) {
        add(pointer, Remark(phrase, all: values))
    }

    func add(_ pointer: [String], _ remark: Remark) {
        add(Mistake(pointer, remark))
    }

    func add(_ mistake: Mistake) {
        guard !isFull else { return }
        mistakes.append(mistake)
        if mistakes.count == Self.limit {
            isFull = true
            mistakes.append(Mistake([], Remark(.moreMistakes)))
        }
    }
}

/// Reads the members of one object and reports, by place, what is not as it should be. A member that is wrong reads as
/// nil, so that reading goes on and finds the other mistakes too.
struct DocumentReader {
    let members: [String: JSONValue]
    let pointer: [String]
    let mistakes: MistakeList

    /// Nil, and a mistake, when `value` is no object.
    init?(_ value: JSONValue, at pointer: [String], _ mistakes: MistakeList) {
        guard case .object(let members) = value else {
            mistakes.add(pointer, .shouldBeObject, value.kindPhrase)
            return nil
        }
        self.members = members
        self.pointer = pointer
        self.mistakes = mistakes
    }

    func report(_ key: String?, _ phrase: ManifestPhrase, _ values: Remark.Value...) {
        report(key, Remark(phrase, all: values))
    }

    func report(_ key: String?, _ remark: Remark) {
        mistakes.add(place(key), remark)
    }

    func place(_ key: String?) -> [String] { pointer + (key.map { [$0] } ?? []) }

    func has(_ key: String) -> Bool { members[key] != nil }

    /// A text of `minimum` to `maximum` characters.
    func text(_ key: String, minimum: Int = 1, maximum: Int, lines: Bool = false) -> String? {
        guard let value = members[key] else { return nil }
        guard case .string(let text) = value else {
            report(key, .shouldBeText, value.kindPhrase)
            return nil
        }
        return checkedText(text, key, minimum: minimum, maximum: maximum, lines: lines)
    }

    private func checkedText(_ text: String, _ key: String, minimum: Int, maximum: Int, lines: Bool) -> String? {
        let length = text.unicodeScalars.count
        if length < minimum || (minimum > 0 && text.allSatisfy(\.isWhitespace)) {
            report(key, .isEmpty)
            return nil
        }
        if length > maximum {
            report(key, .tooManyCharacters, .number(length), .number(maximum))
            return nil
        }
        let isClean = text.unicodeScalars.allSatisfy { scalar in
            scalar.properties.generalCategory != .control
                || (lines && (scalar == "\n" || scalar == "\t" || scalar == "\r"))
        }
        if !isClean {
            report(key, lines ? .controlCharacter : .controlCharacterOrBreak)
            return nil
        }
        return text
    }

    func boolean(_ key: String) -> Bool? {
        guard let value = members[key] else { return nil }
        guard case .boolean(let flag) = value else {
            report(key, .shouldBeBoolean, value.kindPhrase)
            return nil
        }
        return flag
    }

    func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = members[key] else { return nil }
        guard case .integer(let number) = value, range.contains(number) else {
            report(key, .wholeNumberFromTo, .number(range.lowerBound), .number(range.upperBound))
            return nil
        }
        return number
    }

    func array(_ key: String, maximum: Int) -> [JSONValue]? {
        guard let value = members[key] else { return nil }
        guard case .array(let elements) = value else {
            report(key, .shouldBeList, value.kindPhrase)
            return nil
        }
        guard elements.count <= maximum else {
            report(key, .tooManyEntries, .number(elements.count), .number(maximum))
            return nil
        }
        return elements
    }

    /// A list of texts of 1 to `length` characters.
    func texts(_ key: String, maximum: Int, length: Int) -> [String]? {
        guard let elements = array(key, maximum: maximum) else { return nil }
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            guard let entry = DocumentReader(.object([String(index): element]), at: pointer + [key], mistakes),
                let text = entry.text(String(index), maximum: length)
            else { continue }
            texts.append(text)
        }
        return texts
    }

    /// Each object of a list, with its reader.
    func objects(_ key: String, maximum: Int) -> [(index: Int, reader: DocumentReader)] {
        (array(key, maximum: maximum) ?? []).enumerated().compactMap { index, element in
            DocumentReader(element, at: pointer + [key, String(index)], mistakes).map { (index, $0) }
        }
    }

    /// Names the keys that mean nothing here. Keys that begin with `x-` are the author's own and are skipped.
    ///
    /// - Parameters:
    ///   - suggested: The keys that are named; `known` has other spellings besides.
    ///   - foreign: What other formats call a key, and what it is here.
    func reportUnknownKeys(known: [String], suggested: [String]? = nil, foreign: [String: String] = [:]) {
        let suggested = suggested ?? known
        for key in members.keys.sorted() where !known.contains(key) && !key.hasPrefix("x-") {
            // Each is compared with every known key, and a document may have tens of thousands.
            guard !mistakes.isFull else { return }
            if let right = foreign[key] ?? Nearest.to(key, among: suggested) {
                report(key, .unknownKeyNear, .text(right))
            } else {
                report(key, .unknownKey, .list(suggested))
            }
        }
    }
}

extension JSONValue {
    /// The word for it in mistakes.
    var kindPhrase: Remark.Value {
        switch self {
        case .null: .phrase(.kindNull)
        case .boolean: .phrase(.kindBoolean)
        case .integer, .number: .phrase(.kindNumber)
        case .string: .phrase(.kindText)
        case .array: .phrase(.kindList)
        case .object: .phrase(.kindObject)
        }
    }
}
