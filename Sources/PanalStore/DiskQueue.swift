import Dispatch

/// Threads for work that waits for the disk, so that the few threads of Swift's own pool never do.
final class DiskQueue: Sendable {
    private let queue: DispatchQueue

    /// With `oneByOne` the queue has a thread of its own: long work there holds up only more of its kind. The others share as many
    /// threads as there are cores.
    init(oneByOne: Bool = false) {
        queue = DispatchQueue(
            label: oneByOne ? "panal.unpacking" : "panal.disk", attributes: oneByOne ? [] : .concurrent)
    }

    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try FullDisk.noticing(body) }) }
        }
    }
}
