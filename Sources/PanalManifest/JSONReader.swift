package import PanalCore

/// Reads one JSON document (RFC 8259) in one pass, and stops at the first place that is none.
///
/// It is stricter than a general decoder: a key may stand once in an object, lists and objects nest at most
/// `maximumDepth` deep, and each mistake says line and column besides the JSON pointer.
package struct JSONReader {
    private let bytes: [UInt8]
    private let maximumDepth: Int
    private var place = 0
    private var pointer: [String] = []

    package static func read(_ bytes: [UInt8], maximumDepth: Int = 32) throws(Mistake) -> JSONValue {
        var reader = JSONReader(bytes: bytes, maximumDepth: maximumDepth)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { reader.place = 3 }
        reader.skipSpace()
        let value = try reader.value()
        reader.skipSpace()
        if reader.place < bytes.count { throw reader.mistake(.jsonEndsHere) }
        return value
    }

    private init(bytes: [UInt8], maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    private func mistake(_ phrase: ManifestPhrase, _ values: Remark.Value...) -> Mistake {
        let before = bytes.prefix(place)
        let line = 1 + before.count { $0 == UInt8(ascii: "\n") }
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        // Columns count characters as editors do: the bytes that continue one are left out.
        let column = 1 + before[lineStart...].count { $0 & 0xC0 != 0x80 }
        let remark = Remark(phrase, all: values)
        return Mistake(pointer, Remark(.jsonPlace, .number(line), .number(column), .remark(remark)))
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { place += 1 }
    }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: byte) else { return false }
        place += 1
        return true
    }

    private mutating func value() throws(Mistake) -> JSONValue {
        switch next {
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "\""): return .string(try string())
        case let byte? where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte): return try number()
        case nil: throw mistake(.jsonEndsBeforeValue)
        default: return try word()
        }
    }

    private mutating func word() throws(Mistake) -> JSONValue {
        let rest = bytes[place...].prefix(64)
        let word = rest.prefix {
            ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || $0 >= 0x80 || $0 == 0x5F || ($0 >= 0x30 && $0 <= 0x39)
        }
        switch String(decoding: word, as: UTF8.self) {
        case "true": place += 4; return .boolean(true)
        case "false": place += 5; return .boolean(false)
        case "null": place += 4; return .null
        case "": throw mistake(.jsonValueWanted)
        case let text: throw mistake(.jsonNoValue, .text(text))
        }
    }

    private mutating func enter() throws(Mistake) {
        if pointer.count >= maximumDepth {
            throw mistake(.jsonTooDeep, .number(maximumDepth))
        }
        place += 1
        skipSpace()
    }

    private mutating func object() throws(Mistake) -> [String: JSONValue] {
        try enter()
        var members: [String: JSONValue] = [:]
        if take("}") { return members }
        while true {
            guard next == UInt8(ascii: "\"") else {
                throw mistake(.jsonKeyWanted)
            }
            let start = place
            let key = try string()
            if members[key] != nil {
                place = start
                pointer.append(key)
                throw mistake(.jsonKeyTwice, .text(key))
            }
            skipSpace()
            guard take(":") else { throw mistake(.jsonColonWanted) }
            skipSpace()
            pointer.append(key)
            members[key] = try value()
            pointer.removeLast()
            skipSpace()
            if take("}") { return members }
            guard take(",") else { throw mistake(.jsonCommaOrBrace) }
            skipSpace()
            if next == UInt8(ascii: "}") { throw mistake(.jsonNoCommaBeforeBrace) }
        }
    }

    private mutating func array() throws(Mistake) -> [JSONValue] {
        try enter()
        var elements: [JSONValue] = []
        if take("]") { return elements }
        while true {
            pointer.append(String(elements.count))
            elements.append(try value())
            pointer.removeLast()
            skipSpace()
            if take("]") { return elements }
            guard take(",") else { throw mistake(.jsonCommaOrBracket) }
            skipSpace()
            if next == UInt8(ascii: "]") { throw mistake(.jsonNoCommaBeforeBracket) }
        }
    }

    private mutating func number() throws(Mistake) -> JSONValue {
        let start = place
        if next == UInt8(ascii: "-") { place += 1 }
        let whole = digits()
        guard whole > 0 else { throw mistake(.jsonDigitWanted) }
        if whole > 1, bytes[place - whole] == UInt8(ascii: "0") { throw mistake(.jsonExtraZero) }
        var isWhole = true
        if take(".") {
            isWhole = false
            guard digits() > 0 else { throw mistake(.jsonDigitAfterPoint) }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isWhole = false
            place += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { place += 1 }
            guard digits() > 0 else { throw mistake(.jsonDigitInExponent) }
        }
        let text = String(decoding: bytes[start..<place], as: UTF8.self)
        if isWhole, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw mistake(.jsonNumberTooLarge, .text(text)) }
        return .number(value)
    }

    private mutating func digits() -> Int {
        let start = place
        while let byte = next, (0x30...0x39).contains(byte) { place += 1 }
        return place - start
    }
}

// MARK: - Texts

extension JSONReader {
    private mutating func string() throws(Mistake) -> String {
        place += 1
        var content: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw mistake(.jsonNotUTF8)
                }
                place += 1
                return text
            case UInt8(ascii: "\\"):
                place += 1
                content.append(contentsOf: Array(try escape().utf8))
            case 0..<0x20: throw mistake(.jsonControlCharacter)
            default:
                content.append(byte)
                place += 1
            }
        }
        throw mistake(.jsonQuoteMissing)
    }

    private mutating func escape() throws(Mistake) -> String {
        guard let byte = next else { throw mistake(.jsonEndsInText) }
        place += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return String(try escapedScalar())
        default:
            place -= 1
            throw mistake(.jsonNoEscape)
        }
    }

    private mutating func escapedScalar() throws(Mistake) -> Unicode.Scalar {
        let first = try fourHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        // A half of a surrogate pair: the other half has to follow.
        guard first < 0xDC00, take("\\"), take("u") else { throw mistake(.jsonHalfSurrogate) }
        let second = try fourHexDigits()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        else { throw mistake(.jsonHalfSurrogate) }
        return scalar
    }

    private mutating func fourHexDigits() throws(Mistake) -> UInt32 {
        let digits = bytes[place...].prefix(4)
        let text = String(decoding: digits, as: UTF8.self)
        guard digits.count == 4, text.allSatisfy(\.isHexDigit), let value = UInt32(text, radix: 16) else {
            throw mistake(.jsonFourHexDigits)
        }
        place += 4
        return value
    }
}

/// JSON pointers (RFC 6901).
package enum JSONPointer {
    /// `["a/b", "0"]` is `/a~1b/0`; no parts are the whole document.
    package static func text(_ parts: [String]) -> String {
        parts.map { part in
            var escaped = "/"
            for character in part.unicodeScalars {
                switch character {
                case "~": escaped += "~0"
                case "/": escaped += "~1"
                default: escaped.unicodeScalars.append(character)
                }
            }
            return escaped
        }.joined()
    }
}
