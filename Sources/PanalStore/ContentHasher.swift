import Crypto
import PanalCore

/// SHA-256 of bytes that come piece by piece.
struct ContentHasher: Sendable {
    private var state = SHA256()

    mutating func update(_ bytes: [UInt8]) {
        state.update(data: bytes)
    }

    /// A number and the bytes: what follows cannot be mistaken for part of them.
    mutating func update(framed bytes: some Collection<UInt8>) {
        update(Array("\(bytes.count):".utf8))
        update(Array(bytes))
    }

    func finish() -> ContentHash {
        let digits = Array("0123456789abcdef".utf8)
        let letters = state.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        guard let hash = ContentHash(hex: String(decoding: letters, as: UTF8.self)) else {
            preconditionFailure("SHA-256 has 32 bytes")
        }
        return hash
    }
}
