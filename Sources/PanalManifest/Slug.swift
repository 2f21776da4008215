/// Names for machines out of names for people.
package enum Slug {
    /// A field's id: `tamaño de filtro` is `tamano_de_filtro`. At most 64 characters of `a-z`, `0-9`, `_`; empty when
    /// the name has no Latin letter and no digit.
    package static func fieldID(_ name: String) -> String { make(name, joiner: "_", limit: 64) }

    /// A program's name in addresses: `Mi Programa` is `mi-programa`. At most 63 characters of `a-z`, `0-9`, `-`; empty
    /// as above.
    package static func programName(_ name: String) -> String { make(name, joiner: "-", limit: 63) }

    private static func make(_ name: String, joiner: Character, limit: Int) -> String {
        var slug = ""
        var isGap = false
        for scalar in name.unicodeScalars {
            if scalar.properties.generalCategory == .nonspacingMark { continue }
            let letters = plainLetters(scalar)
            if letters.isEmpty {
                // An apostrophe belongs to its word.
                if scalar != "'", scalar != "’" { isGap = true }
                continue
            }
            if isGap, !slug.isEmpty { slug.append(joiner) }
            isGap = false
            slug += letters
        }
        slug = String(slug.prefix(limit))
        while slug.last == joiner { slug.removeLast() }
        return slug
    }

    /// The plain Latin letters or the digit that a character stands for, in lower case; empty for all others.
    private static func plainLetters(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "a"..."z", "0"..."9": return String(Character(scalar))
        case "A"..."Z": return String(Character(scalar)).lowercased()
        case "ß", "ẞ": return "ss"
        case "æ", "Æ": return "ae"
        case "œ", "Œ": return "oe"
        case "þ", "Þ": return "th"
        case "ð", "Ð": return "d"
        case "ı": return "i"
        default: break
        }
        // Unicode's names say which letter a mark was put on: LATIN SMALL LETTER N WITH TILDE.
        let words = (scalar.properties.name ?? "").split(separator: " ")
        guard words.count >= 6, words[0] == "LATIN", words[2] == "LETTER", words[4] == "WITH", words[3].count == 1
        else {
            return ""
        }
        return words[3].lowercased()
    }

    /// Whether `text` is 1 to 64 characters of `a-z`, `0-9`, `_`.
    package static func isFieldID(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "_") }
    }

    /// Whether `text` is 1 to 63 characters of `a-z`, `0-9`, `-`, a letter or a digit at both ends.
    package static func isProgramName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else { return false }
        return isLetterOrDigit(first) && isLetterOrDigit(last)
            && bytes.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }
}
