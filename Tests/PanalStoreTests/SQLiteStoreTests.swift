import Foundation
import PanalCore
import PanalStore
import Testing

/// A store in a folder of its own, with people and a program in it.
struct StoreFixture {
    let folder: TemporaryFolder
    let store: SQLiteStore
    let owner: User
    let other: User
    let program: Program
    static let start = Timestamp(microseconds: 1_800_000_000_000_000)
    static let credential = Credential(salt: [1, 2], hash: [3, 4], costExponent: 4, blockSize: 8, parallelism: 1)

    init() async throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(path: folder.path + "/panal.sqlite")
        owner = Self.user("ana")
        other = Self.user("berta", role: .administrator)
        try await store.insert(owner, credential: Self.credential)
        try await store.insert(other, credential: Self.credential)
        program = try await store.publish(Self.draft("filter", owner.id, content: "a")).program
    }

    static func user(_ name: String, role: Role = .user) -> User {
        User(id: .make(at: start), name: name, role: role, status: .available, created: start)
    }

    static func hash(_ digit: Character) -> ContentHash {
        guard let hash = ContentHash(hex: String(repeating: digit, count: 64)) else { preconditionFailure("no hash") }
        return hash
    }

    static func draft(_ name: String, _ owner: UserID, content: Character, isPublic: Bool = false) -> ProgramDraft {
        ProgramDraft(
            name: name, owner: owner, isPublic: isPublic, content: hash(content), manifest: "{\"name\":\"\(name)\"}",
            entry: "main", size: 10, at: start)
    }

    func job(owner: UserID? = nil) -> (Job, AttemptSpec) {
        var job = Job(
            id: .make(at: Self.start), owner: owner ?? self.owner.id, program: program.id, programName: program.name,
            version: 1, profile: "small", state: .queued, submitted: Self.start,
            fields: [JobField(id: "size", label: "tamaño", value: "3")])
        (job.rootfs, job.hasWritableRoot) = ("host", false)
        let limits = CellLimits(
            cpu: .shared(millicores: 500), memory: 1 << 30, processes: 64, wallTime: .seconds(60),
            cpuTime: .milliseconds(1_500), scratchBytes: 1, scratchFiles: 2, outputBytes: 3, collectedFiles: 4,
            collectedBytes: 5, openFiles: 6, fileBytes: 7)
        let attempt = AttemptSpec(
            id: AttemptID(job: job.id, number: 1, nonce: .max), rootfs: "host", seccomp: "default", limits: limits,
            cores: [], program: Self.hash("a"), arguments: ["/program/main", "á\n"], environment: ["A=b"],
            inputs: [InputFile(field: "image", name: "a.png", content: Self.hash("b"))], standardInput: Self.hash("c"),
            isIdle: true)
        return (job, attempt)
    }
}

@Suite struct SQLiteStoreTests {
    @Test func opensAgainAndKeepsEverything() async throws {
        let fixture = try await StoreFixture()
        let (job, attempt) = fixture.job()
        let order = try await fixture.store.insert(job, attempt: attempt, hasSecrets: false)
        try fixture.store.close()
        let again = try SQLiteStore(path: fixture.folder.path + "/panal.sqlite")
        #expect(try await again.users() == [fixture.owner, fixture.other])
        #expect(try await again.credential(of: fixture.owner.id) == StoreFixture.credential)
        let unfinished = try await again.unfinishedJobs()
        // What it runs in stands in its attempt.
        var stored = job
        (stored.rootfs, stored.hasWritableRoot) = (nil, nil)
        #expect(unfinished == [UnfinishedJob(job: stored, attempt: attempt, order: order)])
    }

    /// Of a job in a batch it is known whether it is to start with the others.
    @Test func gangsAreKept() async throws {
        let fixture = try await StoreFixture()
        var batches: [JobBatch] = []
        for isGang in [true, false] {
            let (job, attempt) = fixture.job()
            let batch = JobBatch(
                id: .make(at: job.submitted), owner: job.owner, programName: job.programName, submitted: job.submitted,
                size: 1, isGang: isGang)
            _ = try await fixture.store.insert(
                [JobDraft(job: job, attempt: attempt, hasSecrets: false)], batch: batch, mark: nil,
                marksSince: job.submitted, isSynchronized: true)
            #expect(try await fixture.store.batch(batch.id) == batch)
            batches.append(batch)
        }
        #expect(try await fixture.store.unfinishedJobs().map(\.gang) == [batches[0].id, nil])
    }

