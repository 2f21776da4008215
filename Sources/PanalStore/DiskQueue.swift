import Dispatch

/// Threads for work that waits for the disk, so that the few threads of Swift's own pool never do.
final class DiskQueue: Sendable {
    private let queue = DispatchQueue(label: "panal.disk", attributes: .concurrent)

    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
