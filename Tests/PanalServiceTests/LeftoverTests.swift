import Foundation
import PanalCore
import Testing

@testable import PanalService
import PanalStore

/// What is not published leaves nothing on the disk, whatever others do with the same content at the same time.
@Suite("What a refused publication leaves") struct LeftoverTests {
    private static let tested = PublicationTests.manifest(
        #"{"inputs": {"file": {"name": "a.txt", "text": "inline"}}}"#)

    private static func programs(_ fixture: ServiceFixture) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: fixture.path + "/programs")
    }

    private static func blobs(_ fixture: ServiceFixture) throws -> Int {
        let parts = try FileManager.default.subpathsOfDirectory(atPath: fixture.path + "/blobs")
        return parts.count { $0.contains("/") }
    }

    /// A publisher who repeats it fills no disk.
    @Test func theSameFailureAgainAndAgain() async throws {
        let fixture = try await ServiceFixture(executor: .ends(.exited(code: 9)))
        // The upload itself, which the interface holds and this test does not.
        _ = try await fixture.put(Array("#!/bin/sh\necho hello\n".utf8))
        let before = try Self.blobs(fixture)
        for _ in 0..<20 {
            await refused(.invalid) { try await fixture.publish(Self.tested) }
            #expect(try Self.programs(fixture).isEmpty)
            #expect(try Self.blobs(fixture) == before)
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: fixture.path + "/temporary").isEmpty)
    }

    /// The same content is tested for two publications at once; one passes and one fails, in either order.
    @Test(arguments: [true, false]) func besideAGoodOneOfTheSameContent(goodOneIsFirst: Bool)
        async throws
    {
        let fixture = try await ServiceFixture(executor: .holds)
        let publications = (0..<2).map { _ in Task { try await fixture.publish(Self.tested) } }
        try await eventually { fixture.executor.heldJobs.count == 2 }
        let jobs = fixture.executor.attempts.map(\.id.job)
        let input = try #require(fixture.executor.attempts.first?.inputs.first?.content)
        fixture.executor.finish(jobs[0], .exited(code: goodOneIsFirst ? 0 : 9))
        try await eventually {
            try await fixture.blobs.size(of: input) != nil && fixture.executor.heldJobs.count == 1
        }
        #expect(try Self.programs(fixture).count == 1)
        fixture.executor.finish(jobs[1], .exited(code: goodOneIsFirst ? 9 : 0))
        var published = 0
        for publication in publications {
            switch await publication.result {
            case .success: published += 1
            case .failure(let error): #expect((error as? ServiceError)?.code == .invalid)
            }
        }
        #expect(published == 1)
        let entry = try await fixture.panal.program(fixture.ana, name: "tested", version: nil)
        let file = try #require(try await fixture.blobs.file("tool.sh", of: entry.version.content))
        #expect(try await file.all() == Array("#!/bin/sh\necho hello\n".utf8))
        #expect(try await fixture.blobs.size(of: input) == nil)
    }

    /// A test's own input is somebody's file too: theirs stays.
    @Test func whatOthersHaveStays() async throws {
        let fixture = try await ServiceFixture(executor: .ends(.exited(code: 9)))
        let content = try await fixture.put(Array("inline".utf8))
        await refused(.invalid) { try await fixture.publish(Self.tested) }
        #expect(try await fixture.blobs.size(of: content) == 6)
    }

    /// A version that is there does not lose its files by a failure of its next one, nor by being published again.
    @Test func versionsThatAreThereStay() async throws {
        let fixture = try await ServiceFixture()
        let entry = try await fixture.publish(Self.tested).entry
        await refused(.invalid) {
            try await fixture.publish(PublicationTests.manifest(#"{"exitCode": 7}"#))
        }
        #expect(try await fixture.publish(Self.tested).created == false)
        #expect(try Self.programs(fixture) == [entry.version.content.hex])
    }

    /// Whoever was let in an hour ago may not publish now.
    @Test func accessIsAskedForAgain() async throws {
        let fixture = try await ServiceFixture()
        let upload = ProgramUpload(
            fileName: "tool.sh", content: try await fixture.put(Array("#!/bin/sh\n".utf8)))
        let error = await refused(.unauthenticated) {
            _ = try await fixture.panal.publish(
                fixture.ana, manifest: Array(Self.tested.utf8), upload: upload, isPublic: false
            ) {
                fixture.executor.attempts.isEmpty
            }
        }
        #expect(error?.detail.contains("nothing was published") == true)
        #expect(fixture.executor.attempts.count == 1)
        #expect(try await fixture.panal.programs(fixture.ana).isEmpty)
        #expect(try Self.programs(fixture).isEmpty)
    }
}
