import Foundation
import PanalCore
import Testing

@testable import PanalArchive
@testable import PanalStore

/// Files that are brought to the disk while they are written, and uploads that are hashed while they come.
@Suite struct LargeFileTests {
    /// Bytes that no part of another place equals.
    private static func piece(_ number: Int, _ count: Int) -> [UInt8] {
        var generator = Numbers(state: UInt64(number) &* 0x9E37_79B9_7F4A_7C15 | 1)
        return (0..<count / 8).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } }
    }

    private struct Numbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }

    /// Past the size from which memory is given back, by pieces that do not end where windows do.
    @Test func allOfALargeFileIsThere() async throws {
        let fixture = try BlobFixture()
        let writer = try await fixture.blobs.writer(limit: 1 << 30)
        let part = Self.piece(1, 1_000_000)
        let (times, last) = (100, [UInt8](repeating: 7, count: 12_345))
        #expect(part.count * times > WriteBehind.smallest + WriteBehind.window)
        var hasher = ContentHasher()
        for number in 0..<times {
            var next = part
            next[number] = ~next[number]
            hasher.update(next)
            try await writer.append(next)
        }
        hasher.update(last)
        try await writer.append(last)
        let (content, bytes) = try await writer.finish()
        #expect(content == hasher.finish())
        #expect(bytes == part.count * times + last.count)
        var read = ContentHasher()
        for try await piece in try await fixture.blobs.blob(content) { read.update(piece) }
        #expect(read.finish() == content)
    }

    /// Memory that is given back while somebody reads takes nothing away, whatever place is read.
    @Test func allOfALargeFileIsRead() async throws {
        let fixture = try BlobFixture()
        let content = try await fixture.put(Self.piece(4, 8_000))
        let path = fixture.folder.path + "/data/" + ContentLayout.blob(content)
        // As large as it has to be, and mostly a hole.
        let size = ReadBehind.smallest + 12_345
        #expect(chmod(path, 0o600) == 0 && truncate(path, size) == 0)
        let blob = try await fixture.blobs.blob(content)
        var (count, sum) = (0, 0)
        for try await piece in blob {
            count += piece.count
            if count <= 65_536 { sum = piece.reduce(0) { $0 + Int($1) } }
        }
        #expect(count == size)
        #expect(sum == Self.piece(4, 8_000).reduce(0) { $0 + Int($1) })
        #expect(try await blob.narrowed(to: 0..<8_000).all() == Self.piece(4, 8_000))
    }

    /// By requests of several sizes; `how` says what happens between them.
    @Test(arguments: ["whole", "parts", "restart", "again", "lost"])
    func uploadsHaveTheirHash(how: String) async throws {
        let folder = try TemporaryFolder()
        var blobs: DirectoryBlobStore? = try DirectoryBlobStore(path: folder.path + "/data")
        let id = UploadID.make(at: Timestamp(microseconds: 1))
        let bytes = Self.piece(2, 1_200_000)
        let cuts = how == "whole" ? [0, bytes.count] : [0, 1, 300_000, 300_000, 1_000_001, bytes.count]
        for (start, end) in zip(cuts, cuts.dropFirst()) {
            let writer = try await #require(blobs).uploadWriter(id, at: start)
            if how == "again", start > 0 {
                // What comes and is not noted is forgotten by the next writer.
                try await writer.append([1, 2, 3])
                _ = try await writer.synchronize()
            }
            if how == "lost", start > 0 { try await writer.append(Self.piece(3, 400_000)) }
            let used = ["again", "lost"].contains(how) && start > 0
            let next = used ? try await #require(blobs).uploadWriter(id, at: start) : writer
            for place in stride(from: start, to: end, by: 70_000) {
                try await next.append(Array(bytes[place..<min(end, place + 70_000)]))
            }
            #expect(try await next.synchronize() == end)
            if how == "restart" {
                blobs = nil
                blobs = try DirectoryBlobStore(path: folder.path + "/data")
            }
        }
        let store = try #require(blobs)
        var hasher = ContentHasher()
        hasher.update(bytes)
        for _ in 0..<2 {
            let (content, count) = try await store.placeUpload(id)
            #expect(content == hasher.finish())
            #expect(count == bytes.count)
            #expect(try await store.blob(content).all() == bytes)
        }
        try await store.removeUpload(id)
    }
}
