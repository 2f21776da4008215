import PanalCore

/// Collects the mistakes of one document, up to a number that a person still reads.
final class MistakeList {
    static let limit = 100

    private(set) var mistakes: [Mistake] = []
    /// Nothing more is taken: whoever reads on needs not look for what is wrong.
    private(set) var isFull = false

    func add(_ pointer: [String], _ detail: String) {
        guard !isFull else { return }
        mistakes.append(Mistake(pointer: JSONPointer.text(pointer), detail: detail))
        if mistakes.count == Self.limit {
            isFull = true
            mistakes.append(Mistake(pointer: "", detail: "there are more mistakes; mend these first"))
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
            mistakes.add(pointer, "is \(value.kind), should be an object: {…}")
            return nil
        }
        self.members = members
        self.pointer = pointer
        self.mistakes = mistakes
    }

    func report(_ key: String?, _ detail: String) {
        mistakes.add(pointer + (key.map { [$0] } ?? []), detail)
    }

    func has(_ key: String) -> Bool { members[key] != nil }

    /// A text of `minimum` to `maximum` characters.
    func text(_ key: String, minimum: Int = 1, maximum: Int, lines: Bool = false) -> String? {
        guard let value = members[key] else { return nil }
        guard case .string(let text) = value else {
            report(key, "is \(value.kind), should be a text")
            return nil
        }
        return checkedText(text, key, minimum: minimum, maximum: maximum, lines: lines)
    }

    private func checkedText(_ text: String, _ key: String, minimum: Int, maximum: Int, lines: Bool) -> String? {
        let length = text.unicodeScalars.count
        if length < minimum || (minimum > 0 && text.allSatisfy(\.isWhitespace)) {
            report(key, "is empty; a text should stand here")
            return nil
        }
        if length > maximum {
            report(key, "has \(length) characters; at most \(maximum) are taken")
            return nil
        }
        let isClean = text.unicodeScalars.allSatisfy { scalar in
            scalar.properties.generalCategory != .control
                || (lines && (scalar == "\n" || scalar == "\t" || scalar == "\r"))
        }
        if !isClean {
            report(key, "contains a control character" + (lines ? "" : " or a line break") + "; leave it out")
            return nil
        }
        return text
    }

    func boolean(_ key: String) -> Bool? {
        guard let value = members[key] else { return nil }
        guard case .boolean(let flag) = value else {
            report(key, "is \(value.kind), should be true or false")
            return nil
        }
        return flag
    }

    func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = members[key] else { return nil }
        guard case .integer(let number) = value, range.contains(number) else {
            report(key, "should be a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    func array(_ key: String, maximum: Int) -> [JSONValue]? {
        guard let value = members[key] else { return nil }
        guard case .array(let elements) = value else {
            report(key, "is \(value.kind), should be a list: […]")
            return nil
        }
        guard elements.count <= maximum else {
            report(key, "has \(elements.count) entries; at most \(maximum) are taken")
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

    /// Names the keys that mean nothing here. Keys that begin with `x-` are the author's own and are skipped.
    ///
    /// - Parameters:
    /// - later: Keys of the contract that this version cannot honour yet: leaving them unread would change what the
    /// author meant.
    ///   - foreign: What other formats call a key, and what it is here.
    func reportUnknownKeys(known: [String], later: [String] = [], foreign: [String: String] = [:]) {
        for key in members.keys.sorted() where !known.contains(key) && !key.hasPrefix("x-") {
            // Each is compared with every known key, and a document may have tens of thousands.
            guard !mistakes.isFull else { return }
            if later.contains(key) {
                report(key, "is not supported yet by this version; leave it out")
            } else if let right = foreign[key] ?? Nearest.to(key, among: known) {
                report(key, "is no key here; did you mean ‘\(right)’? Keys of your own begin with x-")
            } else {
                report(
                    key, "is no key here; known are \(known.joined(separator: ", ")); keys of your own begin with x-")
            }
        }
    }
}
