import Foundation
import Glibc
import PanalArchive
import PanalCore
import PanalStore
import Synchronization
import Testing

struct BlobFixture {
    let folder: TemporaryFolder
    let blobs: DirectoryBlobStore

    init() throws {
        folder = try TemporaryFolder()
        blobs = try DirectoryBlobStore(path: folder.path + "/data")
    }

    func put(_ bytes: [UInt8], limit: Int = 1 << 30) async throws -> ContentHash {
        let writer = try await blobs.writer(limit: limit)
        try await writer.append(bytes)
        return try await writer.finish().content
    }

    func sink(_ job: JobID) async throws -> any JobSink {
        try await blobs.sink(for: AttemptID(job: job, number: 1, nonce: 1)) {}
    }
}

private let hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

@Suite struct BlobStoreTests {
    @Test func contentIsStoredOnceUnderItsHash() async throws {
        let fixture = try BlobFixture()
        let writer = try await fixture.blobs.writer(limit: 5)
        try await writer.append(Array("he".utf8))
        try await writer.append(Array("llo".utf8))
        let (content, bytes) = try await writer.finish()
        #expect(content.hex == hello)
        #expect(bytes == 5)
        #expect(try await fixture.put(Array("hello".utf8)) == content)
        let expected = [
            "blobs 700", "blobs/2c 700", "blobs/2c/\(hello) 444", "jobs 700", "lock 600", "programs 700",
            "temporary 700", "uploads 700",
        ]
        #expect(try fixture.folder.tree("data") == expected)
        #expect(try await fixture.blobs.blob(content).all() == Array("hello".utf8))
        #expect(try await fixture.blobs.size(of: content) == 5)
        await writer.discard()
        #expect(try await fixture.blobs.size(of: content) == 5)
        await #expect(throws: BlobError.closed) { try await writer.append([1]) }
    }

    @Test func emptyContentIsContent() async throws {
        let fixture = try BlobFixture()
        let content = try await fixture.blobs.writer(limit: 0).finish().content
        #expect(try await fixture.blobs.blob(content).all() == [])
    }

    /// However a writer ends without `finish`, nothing stays.
    @Test(arguments: ["discard", "limit", "forgotten"])
    func unfinishedLeavesNothing(how: String) async throws {
        let fixture = try BlobFixture()
        var writer: (any BlobWriter)? = try await fixture.blobs.writer(limit: 600_000)
        try await writer?.append([UInt8](repeating: 1, count: 500_000))
        #expect(try fixture.folder.tree("data/temporary").count == 1)
        switch how {
        case "discard":
            await writer?.discard()
            await writer?.discard()
        case "limit":
            await #expect(throws: BlobError.tooLarge(limit: 600_000)) {
                try await writer?.append([UInt8](repeating: 1, count: 100_001))
            }
            await #expect(throws: BlobError.closed) { _ = try await writer?.finish() }
        default:
            writer = nil
            // The thread that wrote lets go of the writer a moment after it has said that it is done.
            for _ in 0..<500 where try !fixture.folder.tree("data/temporary").isEmpty {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        #expect(try fixture.folder.tree("data/temporary") == [])
        #expect(try fixture.folder.tree("data/blobs") == [])
    }

    /// What a killed server leaves is swept by the next one, read-only folders too, and links are not followed.
    @Test func leftoversOfACrashAreSwept() throws {
        let folder = try TemporaryFolder()
        let outside = folder.path + "/outside"
        try Data().write(to: URL(fileURLWithPath: outside))
        do { _ = try DirectoryBlobStore(path: folder.path) }
        let left = folder.path + "/temporary/3"
        try FileManager.default.createDirectory(atPath: left + "/bin", withIntermediateDirectories: true)
        try Data([1]).write(to: URL(fileURLWithPath: left + "/bin/tool"))
        try FileManager.default.createSymbolicLink(atPath: left + "/link", withDestinationPath: outside)
        for path in ["/bin", ""] {
            try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: left + path)
        }
        let again = try DirectoryBlobStore(path: folder.path)
        #expect(try folder.tree("temporary") == [])
        #expect(FileManager.default.fileExists(atPath: outside))
        withExtendedLifetime(again) {}
    }