    @Test func namesAreTakenOnce() async throws {
        let fixture = try await StoreFixture()
        await #expect(throws: StoreError.nameTaken("ana")) {
            try await fixture.store.insert(StoreFixture.user("ana"), credential: StoreFixture.credential)
        }
        #expect(try await fixture.store.users().count == 2)
    }

    @Test func theLastAvailableAdministratorStays() async throws {
        let fixture = try await StoreFixture()
        for status in [UserStatus.disabled, .blocked] {
            await #expect(throws: StoreError.lastAdministrator) {
                _ = try await fixture.store.setStatus(of: fixture.other.id, to: status)
            }
        }
        #expect(try await fixture.store.user(fixture.other.id)?.status == .available)
        // An ordinary user may go while an administrator is left, and a second administrator frees the first.
        #expect(try await fixture.store.setStatus(of: fixture.owner.id, to: .blocked).status == .blocked)
        let second = StoreFixture.user("carla", role: .administrator)
        try await fixture.store.insert(second, credential: StoreFixture.credential)
        #expect(try await fixture.store.setStatus(of: fixture.other.id, to: .disabled).status == .disabled)
        await #expect(throws: StoreError.self) {
            _ = try await fixture.store.setStatus(of: .make(at: StoreFixture.start), to: .available)
        }
    }

    /// What ends a user's sessions, and what must not.
    @Test(arguments: ["password", "disabled", "available", "expiry", "sign-out"])
    func sessionsEnd(how: String) async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        let user = fixture.owner.id
        let session = StoredSession(
            tokenHash: StoreFixture.hash("d"), user: user, created: StoreFixture.start,
            expires: StoreFixture.start + .seconds(60))
        try await store.insert(session)
        let found = try #require(try await store.session(tokenHash: session.tokenHash))
        #expect(found.session == session)
        #expect(found.user == fixture.owner)
        var isKept = false
        switch how {
        case "password": try await store.replaceCredential(of: user, with: StoreFixture.credential)
        case "disabled": _ = try await store.setStatus(of: user, to: .disabled)
        case "available":
            _ = try await store.setStatus(of: user, to: .available)
            isKept = true
        case "expiry":
            #expect(try await store.deleteSessions(expiredBefore: session.expires) == 0)
            #expect(try await store.deleteSessions(expiredBefore: session.expires + .microseconds(1)) == 1)
        default: try await store.deleteSession(tokenHash: session.tokenHash)
        }
        #expect((try await store.session(tokenHash: session.tokenHash) != nil) == isKept)
    }

    @Test func keysBelongToTheirOwner() async throws {
        let fixture = try await StoreFixture()
        let key = APIKey(
            id: .make(at: StoreFixture.start), owner: fixture.owner.id, label: "ci", created: StoreFixture.start,
            expires: nil)
        try await fixture.store.insert(key, secretHash: StoreFixture.hash("e"))
        let found = try #require(try await fixture.store.key(key.id))
        #expect(found.key == key)
        #expect(found.secretHash == StoreFixture.hash("e"))
        #expect(found.owner == fixture.owner)
        #expect(try await fixture.store.keys(of: fixture.owner.id) == [key])
        #expect(try await fixture.store.keys(of: fixture.other.id).isEmpty)
        #expect(try await fixture.store.deleteKey(key.id, expecting: nil))
        #expect(try await fixture.store.deleteKey(key.id, expecting: nil) == false)
    }

    @Test func versionsAreCountedAndFoundAgain() async throws {
        let fixture = try await StoreFixture()
        let (store, owner) = (fixture.store, fixture.owner.id)
        let same = try await store.publish(StoreFixture.draft("filter", owner, content: "a"))
        #expect(same.created == false)
        #expect(same.version.number == 1)
        let next = try await store.publish(StoreFixture.draft("filter", owner, content: "b", isPublic: true))
        #expect(next.created)
        #expect(next.program.latest == 2)
        #expect(next.program.isPublic)
        // Publishing again without the wish does not make a public program private, and the first version stays the first.
        let first = try await store.publish(StoreFixture.draft("filter", owner, content: "a"))
        #expect(first.version.number == 1)
        #expect(first.program.latest == 2)
        #expect(first.program.isPublic)
        await #expect(throws: StoreError.nameTaken("filter")) {
            _ = try await store.publish(StoreFixture.draft("filter", fixture.other.id, content: "c"))
        }
        #expect(try await store.program(named: "filter", version: 1)?.version.content == StoreFixture.hash("a"))
        #expect(try await store.program(named: "filter", version: nil)?.version.number == 2)
        #expect(try await store.program(named: "filter", version: 3) == nil)
        #expect(try await store.program(named: "filter", version: nil)?.ownerName == "ana")
        #expect(
            try await store.referencedPrograms(withdrawnAfter: StoreFixture.start) == [
                StoreFixture.hash("a"), StoreFixture.hash("b"),
            ])
    }

    @Test func programsAreSeenByWhoMay() async throws {
        let fixture = try await StoreFixture()
        let (store, owner, other) = (fixture.store, fixture.owner.id, fixture.other.id)
        _ = try await store.publish(StoreFixture.draft("alpha", owner, content: "c", isPublic: true))
        func names(_ user: UserID?) async throws -> [String] {
            try await store.programs(visibleTo: user).map(\.program.name)
        }
        #expect(try await names(owner) == ["alpha", "filter"])
        #expect(try await names(other) == ["alpha"])
        #expect(try await names(nil) == ["alpha", "filter"])
        _ = try await store.setPublic(fixture.program.id, to: true, expecting: nil)
        #expect(try await names(other) == ["alpha", "filter"])
    }
}

