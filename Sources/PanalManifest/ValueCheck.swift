import FoundationEssentials
import PanalCore

extension ManifestInput {
    /// Bytes of one text value; longer ones belong into a file.
    package static let maximumTextBytes = 65_536

    /// One text value as the program will get it. Throws what is wrong with it and what would be right.
    func accepted(_ given: String, isKnown: Bool = false) throws(ValueMistake) -> String {
        guard given.utf8.count <= Self.maximumTextBytes else {
            throw ValueMistake(.textTooLong, .text(ByteCount.text(Self.maximumTextBytes)))
        }
        guard !given.unicodeScalars.contains("\0") else { throw ValueMistake(.hasNUL) }
        let text: String
        switch type {
        case .text, .secret: text = try acceptedText(given, isKnown: isKnown)
        case .json: text = try acceptedJSON(given)
        default: text = given.trimmingWhitespace()
        }
        switch type {
        case .number: try checkNumber(text)
        case .integer: try checkInteger(text)
        case .date: try checkMoment(text, CalendarText.isDate(text), .notDate)
        case .time: try checkMoment(text, CalendarText.isTime(text), .notTime)
        case .email: try check(text, AddressText.isEmail(text), .notEmail)
        case .url: try check(text, AddressText.isURL(text), .notURL)
        case .colour: try check(text, Self.isColour(text), .notColour)
        case .boolean: return try Self.acceptedBoolean(text)
        case .text, .secret, .json, .choice, .file: break
        }
        try checkChoice(text)
        return text
    }

    private func check(_ text: String, _ isRight: Bool, _ phrase: ManifestPhrase) throws(ValueMistake) {
        guard isRight else { throw ValueMistake(phrase, .given(text)) }
    }

    private func checkChoice(_ text: String) throws(ValueMistake) {
        guard let choices, let choiceValues, !choiceValues.contains(text) else { return }
        let values = choices.prefix(20).map(\.value).joined(separator: ", ") + (choices.count > 20 ? ", …" : "")
        throw ValueMistake(.notOneOf, .given(text), .text(values))
    }

    // MARK: Texts

    private func acceptedText(_ given: String, isKnown: Bool) throws(ValueMistake) -> String {
        // Forms send the ends of lines as CR LF.
        let text = given.unicodeScalars.contains("\r") ? given.replacingLineEnds() : given
        if !isMultiline, text.unicodeScalars.contains("\n") {
            throw ValueMistake(.notSingleLine)
        }
        let length = text.unicodeScalars.count
        if let minimumLength, length < minimumLength {
            throw ValueMistake(.tooShort, .number(length), .number(minimumLength))
        }
        if let maximumLength, length > maximumLength {
            throw ValueMistake(.tooLong, .number(length), .number(maximumLength))
        }
        if !isKnown, let pattern, !pattern.matches(text) {
            throw ValueMistake(.notPattern, .given(text), .text(pattern.source))
        }
        return text
    }

    private func acceptedJSON(_ text: String) throws(ValueMistake) -> String {
        do {
            _ = try JSONReader.read(Array(text.utf8))
        } catch {
            throw ValueMistake(.notJSON, .mistake(error))
        }
        return text
    }

    private static func acceptedBoolean(_ text: String) throws(ValueMistake) -> String {
        switch text.lowercased() {
        case "true", "on", "1", "yes": return "true"
        case "false", "off", "0", "no": return "false"
        default: throw ValueMistake(.notBoolean, .given(text))
        }
    }

    private static func isColour(_ text: String) -> Bool {
        text.utf8.count == 7 && text.hasPrefix("#") && text.dropFirst().allSatisfy { $0.isASCII && $0.isHexDigit }
    }

    // MARK: Numbers

    private func checkNumber(_ text: String) throws(ValueMistake) {
        guard let value = DecimalText.number(text) else {
            throw ValueMistake(text.contains(",") ? .notNumberComma : .notNumber, .given(text))
        }
        try checkRange(value, text)
        if let step {
            let steps = (value - (minimum?.number ?? 0)) / step
            // Decimal fractions are not exact in binary: 0.3 / 0.1 is a little less than 3.
            guard abs(steps - steps.rounded()) <= 1e-9 * max(1, abs(steps)) else { throw stepMistake(text, step) }
        }
    }

    private func checkInteger(_ text: String) throws(ValueMistake) {
        guard DecimalText.isInteger(text), let value = Int(text) else {
            throw ValueMistake(.notWholeNumber, .given(text))
        }
        if let minimum, case .integer(let bound) = minimum.value,
            value < bound || (minimum.isExclusive && value == bound)
        {
            throw boundMistake(text, minimum, isMinimum: true)
        }
        if let maximum, case .integer(let bound) = maximum.value,
            value > bound || (maximum.isExclusive && value == bound)
        {
            throw boundMistake(text, maximum, isMinimum: false)
        }
        if let step, let whole = Int(exactly: step) {
            var base = 0
            if let minimum, case .integer(let bound) = minimum.value { base = bound }
            let (distance, overflow) = value.subtractingReportingOverflow(base)
            guard !overflow, distance.isMultiple(of: whole) else { throw stepMistake(text, step) }
        }
    }

