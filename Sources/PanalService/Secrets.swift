import Crypto
import PanalCore

/// Random secrets as text, and the hashes under which they are kept. A secret has 256 random bits, so one round of SHA-256 is enough.
enum Secrets {
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// `bits` random bits as Crockford's base 32, lower case.
    static func make(bits: Int = 256) -> String {
        var generator = SystemRandomNumberGenerator()
        let letters = (0..<((bits + 4) / 5)).map { _ in alphabet[Int(generator.next() & 31)] }
        return String(decoding: letters, as: UTF8.self)
    }

    static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// SHA-256 of `secret`, the name under which the store knows it.
    static func hash(_ secret: String) -> ContentHash {
        guard let hash = ContentHash(hex: hexadecimal(SHA256.hash(data: Array(secret.utf8)))) else {
            preconditionFailure("SHA-256 has 32 bytes")
        }
        return hash
    }

    /// The form token of a session: it follows from the session's token, which cannot be computed back from it.
    static func formToken(of token: String) -> String {
        let key = SymmetricKey(data: Array(token.utf8))
        return hexadecimal(HMAC<SHA256>.authenticationCode(for: Array("panal form token".utf8), using: key))
    }

    /// Compares in a time that does not tell where the first difference is.
    static func areEqual(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let letters = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: letters, as: UTF8.self)
    }
}

/// The text of an API key: `pnl_<id>_<secret>`.
enum APIKeyText {
    static func make(id: APIKeyID, secret: String) -> String { "pnl_\(id)_\(secret)" }

    static func parse(_ text: String) -> (id: APIKeyID, secret: String)? {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "pnl", let id = APIKeyID(String(parts[1])), !parts[2].isEmpty else {
            return nil
        }
        return (id, String(parts[2]))
    }
}
