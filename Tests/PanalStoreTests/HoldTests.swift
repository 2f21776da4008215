import Foundation
import PanalCore
import Testing

@testable import PanalStore

/// Content that is there for the time being, and equal content of others.
@Suite("Content that is held") struct HoldTests {
    private final class Place: Sendable {
        let path = NSTemporaryDirectory() + "panal-test-" + UUID().uuidString
        let blobs: DirectoryBlobStore

        init() throws { blobs = try DirectoryBlobStore(path: path) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ text: String, isHeld: Bool) async throws -> ContentHash {
            let writer = try await blobs.writer(limit: 1 << 20, isHeld: isHeld)
            try await writer.append(Array(text.utf8))
            return try await writer.finish().content
        }

        func isThere(_ blob: ContentHash) async throws -> Bool { try await blobs.size(of: blob) != nil }

        func stage() async throws -> any StagedProgram {
            let content = try await write("#!/bin/sh\n", isHeld: false)
            return try await blobs.stage(.file(name: "a.sh", content: content), limits: ArchiveLimits())
        }

        func commit() async throws -> (staged: any StagedProgram, content: ContentHash) {
            let staged = try await stage()
            return (staged, try await staged.commit(manifest: [1], entry: "a.sh").content)
        }

        func hasProgram(_ content: ContentHash) async throws -> Bool {
            try await blobs.file("a.sh", of: content) != nil
        }
    }

    @Test func blobsGoWithTheirLastHolder() async throws {
        let place = try Place()
        let blob = try await place.write("a", isHeld: true)
        _ = try await place.write("a", isHeld: true)
        await place.blobs.release([blob])
        #expect(try await place.isThere(blob))
        await place.blobs.release([blob])
        #expect(try await !place.isThere(blob))
        // Once more than it was held is nothing.
        await place.blobs.release([blob])
        #expect(try await place.isThere(try await place.write("a", isHeld: false)))
    }

    @Test func blobsOfOthersStay() async throws {
        let place = try Place()
        let before = try await place.write("before", isHeld: false)
        _ = try await place.write("before", isHeld: true)
        let during = try await place.write("during", isHeld: true)
        _ = try await place.write("during", isHeld: false)
        await place.blobs.release([before, during])
        #expect(try await place.isThere(before))
        #expect(try await place.isThere(during))
    }

    @Test func programsGoWithTheLastPublication() async throws {
        let place = try Place()
        let (first, content) = try await place.commit()
        let (second, _) = try await place.commit()
        await first.discard()
        await first.discard()
        #expect(try await place.hasProgram(content))
        await second.discard()
        #expect(try await !place.hasProgram(content))
        let programs = try FileManager.default.contentsOfDirectory(atPath: place.path + "/programs")
        #expect(programs.isEmpty)
        let temporary = try FileManager.default.contentsOfDirectory(atPath: place.path + "/temporary")
        #expect(temporary.isEmpty)
    }

    @Test(arguments: [true, false]) func publishedProgramsStay(keepsFirst: Bool) async throws {
        let place = try Place()
        let (first, content) = try await place.commit()
        let (second, _) = try await place.commit()
        await (keepsFirst ? first.keep() : first.discard())
        await (keepsFirst ? second.discard() : second.keep())
        // What was kept stays so.
        await first.discard()
        await second.discard()
        #expect(try await place.hasProgram(content))
        let (third, _) = try await place.commit()
        await third.discard()
        #expect(try await place.hasProgram(content))
    }

    /// A publication's file becomes its program's without a copy, unless somebody else wants it; and what somebody else brings meanwhile is
    /// not taken away by its end.
    @Test(arguments: ["alone", "two", "kept", "later", "laterKept"])
    func aHeldFileIsMoved(how: String) async throws {
        let place = try Place()
        let text = "#!/bin/sh\necho \(how)\n"
        let blob = try await place.write(text, isHeld: true)
        if how == "two" { _ = try await place.write(text, isHeld: true) }
        if how == "kept" { _ = try await place.write(text, isHeld: false) }
        let staged = try await place.blobs.stage(.file(name: "a.sh", content: blob), limits: ArchiveLimits())
        let isMoved = !["two", "kept"].contains(how)
        #expect(try await place.isThere(blob) != isMoved)
        #expect(staged.files.map(\.bytes) == [text.utf8.count])
        #expect(staged.files.first?.head == Array(text.utf8))
        if how == "later" { _ = try await place.write(text, isHeld: true) }
        if how == "laterKept" { _ = try await place.write(text, isHeld: false) }
        let (content, bytes) = try await staged.commit(manifest: [1], entry: "a.sh")
        #expect(bytes == text.utf8.count)
        await place.blobs.release([blob])
        #expect(try await place.isThere(blob) == (how != "alone"))
        // The same program, whichever way its file came.
        let kept = try await place.write(text, isHeld: false)
        let copied = try await place.blobs.stage(.file(name: "a.sh", content: kept), limits: ArchiveLimits())
        #expect(try await copied.commit(manifest: [1], entry: "a.sh").content == content)
        await copied.keep()
        await staged.keep()
        let file = try #require(try await place.blobs.file("a.sh", of: content))
        #expect(try await file.all() == Array(text.utf8))
    }

    /// What is at work now is not the housekeeping's, however old its content is.
    @Test func housekeepingPassesBy() async throws {
        let place = try Place()
        let blob = try await place.write("a", isHeld: true)
        let (staged, content) = try await place.commit()
        let future = Timestamp(microseconds: .max)
        _ = try await place.blobs.removeBlobs(except: [], before: future)
        #expect(try await place.blobs.removePrograms(except: [], before: future) == 0)
        #expect(try await place.isThere(blob))
        await staged.discard()
        await place.blobs.release([blob])
        #expect(try await !place.hasProgram(content))
    }

    /// Many come and go with the same content: whoever has it at work always finds it, and the last leaves nothing.
    @Test func manyAtOnce() async throws {
        let place = try Place()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<25 {
                        let (staged, content) = try await place.commit()
                        let blob = try await place.write("held", isHeld: true)
                        #expect(try await place.hasProgram(content))
                        #expect(try await place.isThere(blob))
                        await Task.yield()
                        #expect(try await place.hasProgram(content))
                        await staged.discard()
                        #expect(try await place.isThere(blob))
                        await place.blobs.release([blob])
                    }
                }
            }
            try await group.waitForAll()
        }
        let programs = try FileManager.default.contentsOfDirectory(atPath: place.path + "/programs")
        #expect(programs.isEmpty)
    }
}
