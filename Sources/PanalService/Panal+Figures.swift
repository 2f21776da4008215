import Logging
package import PanalCore
import Synchronization

/// What monitoring wants to know beside the queue.
extension Panal {
    /// Nil where the store tells nothing.
    package func storeFigures() throws -> StoreFigures? { try (webhooks?.store as? any StoreMeter)?.figures() }

    /// As of the last housekeeping: to count them takes time.
    package func blobFigures() async -> BlobFigures? { measured.withLock { $0 } }

    /// Messages that have not arrived; nil where none are sent.
    package func waitingDeliveries() async throws -> Int? { try await webhooks?.store.waitingDeliveries() }

    /// What ended jobs left that is there, as of the last sweep, and bytes that were removed since the start, by cause.
    package func outputFigures() -> (kept: OutputFigures?, removed: [RemovalCause: Int]) {
        (keptOutputs.withLock { $0 }, removedBytes.withLock { $0 })
    }

    func measureBlobs() async {
        guard let meter = blobs as? any BlobMeter else { return }
        do {
            let figures = try await meter.figures()
            measured.withLock { $0 = figures }
        } catch {
            logger.warning("the blobs could not be counted", metadata: ["error": "\(error)"])
        }
    }
}