@Suite struct JobStoreTests {
    @Test func aJobGoesThroughItsStates() async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        let (job, attempt) = fixture.job()
        _ = try await store.insert(job, attempt: attempt, hasSecrets: false)
        let at = StoreFixture.start
        let cores = [JobChange(to: .configuring, at: at, cores: [0, 2]), JobChange(to: .deploying, at: at)]
        #expect(try await store.change(job.id, from: .queued, cores) == .deploying)
        _ = try await store.change(
            job.id, from: .deploying, [JobChange(to: .running, at: at + .seconds(1), started: at + .seconds(1))])
        let result = JobResult(
            outcome: .exited(code: 3), usage: ResourceUsage(cpuUserMicroseconds: 7),
            output: StreamState(bytes: 5, truncated: true), error: StreamState(bytes: 6),
            files: [JobFile(path: "out/á.png", bytes: 9, content: StoreFixture.hash("f"))])
        let last = [
            JobChange(to: .finishing, at: at + .seconds(2)),
            JobChange(to: .finished, at: at + .seconds(3), message: "all good", result: result),
        ]
        #expect(try await store.change(job.id, from: .running, last) == .finished)
        let done = try #require(try await store.job(job.id))
        #expect(done.state == .finished)
        #expect(done.started == at + .seconds(1))
        #expect(done.ended == at + .seconds(3))
        #expect(done.cores == [0, 2])
        #expect(done.outcome == result.outcome)
        #expect(done.usage == result.usage)
        #expect(done.output == result.output)
        #expect(done.error == result.error)
        #expect(done.files == result.files)
        #expect(done.message == "all good")
        #expect(try await store.job(job.id) == done)
        let states = try await store.events(of: job.id).map(\.state)
        #expect(states == [.queued, .configuring, .deploying, .running, .finishing, .finished])
        #expect(try await store.unfinishedJobs().isEmpty)
        let blobs: Set = [StoreFixture.hash("b"), StoreFixture.hash("c"), StoreFixture.hash("f")]
        #expect(try await store.referencedBlobs() == blobs)
    }

    /// A change that does not fit changes nothing, not even in part.
    @Test func changesAreCompareAndSet() async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        let (job, attempt) = fixture.job()
        _ = try await store.insert(job, attempt: attempt, hasSecrets: false)
        let at = StoreFixture.start
        #expect(try await store.change(job.id, from: .running, [JobChange(to: .failed, at: at)]) == nil)
        await #expect(throws: StoreError.forbiddenChange(from: .configuring, to: .finished)) {
            _ = try await store.change(
                job.id, from: .queued, [JobChange(to: .configuring, at: at), JobChange(to: .finished, at: at)])
        }
        #expect(try await store.job(job.id) == job)
        #expect(try await store.events(of: job.id).count == 1)
        #expect(try await store.change(.make(at: at), from: .queued, [JobChange(to: .failed, at: at)]) == nil)
    }

    /// What was submitted in confidence is there while the job needs it, and gone with its end; nothing else is forgotten.
    @Test(arguments: [true, false])
    func secretsAreForgotten(hasSecrets: Bool) async throws {
        let fixture = try await StoreFixture()
        let (job, attempt) = fixture.job()
        _ = try await fixture.store.insert(job, attempt: attempt, hasSecrets: hasSecrets)
        let at = StoreFixture.start
        _ = try await fixture.store.change(job.id, from: .queued, [JobChange(to: .configuring, at: at)])
        #expect(try await fixture.store.unfinishedJobs().map(\.attempt) == [attempt])
        _ = try await fixture.store.change(job.id, from: .configuring, [JobChange(to: .failed, at: at)])
        let check = """
            import sqlite3, sys
            text = sqlite3.connect(sys.argv[1]).execute('SELECT specification FROM attempts').fetchone()[0]
            assert ('/program/main' in text or 'A=b' in text) == (sys.argv[2] == 'kept'), text
            assert '"seccomp":"default"' in text, text
            """
        try python(check, fixture.folder.path + "/panal.sqlite", hasSecrets ? "forgotten" : "kept")
    }

    /// Of many who cancel and start the same job, one wins.
    @Test func oneOfManyWins() async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        let (job, attempt) = fixture.job()
        _ = try await store.insert(job, attempt: attempt, hasSecrets: false)
        let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<20 {
                let change = JobChange(to: number % 2 == 0 ? .cancelled : .configuring, at: StoreFixture.start)
                group.addTask { try await store.change(job.id, from: .queued, [change]) != nil }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(wins == 1)
        #expect(try await store.events(of: job.id).count == 2)
    }

    @Test func listsAreFilteredAndPaged() async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        var mine: [JobID] = []
        for number in 0..<5 {
            let (job, attempt) = fixture.job(owner: number == 2 ? fixture.other.id : nil)
            _ = try await store.insert(job, attempt: attempt, hasSecrets: false)
            if number != 2 { mine.append(job.id) }
            if number == 4 {
                _ = try await store.change(job.id, from: .queued, [JobChange(to: .cancelled, at: StoreFixture.start)])
            }
        }
        let owner = fixture.owner.id
        #expect(try await store.jobs(JobQuery(limit: 10)).count == 5)
        #expect(try await store.jobs(JobQuery(owner: owner, limit: 10)).map(\.id) == mine.reversed())
        #expect(try await store.jobs(JobQuery(owner: owner, limit: 2)).map(\.id) == [mine[3], mine[2]])
        let rest = try await store.jobs(
            JobQuery(owner: owner, before: JobPlace(job: mine[2], submitted: StoreFixture.start), limit: 10))
        #expect(rest.map(\.id) == [mine[1], mine[0]])
        #expect(try await store.jobs(JobQuery(state: .cancelled, limit: 10)).map(\.id) == [mine[3]])
        #expect(try await store.jobs(JobQuery(program: "other", limit: 10)).isEmpty)
        #expect(
            try await store.jobs(
                JobQuery(before: JobPlace(job: .make(at: StoreFixture.start), submitted: StoreFixture.start), limit: 10)
            ).isEmpty)
        #expect(try await store.unfinishedJobs().count == 4)
    }
}
