import Crypto
import CryptoExtras
import Dispatch
import FoundationEssentials
import PanalCore
import Synchronization

/// Makes and checks password hashes on a thread of its own, one at a time: each takes 128 MiB and a third of a second, which would
/// stall the two threads on which everything else runs.
final class Passwords: Sendable {
    private let cost: PasswordCost
    private let queue = DispatchQueue(label: "panal.passwords")
    /// Checks that wait or run. A bound, so that a flood of sign-ins cannot grow memory or make people wait for minutes.
    private let pending = Mutex(0)
    private static let pendingLimit = 16
    private static let hashBytes = 32

    init(cost: PasswordCost) {
        self.cost = cost
    }

    func makeCredential(for password: String) async throws -> Credential {
        let salt = Secrets.bytes(16)
        let cost = cost
        let hash = try await onOwnThread { try Self.derive(password, salt: salt, cost: cost) }
        return Credential(
            salt: salt, hash: hash, costExponent: cost.exponent, blockSize: cost.blockSize,
            parallelism: cost.parallelism)
    }

    /// Whether `password` is the credential's. Without a credential the answer is no, and takes the same time.
    func check(_ password: String, against credential: Credential?) async throws -> Bool {
        let standard = cost
        return try await onOwnThread {
            let cost =
                credential.map {
                    PasswordCost(exponent: $0.costExponent, blockSize: $0.blockSize, parallelism: $0.parallelism)
                } ?? standard
            let salt = credential?.salt ?? [UInt8](repeating: 0, count: 16)
            let hash = try Self.derive(password, salt: salt, cost: cost)
            guard let credential else { return false }
            return Secrets.areEqual(hash, credential.hash)
        }
    }

    private static func derive(_ password: String, salt: [UInt8], cost: PasswordCost) throws -> [UInt8] {
        let key = try KDF.Scrypt.deriveKey(
            from: Array(password.utf8), salt: salt, outputByteCount: hashBytes, rounds: 1 << cost.exponent,
            blockSize: cost.blockSize, parallelism: cost.parallelism,
            maxMemory: (128 * cost.blockSize << cost.exponent) + (1 << 20))
        return unsafe key.withUnsafeBytes { unsafe Array($0) }
    }

    private func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        let admitted = pending.withLock { count in
            guard count < Self.pendingLimit else { return false }
            count += 1
            return true
        }
        guard admitted else {
            throw ServiceError(.overloaded, "too many people sign in at the same time", retryAfter: .seconds(5))
        }
        defer { pending.withLock { $0 -= 1 } }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
