import Crypto
package import PanalCore

extension Panal {
    /// SHA-256 of stored bytes, read in pieces.
    package func digest(of bytes: StoredBytes) async throws -> ContentHash {
        var hasher = SHA256()
        for try await piece in bytes.narrowed(to: 0..<bytes.size) { hasher.update(data: piece) }
        guard let hash = ContentHash(hex: Secrets.hexadecimal(hasher.finalize())) else {
            preconditionFailure("SHA-256 has 32 bytes")
        }
        return hash
    }
}