    /// The text of a failure reaches the owner of a job, whom the operator's paths are no business of.
    @Test func failuresDoNotTellPaths() {
        let error = FileError("write", "/srv/panal/jobs/1/stdout", errno: ENOSPC)
        #expect("\(error)" == "write: No space left on device (errno 28)")
        #expect(String(reflecting: error).hasSuffix("/srv/panal/jobs/1/stdout"))
    }

    /// What running jobs need of the disk does not wait behind the programs that somebody publishes.
    @Test func unpackingHoldsNothingElseUp() async throws {
        let fixture = try BlobFixture()
        let writer = try await fixture.blobs.writer(limit: 1 << 30)
        for _ in 0..<128 { try await writer.append([UInt8](repeating: 7, count: 256 << 10)) }
        let content = try await writer.finish().content
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let staged = try await fixture.blobs.stage(
                        .file(name: "run", content: content), limits: ArchiveLimits())
                    await staged.discard()
                    return "staged"
                }
            }
            try await Task.sleep(for: .milliseconds(20))
            group.addTask {
                for _ in 0..<10 { _ = try await fixture.blobs.size(of: content) }
                return "looked"
            }
            var order: [String] = []
            for try await done in group { order.append(done) }
            #expect(order.prefix(4).contains("looked"), "\(order)")
        }
    }

    @Test func oneServerUsesAFolder() throws {
        let fixture = try BlobFixture()
        let path = fixture.folder.path + "/data"
        #expect(throws: DataFolderInUse(path: path)) { _ = try DirectoryBlobStore(path: path) }
        withExtendedLifetime(fixture) {}
    }

    @Test func rangesArePieces() async throws {
        let fixture = try BlobFixture()
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let stored = try await fixture.blobs.blob(try await fixture.put(bytes))
        #expect(try await stored.all() == bytes)
        #expect(try await stored.narrowed(to: 65_530..<140_000).all() == Array(bytes[65_530..<140_000]))
        #expect(stored.narrowed(to: 199_999..<500_000).range == 199_999..<200_000)
        #expect(stored.narrowed(to: 300_000..<500_000).count == 0)
        for try await piece in stored { #expect(piece.count <= 65_536) }
        await #expect(throws: BlobError.missing(StoreFixture.hash("0"))) {
            _ = try await fixture.blobs.blob(StoreFixture.hash("0"))
        }
    }

    @Test func manyWritersOfTheSameContent() async throws {
        let fixture = try BlobFixture()
        let bytes = [UInt8](repeating: 9, count: 300_000)
        let hashes = try await withThrowingTaskGroup(of: ContentHash.self) { group in
            for _ in 0..<16 { group.addTask { try await fixture.put(bytes) } }
            return try await group.reduce(into: Set<ContentHash>()) { $0.insert($1) }
        }
        #expect(hashes.count == 1)
        #expect(try fixture.folder.tree("data/temporary") == [])
    }

    @Test func whatNobodyRefersToIsRemoved() async throws {
        let fixture = try BlobFixture()
        let kept = try await fixture.put([1])
        let dropped = try await fixture.put([2])
        let past = Timestamp(Date(timeIntervalSinceNow: -60))
        let future = Timestamp(Date(timeIntervalSinceNow: 60))
        #expect(try await fixture.blobs.removeBlobs(except: [kept], before: past) == 0)
        #expect(try await fixture.blobs.size(of: dropped) == 1)
        #expect(try await fixture.blobs.removeBlobs(except: [kept], before: future) == 1)
        #expect(try await fixture.blobs.size(of: dropped) == nil)
        #expect(try await fixture.blobs.size(of: kept) == 1)
    }

    /// Somebody is about to refer to it.
    @Test func blobsThatAreFoundAgainStayLikeNewOnes() async throws {
        let fixture = try BlobFixture()
        let (renewed, old) = (try await fixture.put([1]), try await fixture.put([2]))
        for blob in [renewed, old] {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -3_600)],
                ofItemAtPath: "\(fixture.folder.path)/data/\(ContentLayout.blob(blob))")
        }
        #expect(try await fixture.blobs.renew(renewed) == 1)
        #expect(
            try await fixture.blobs.removeBlobs(except: [], before: Timestamp(Date(timeIntervalSinceNow: -60))) == 1)
        #expect(try await fixture.blobs.size(of: renewed) == 1)
        await #expect(throws: BlobError.missing(old)) { _ = try await fixture.blobs.renew(old) }
    }
}