    private func checkRange(_ value: Double, _ text: String) throws(ValueMistake) {
        if let minimum, let bound = minimum.number, value < bound || (minimum.isExclusive && value == bound) {
            throw boundMistake(text, minimum, isMinimum: true)
        }
        if let maximum, let bound = maximum.number, value > bound || (maximum.isExclusive && value == bound) {
            throw boundMistake(text, maximum, isMinimum: false)
        }
    }

    /// Dates and times, written with leading zeros, sort as texts.
    private func checkMoment(_ text: String, _ isRight: Bool, _ phrase: ManifestPhrase) throws(ValueMistake) {
        try check(text, isRight, phrase)
        if let minimum, text < minimum.text || (minimum.isExclusive && text == minimum.text) {
            throw boundMistake(text, minimum, isMinimum: true)
        }
        if let maximum, text > maximum.text || (maximum.isExclusive && text == maximum.text) {
            throw boundMistake(text, maximum, isMinimum: false)
        }
    }

    private func boundMistake(_ text: String, _ bound: Bound, isMinimum: Bool) -> ValueMistake {
        let phrase: ManifestPhrase =
            isMinimum ? (bound.isExclusive ? .moreThan : .atLeast) : (bound.isExclusive ? .lessThan : .atMost)
        return ValueMistake(phrase, .given(text), .text(bound.text))
    }

    private func stepMistake(_ text: String, _ step: Double) -> ValueMistake {
        let size = Bound(value: .number(step), isExclusive: false).text
        return ValueMistake(.notStep, .given(text), .text(size), .text(minimum?.text ?? "0"))
    }
}

/// Decimal numbers as JSON writes them: no sign but `-`, no `inf`, no hexadecimal.
enum DecimalText {
    static func isInteger(_ text: String) -> Bool {
        let digits = text.hasPrefix("-") ? text.dropFirst() : Substring(text)
        return !digits.isEmpty && digits.utf8.count <= 20 && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    static func number(_ text: String) -> Double? {
        guard text.utf8.count <= 64, text.utf8.first.map({ $0 == 0x2D || (0x30...0x39).contains($0) }) ?? false,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains($0) }),
            let value = Double(text), value.isFinite
        else { return nil }
        return value
    }
}

/// Dates and times of the day as HTML writes them.
enum CalendarText {
    /// `2026-11-21`, years 0001 to 9999.
    static func isDate(_ text: String) -> Bool {
        let parts = numbers(text, separator: "-", widths: [4, 2, 2])
        guard parts.count == 3, parts[0] >= 1, (1...12).contains(parts[1]) else { return false }
        let isLeap = parts[0] % 4 == 0 && (parts[0] % 100 != 0 || parts[0] % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return (1...days[parts[1] - 1]).contains(parts[2])
    }

    /// `14:30` or `14:30:15`.
    static func isTime(_ text: String) -> Bool {
        let widths = Array(repeating: 2, count: text.utf8.count > 5 ? 3 : 2)
        let parts = numbers(text, separator: ":", widths: widths)
        return parts.count == widths.count && parts[0] <= 23 && parts.dropFirst().allSatisfy { $0 <= 59 }
    }

    private static func numbers(_ text: String, separator: Character, widths: [Int]) -> [Int] {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == widths, parts.joined().utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return []
        }
        return parts.compactMap { Int($0) }
    }
}

/// Addresses, checked for their shape only.
enum AddressText {
    /// As HTML's `email` fields: something, one @, labels with points.
    static func isEmail(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, text.utf8.count <= 254, !parts[0].isEmpty, !parts[1].isEmpty else { return false }
        let local = parts[0].utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && !"()<>[]:;,\\\"".utf8.contains($0) }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return local
            && labels.allSatisfy { label in
                !label.isEmpty && label.first != "-" && label.last != "-"
                    && label.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" }
            }
    }

    /// An absolute `http` or `https` address without white space or control characters.
    static func isURL(_ text: String) -> Bool {
        let lower = text.lowercased()
        guard let scheme = ["https://", "http://"].first(where: { lower.hasPrefix($0) }) else { return false }
        let rest = text.dropFirst(scheme.count)
        guard let first = rest.first, first != "/", first != "?", first != "#" else { return false }
        return text.unicodeScalars.allSatisfy {
            $0.value > 0x20 && $0.value != 0x7F && !"<>\"\\^`{|}".unicodeScalars.contains($0)
        }
    }
}

/// Values in messages and lists.
package enum Shown {
    /// The text cut to what a person reads, without control characters.
    static func text(_ text: String, limit: Int = 60) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(limit) {
            shown.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return String(shown) + (text.unicodeScalars.count > limit ? "…" : "")
    }
}

extension String {
    func trimmingWhitespace() -> String {
        var rest = Substring(self)
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }

    /// CR LF and lone CR become LF.
    func replacingLineEnds() -> String {
        var scalars = String.UnicodeScalarView()
        var previous: Unicode.Scalar?
        for scalar in unicodeScalars {
            if scalar == "\r" {
                scalars.append("\n")
            } else if !(scalar == "\n" && previous == "\r") {
                scalars.append(scalar)
            }
            previous = scalar
        }
        return String(scalars)
    }
}
