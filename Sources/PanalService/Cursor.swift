import Crypto
import FoundationEssentials
import PanalCore

/// A place in a list as clients carry it: signed together with the list's name and filter, so that it says nothing to another list and
/// nobody can make one.
struct Cursor: Hashable {
    /// What the list knows the place by.
    let place: String

    private static let codeBytes = 16
    /// Characters of a cursor, at most.
    private static let longest = 256

    init(place: String) { self.place = place }

    func text(of scope: String, key: SymmetricKey) -> String {
        let content = Array(place.utf8)
        let text = Data(Self.code(content, scope, key) + content).base64EncodedString().utf8
        let letters = text.lazy.filter { $0 != UInt8(ascii: "=") }.map { byte in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            default: byte
            }
        }
        return String(decoding: Array(letters), as: UTF8.self)
    }

    /// Throws ``foreign``.
    init(reading text: String, of scope: String, key: SymmetricKey) throws {
        let plain = text.utf8.prefix(Self.longest + 1).map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        let padding = [UInt8](repeating: UInt8(ascii: "="), count: (4 - plain.count % 4) % 4)
        let padded = String(decoding: plain + padding, as: UTF8.self)
        guard text.utf8.count <= Self.longest, let data = Data(base64Encoded: padded), data.count > Self.codeBytes
        else {
            throw Self.foreign
        }
        let content = Array(data.dropFirst(Self.codeBytes))
        guard Secrets.areEqual(Array(data.prefix(Self.codeBytes)), Self.code(content, scope, key)),
            let place = String(validating: content, as: UTF8.self)
        else { throw Self.foreign }
        self.place = place
    }

    private static func code(_ content: [UInt8], _ scope: String, _ key: SymmetricKey) -> [UInt8] {
        let code = HMAC<SHA256>.authenticationCode(for: Array("cursor of \(scope)\n".utf8) + content, using: key)
        return Array(code.prefix(codeBytes))
    }

    static let foreign = ServiceError(.malformed, "the query's ‘cursor’ is no cursor of this list")
}