@Suite struct JobStreamTests {
    private func append(_ text: String, to sink: any JobSink, _ stream: PanalCore.OutputStream) throws {
        let bytes = Array(text.utf8)
        try sink.append(bytes.span.bytes, to: stream)
    }

    @Test func streamsAreReadWhileTheyGrow() async throws {
        let fixture = try BlobFixture()
        let job = JobID.make(at: StoreFixture.start)
        #expect(try await fixture.blobs.stream(.output, of: job).size == 0)
        let sink = try await fixture.sink(job)
        try append("one ", to: sink, .output)
        try append("oops", to: sink, .error)
        let early = try await fixture.blobs.stream(.output, of: job)
        try append("two", to: sink, .output)
        #expect(try await early.all() == Array("one ".utf8))
        #expect(try await fixture.blobs.stream(.output, of: job).narrowed(to: 4..<99).all() == Array("two".utf8))
        let (output, error) = try await sink.close()
        #expect(output == 7)
        #expect(error == 4)
        #expect(throws: BlobError.closed) { try append("late", to: sink, .output) }
        #expect(try await fixture.blobs.stream(.error, of: job).all() == Array("oops".utf8))
    }

    /// The kernel puts bytes into a stream's file itself; another process goes on where the first one was killed, and an attempt
    /// that begins anew does not.
    @Test func aStreamIsGoneOnWith() async throws {
        let fixture = try BlobFixture()
        let job = JobID.make(at: StoreFixture.start)
        let sink = try await fixture.sink(job)
        #expect(try fixture.folder.tree("data/jobs") == [])
        let file = try #require(try sink.file(of: .output))
        #expect(fcntl(file, F_GETFL) & O_APPEND == 0)
        #expect(write(file, "one ", 4) == 4)
        sink.noteMoved(4, to: .output)
        // Killed before it could note them.
        #expect(write(file, "two ", 4) == 4)

        let attempt = AttemptID(job: job, number: 2, nonce: 1)
        let pieces = Mutex(0)
        let next = try await fixture.blobs.sink(for: attempt, resuming: true) { pieces.withLock { $0 += 1 } }
        #expect(next.bytes(of: .output) == 8)
        #expect(next.bytes(of: .error) == 0)
        try append("three ", to: next, .output)
        let again = try #require(try next.file(of: .output))
        #expect(write(again, "four", 4) == 4)
        next.noteMoved(4, to: .output)
        try append("oops", to: next, .error)
        #expect(pieces.withLock { $0 } == 3)
        let (output, error) = try await next.close()
        #expect(output == 18)
        #expect(error == 4)
        #expect(throws: BlobError.closed) { try next.file(of: .error) }
        #expect(try await fixture.blobs.stream(.output, of: job).all() == Array("one two three four".utf8))

        let anew = try await fixture.blobs.sink(for: AttemptID(job: job, number: 3, nonce: 1)) {}
        #expect(anew.bytes(of: .output) == 0)
        #expect(try await fixture.blobs.stream(.output, of: job).size == 0)
    }

    @Test func resultFilesBecomeBlobsUpToTheirLimit() async throws {
        let fixture = try BlobFixture()
        let sink = try await fixture.sink(.make(at: StoreFixture.start))
        let path = fixture.folder.path + "/result"
        try Data("hello".utf8).write(to: URL(fileURLWithPath: path))
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        let stored = try sink.store(descriptor: file.fileDescriptor, limit: 5)
        #expect(stored.content.hex == hello)
        #expect(stored.bytes == 5)
        try file.seek(toOffset: 0)
        #expect(throws: FileTooLong(limit: 4)) { try sink.store(descriptor: file.fileDescriptor, limit: 4) }
        #expect(try fixture.folder.tree("data/temporary") == [])
    }
}
