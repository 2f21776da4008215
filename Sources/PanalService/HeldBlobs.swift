package import PanalCore
import Synchronization

/// Files that nothing stored will refer to: the archive of a publication, what its tests submit. They are counted to nobody, so they go
/// with whoever has brought them.
package final class HeldBlobs: Sendable {
    private let blobs: any BlobStore
    private let held = Mutex<[ContentHash]>([])
    private let works = Mutex<[Task<Void, Never>]>([])

    init(_ blobs: any BlobStore) { self.blobs = blobs }

    /// Its file is held once it is finished, and `note` is to be told of that.
    func writer(limit: Int) async throws -> any BlobWriter { try await blobs.writer(limit: limit, isHeld: true) }

    package func note(_ content: ContentHash) { held.withLock { $0.append(content) } }

    /// The files stay until that has ended, too.
    func stay(for work: Task<Void, Never>) { works.withLock { $0.append(work) } }

    func store(_ bytes: [UInt8]) async throws -> (content: ContentHash, bytes: Int) {
        let writer = try await writer(limit: bytes.count)
        try await writer.append(bytes)
        return try await finish(writer)
    }

    func store(_ bytes: StoredBytes) async throws -> (content: ContentHash, bytes: Int) {
        let writer = try await writer(limit: bytes.size)
        do {
            for try await piece in bytes { try await writer.append(piece) }
            return try await finish(writer)
        } catch {
            await writer.discard()
            throw error
        }
    }

    /// What `write` writes to a descriptor.
    func store(
        _ write: @escaping @Sendable (Int32) async throws -> Void
    ) async throws -> (content: ContentHash, bytes: Int) {
        let stored = try await blobs.heldBlob(write)
        note(stored.content)
        return stored
    }

    private func finish(_ writer: any BlobWriter) async throws -> (content: ContentHash, bytes: Int) {
        let stored = try await writer.finish()
        note(stored.content)
        return stored
    }

    fileprivate func release() async {
        let works = works.withLock(\.self)
        guard works.isEmpty else {
            Task {
                for work in works { await work.value }
                await letGo()
            }
            return
        }
        await letGo()
    }

    private func letGo() async {
        await blobs.release(
            held.withLock { held in
                defer { held = [] }
                return held
            })
    }
}

extension Panal {
    /// Does `body` with a place for files that are wanted for no longer than it takes, whichever way it ends.
    package func holding<Value>(_ body: (HeldBlobs) async throws -> Value) async throws -> Value {
        let held = HeldBlobs(blobs)
        do {
            let value = try await body(held)
            await held.release()
            return value
        } catch {
            await held.release()
            throw error
        }
    }
}
