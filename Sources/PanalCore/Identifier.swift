/// The name of one stored thing: 20 characters out of `0-9a-hjkmnp-tv-z` (Crockford's base 32, lower case).
///
/// The first 10 characters are the millisecond of its making, so identifiers sort by age; the last 10 are 50 random bits.
/// An identifier names, it never authorises: every look-up checks the owner as well.
package struct Identifier<Subject>: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    /// Reads an identifier back; nil when `text` is not 20 characters of the alphabet.
    package init?(_ text: String) {
        guard text.utf8.count == 20, text.utf8.allSatisfy({ isInAlphabet[Int($0)] }) else { return nil }
        self.text = text
    }

    private init(unchecked text: String) {
        self.text = text
    }

    /// A new identifier made at `now`.
    package static func make(at now: Timestamp, using generator: inout some RandomNumberGenerator) -> Self {
        let milliseconds = UInt64(clamping: now.microseconds / 1_000)
        let random = generator.next()
        var letters: [UInt8] = []
        letters.reserveCapacity(20)
        for place in stride(from: 45, through: 0, by: -5) {
            letters.append(alphabet[Int((milliseconds >> place) & 31)])
        }
        for place in stride(from: 45, through: 0, by: -5) { letters.append(alphabet[Int((random >> place) & 31)]) }
        return Self(unchecked: String(decoding: letters, as: UTF8.self))
    }

    /// A new identifier made at `now`, its random half from the system's generator.
    package static func make(at now: Timestamp) -> Self {
        var generator = SystemRandomNumberGenerator()
        return make(at: now, using: &generator)
    }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
    package var description: String { text }
}

/// Not of the generic type, which can keep nothing.
private let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
private let isInAlphabet = (0...255).map { alphabet.contains(UInt8($0)) }

extension Identifier: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let identifier = Identifier(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "‘\(text)’ is not an identifier")
        }
        self = identifier
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

package typealias JobID = Identifier<Job>
package typealias UserID = Identifier<User>
package typealias ProgramID = Identifier<Program>
package typealias APIKeyID = Identifier<APIKey>
