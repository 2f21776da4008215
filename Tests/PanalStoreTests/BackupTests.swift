import Foundation
import PanalArchive
import PanalCore
import PanalStore
import Testing

@Suite("Backup") struct BackupTests {
    /// A data folder with blobs, a program and a job, open as a server has it.
    private static func fill(_ path: String) async throws -> (
        SQLiteStore, DirectoryBlobStore, [ContentHash], ContentHash
    ) {
        let blobs = try DirectoryBlobStore(path: path)
        let store = try SQLiteStore(path: path + "/panal.sqlite")
        let user = User(
            id: .make(at: Timestamp(microseconds: 1)), name: "ana", role: .administrator, status: .available,
            created: Timestamp(microseconds: 1))
        try await store.insert(
            user, credential: Credential(salt: [1], hash: [2], costExponent: 4, blockSize: 8, parallelism: 1))
        let file = try await put(Array("#!/bin/sh\necho hello\n".utf8), blobs)
        let staged = try await blobs.stage(.file(name: "run.sh", content: file), limits: ArchiveLimits())
        let (content, size) = try await staged.commit(manifest: Array("{}".utf8), entry: "run.sh")
        let (program, version, _) = try await store.publish(
            ProgramDraft(
                name: "tool", owner: user.id, isPublic: true, content: content, manifest: "{}", entry: "run.sh",
                size: size, at: Timestamp(microseconds: 2)))
        var inputs: [ContentHash] = []
        for number in 0..<20 {
            let input = try await put(Array("input \(number)".utf8), blobs)
            inputs.append(input)
            let job = Job(
                id: .make(at: Timestamp(microseconds: Int64(3 + number))), owner: user.id, program: program.id,
                programName: "tool", version: version.number, profile: "small", priority: .normal, state: .queued,
                submitted: Timestamp(microseconds: 3), fields: [])
            let attempt = AttemptSpec(
                id: AttemptID(job: job.id, number: 1, nonce: 1), rootfs: "host", seccomp: "default", network: .none,
                limits: CellLimits(
                    cpu: .shared(millicores: 500), memory: 1 << 28, processes: 8, wallTime: .seconds(1),
                    cpuTime: .seconds(1), scratchBytes: 1, scratchFiles: 1, outputBytes: 1, collectedFiles: 1,
                    collectedBytes: 1, openFiles: 8, fileBytes: 1), cores: [], program: content, arguments: [],
                environment: [], inputs: [], standardInput: input, isIdle: false)
            _ = try await store.insert(job, attempt: attempt, hasSecrets: false)
        }
        return (store, blobs, inputs, content)
    }

    private static func put(_ bytes: [UInt8], _ blobs: DirectoryBlobStore) async throws -> ContentHash {
        let writer = try await blobs.writer(limit: 1 << 20)
        try await writer.append(bytes)
        return try await writer.finish().content
    }

    /// Everything of it is there, by the store's own reading.
    private static func check(_ path: String, _ inputs: [ContentHash], _ program: ContentHash) async throws {
        let store = try SQLiteStore(path: path + "/panal.sqlite")
        let blobs = try DirectoryBlobStore(path: path)
        #expect(try await store.users().map(\.name) == ["ana"])
        #expect(try await store.unfinishedJobs().count == inputs.count)
        for (number, input) in inputs.enumerated() {
            #expect(try await blobs.blob(input).all() == Array("input \(number)".utf8))
        }
        #expect(try await blobs.program(program).size > 0)
        let script = path + "/" + ContentLayout.program(program) + "/run.sh"
        #expect(FileManager.default.isExecutableFile(atPath: script))
        try store.close()
    }

    /// Made beside an open store, into an empty folder; what is restored is what was there. A second one copies what is new alone.
    @Test func aRunningServerIsCopied() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/data"
        let (store, blobs, inputs, program) = try await Self.fill(data)
        let backup = Backup(of: data, into: folder.path + "/backup")
        let first = try backup.make()
        #expect(first.copied >= 22 && first.databaseBytes > 10_000)
        let second = try backup.make()
        #expect(second.copied == 0 && second.kept >= 22)
        let restored = folder.path + "/restored"
        try FileManager.default.copyItem(atPath: folder.path + "/backup", toPath: restored)
        try await Self.check(restored, inputs, program)
        withExtendedLifetime(blobs) {}
        try store.close()
    }

    /// While others write all the time, the copy is of one moment: each job that it names has its input.
    @Test func aBusyServerIsCopiedInOneMoment() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/data"
        let (store, blobs, _, program) = try await Self.fill(data)
        let writing = Task {
            var number = 0
            while !Task.isCancelled {
                number += 1
                let input = try await Self.put(Array("more \(number)".utf8), blobs)
                let known = try #require(try await store.unfinishedJobs().first)
                var attempt = known.attempt
                let id = JobID.make(at: Timestamp(microseconds: Int64(1_000_000 + number)))
                attempt = AttemptSpec(
                    id: AttemptID(job: id, number: 1, nonce: 1), rootfs: attempt.rootfs, seccomp: attempt.seccomp,
                    network: attempt.network, limits: attempt.limits, cores: [], program: program, arguments: [],
                    environment: [], inputs: [], standardInput: input, isIdle: false)
                let job = Job(
                    id: id, owner: known.job.owner, program: known.job.program, programName: "tool", version: 1,
                    profile: "small", priority: .normal, state: .queued, submitted: Timestamp(microseconds: 3),
                    fields: [])
                _ = try await store.insert(job, attempt: attempt, hasSecrets: false)
            }
        }
        for turn in 0..<5 {
            let target = folder.path + "/backup-\(turn)"
            _ = try Backup(of: data, into: target).make()
            let copy = try SQLiteStore(path: target + "/panal.sqlite")
            for content in try await copy.referencedBlobs() {
                #expect(FileManager.default.fileExists(atPath: target + "/" + ContentLayout.blob(content)))
            }
            try copy.close()
        }
        writing.cancel()
        _ = await writing.result
        try store.close()
    }

    /// What is not whole is no backup, and the one before it stays.
    @Test func aLostFileIsNamed() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/data"
        let (store, blobs, inputs, program) = try await Self.fill(data)
        let target = folder.path + "/backup"
        _ = try Backup(of: data, into: target).make()
        let lost = try await Self.put(Array("new".utf8), blobs)
        let known = try #require(try await store.unfinishedJobs().first)
        let id = JobID.make(at: Timestamp(microseconds: 99))
        let attempt = AttemptSpec(
            id: AttemptID(job: id, number: 1, nonce: 1), rootfs: "host", seccomp: "default", network: .none,
            limits: known.attempt.limits, cores: [], program: program, arguments: [], environment: [], inputs: [],
            standardInput: lost, isIdle: false)
        let job = Job(
            id: id, owner: known.job.owner, program: known.job.program, programName: "tool", version: 1,
            profile: "small", priority: .normal, state: .queued, submitted: Timestamp(microseconds: 3), fields: [])
        _ = try await store.insert(job, attempt: attempt, hasSecrets: false)
        try FileManager.default.removeItem(atPath: data + "/" + ContentLayout.blob(lost))
        let failure = #expect(throws: BackupFailure.self) { try Backup(of: data, into: target).make() }
        #expect(failure?.detail.contains(lost.hex) == true)
        try store.close()
        try await Self.check(target, inputs, program)
        #expect(throws: BackupFailure.self) { try Backup(of: folder.path + "/nothing", into: target).make() }
    }
}
