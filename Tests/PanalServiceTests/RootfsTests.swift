import Foundation
import PanalCore
import PanalManifest
import PanalPublication
import PanalRootfs
import PanalService
import PanalStore
import Testing

/// Images from their upload to their end, on a real store and a real folder.
@Suite struct RootfsTests {
    /// A tar archive of these files and of a shell, without which no script could be published.
    static func tree(_ files: [String: String], links: [String: String] = [:]) -> [UInt8] {
        var bytes: [UInt8] = []
        func add(_ name: String, _ kind: String, _ content: String, link: String = "") {
            var header = [UInt8](repeating: 0, count: 512)
            func put(_ text: String, _ place: Int) {
                for (offset, byte) in text.utf8.enumerated() { header[place + offset] = byte }
            }
            func octal(_ value: Int, _ digits: Int) -> String {
                let text = String(value, radix: 8)
                return String(repeating: "0", count: digits - text.count) + text
            }
            put(name, 0)
            put("0000755", 100)
            put(octal(content.utf8.count, 11), 124)
            put("00000000000", 136)
            put("        ", 148)
            put(kind, 156)
            put(link, 157)
            put("ustar\u{0}00", 257)
            put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\u{0}", 148)
            bytes += header + content.utf8
            bytes += [UInt8](repeating: 0, count: (512 - content.utf8.count % 512) % 512)
        }
        for (name, content) in files.merging(["bin/sh": ""], uniquingKeysWith: { own, _ in own })
            .sorted(by: { $0.key < $1.key })
        {
            add(name, "0", content)
        }
        for (name, target) in links.sorted(by: { $0.key < $1.key }) { add(name, "2", "", link: target) }
        return bytes + [UInt8](repeating: 0, count: 1_024)
    }

    static func upload(_ bytes: [UInt8], _ fixture: ServiceFixture, as principal: Principal) async throws -> UploadID {
        let upload = try await fixture.panal.beginUpload(principal, length: bytes.count, metadata: "")
        let pieces = AsyncStream<[UInt8]> { continuation in
            continuation.yield(bytes)
            continuation.finish()
        }
        _ = try await fixture.panal.receive(principal, upload.id, at: 0, checksum: nil, pieces)
        return upload.id
    }

    /// The image when it is not being made any more.
    static func make(
        _ fixture: ServiceFixture, as principal: Principal? = nil, _ bytes: [UInt8] = tree(["etc/x": "1"]),
        isPublic: Bool = false, environment: [String] = [], alias: String? = nil
    ) async throws -> RootfsImage {
        let principal = principal ?? fixture.admin
        let upload = try await upload(bytes, fixture, as: principal)
        let made = try await fixture.panal.makeRootfs(
            principal,
            RootfsRequest(
                name: "image", upload: upload, isPublic: isPublic, environment: environment, alias: alias))
        #expect(made.image.state == .processing)
        try await eventually {
            try await fixture.panal.rootfsImage(principal, made.image.id).image.state != .processing
        }
        return try await fixture.panal.rootfsImage(principal, made.image.id).image
    }

    static func manifest(_ rootfs: String, more: String = "") -> String {
        #"{"name": "filter", "rootfs": "\#(rootfs)", "inputs": [{"name": "tamaño de filtro", "type": "text"}]\#(more)}"#
    }

    @Test func aJobRecordsWhatItsManifestMeans() async throws {
        let fixture = try await ServiceFixture()
        let first = try await Self.make(
            fixture, isPublic: true, environment: ["PATH=/opt/bin", "HOME=/root", "MODE=image", "EXTRA=1"],
            alias: "python:*")
        try await fixture.publish(
            Self.manifest("python:3.11", more: #", "environment": {"MODE": "manifest"}"#))
        let job = try await fixture.submit()
        _ = try await fixture.end(of: job.id)
        let attempt = try #require(fixture.executor.attempts.last)
        #expect(attempt.rootfs == first.digest?.hex)
        #expect(
            attempt.environment == [
                "EXTRA=1", "HOME=/work", "LANG=C.UTF-8", "MODE=manifest", "PATH=/opt/bin", "TMPDIR=/tmp",
            ])
        // The name means another image from now on; what has run has not.
        let second = try await Self.make(fixture, Self.tree(["etc/x": "2"]), isPublic: true, alias: "python:3.11")
        #expect(second.digest != first.digest)
        _ = try await fixture.end(of: try await fixture.submit().id)
        #expect(fixture.executor.attempts.suffix(2).map(\.rootfs) == [first.digest?.hex, second.digest?.hex])
    }

    @Test func aPublicationNamesAnImageThatIsThere() async throws {
        let fixture = try await ServiceFixture()
        _ = try await Self.make(fixture, isPublic: true, alias: "base")
        let error = await refused(.invalid) { try await fixture.publish(Self.manifest("debian")) }
        #expect(error?.mistakes.map(\.pointer) == ["/rootfs"])
        #expect(error?.mistakes.first?.detail == "there is no file system ‘debian’ here; there are host, base")
    }

    /// Tests of a manifest run where its jobs will.
    @Test func testsOfAPublicationRunInTheImage() async throws {
        let fixture = try await ServiceFixture()
        let image = try await Self.make(fixture, isPublic: true, alias: "base")
        try await fixture.publish(
            #"{"name": "tested", "rootfs": "base", "inputs": [], "tests": [{"stdout": "hello"}]}"#)
        #expect(fixture.executor.attempts.map(\.rootfs) == [image.digest?.hex])
        // Another image under the same name is another condition.
        let other = try await Self.make(fixture, Self.tree(["etc/x": "2"]), isPublic: true, alias: "base")
        try await fixture.publish(
            #"{"name": "tested", "rootfs": "base", "inputs": [], "tests": [{"stdout": "hello"}]}"#)
        #expect(fixture.executor.attempts.map(\.rootfs) == [image.digest?.hex, other.digest?.hex])
    }

    @Test func noJobBeginsInADisabledImage() async throws {
        let fixture = try await ServiceFixture()
        let image = try await Self.make(fixture, isPublic: true, alias: "base")
        try await fixture.publish(Self.manifest("base"))
        _ = try await fixture.panal.changeRootfs(fixture.admin, image.id, state: .disabled)
        let error = await refused(.invalid) { _ = try await fixture.submit() }
        #expect(error?.mistakes.first?.detail == "the file system ‘base’ is disabled at the moment")
        _ = try await fixture.panal.changeRootfs(fixture.admin, image.id, state: .available)
        #expect(try await fixture.end(of: fixture.submit().id).state == .finished)
    }

    @Test func aRefusedImageSaysWhy() async throws {
        let fixture = try await ServiceFixture()
        let image = try await Self.make(fixture, Self.tree(["bin/x": "1"], links: ["proc": "/etc"]), alias: "base")
        #expect(image.state == .unavailable)
        #expect(image.message == "refused: ‘/proc’ is a symbolic link, and has to be a folder or missing")
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.path + "/rootfs").isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.path + "/temporary").isEmpty)
        let error = await refused(.invalid) { try await fixture.publish(Self.manifest("base")) }
        #expect(error?.mistakes.first?.detail == "there is no file system ‘base’ here; there are host")
        await refused(.conflict) {
            _ = try await fixture.panal.changeRootfs(fixture.admin, image.id, state: .available)
        }
    }

    // MARK: Whose they are

    @Test func aPrivateImageIsItsOwners() async throws {
        let fixture = try await ServiceFixture()
        let image = try await Self.make(fixture, as: fixture.ana)
        let digest = try #require(image.digest?.hex)
        #expect(try await fixture.panal.rootfsImages(fixture.berta).isEmpty)
        await refused(.notFound) { _ = try await fixture.panal.rootfsImage(fixture.berta, image.id) }
        await refused(.notFound) { _ = try await fixture.panal.removeRootfs(fixture.berta, image.id) }
        await refused(.invalid) { try await fixture.publish(Self.manifest(digest), as: fixture.berta) }
        try await fixture.publish(Self.manifest("sha256:\(digest)"), as: fixture.ana, isPublic: true)
        // Whoever may use the program need not have the image.
        _ = try await fixture.end(of: fixture.submit(as: fixture.berta).id)
        #expect(fixture.executor.attempts.last?.rootfs == digest)
        await refused(.forbidden) { try await fixture.panal.setRootfsAlias(fixture.ana, "mine", to: image.id) }
    }

    @Test func aPublicImageIsChangedByItsOwnerAlone() async throws {
        let fixture = try await ServiceFixture()
        let image = try await Self.make(fixture, as: fixture.ana, isPublic: true)
        await refused(.forbidden) {
            _ = try await fixture.panal.changeRootfs(fixture.berta, image.id, state: .disabled)
        }
        await refused(.forbidden) { _ = try await fixture.panal.removeRootfs(fixture.berta, image.id) }
    }

    private static func run(_ program: String, as principal: Principal, _ fixture: ServiceFixture) async throws {
        let job = try await fixture.panal.submit(
            principal, program: program, submission: Submission(values: [:]))
        _ = try await fixture.end(of: job.id)
    }

    /// Several requests at once: one of them has the room, and none that comes to nothing keeps it.
    @Test func roomIsTakenBeforeAnythingIsMade() async throws {
        let fixture = try await ServiceFixture()
        let large = Self.tree(["etc/x": String(repeating: "x", count: 700_000)])
        var uploads: [UploadID] = []
        for _ in 0..<6 { uploads.append(try await Self.upload(large, fixture, as: fixture.ana)) }
        let taken = await withTaskGroup(of: RootfsID?.self) { group in
            for upload in uploads {
                group.addTask {
                    try? await fixture.panal.makeRootfs(fixture.ana, RootfsRequest(name: "x", upload: upload)).image.id
                }
            }
            return await group.reduce(into: [RootfsID]()) { found, id in if let id { found.append(id) } }
        }
        #expect(!taken.isEmpty)
        try await eventually {
            try await fixture.panal.rootfsImages(fixture.ana).allSatisfy { $0.image.state != .processing }
        }
        let images = try await fixture.panal.rootfsImages(fixture.ana).map(\.image)
        #expect(images.count == taken.count)
        #expect(images.count { $0.state == .available } == 1)
        #expect(images.reduce(0) { $0 + $1.bytes } <= 1 << 20)
        // A request with a mistake takes no place.
        for _ in 0..<3 {
            await refused(.invalid) {
                _ = try await fixture.panal.makeRootfs(fixture.ana, RootfsRequest(name: "", upload: uploads[0]))
            }
        }
    }

    /// A thousand empty files are more than a MiB.
    @Test func namesCountAsFilesDo() async throws {
        let fixture = try await ServiceFixture()
        let names = Dictionary(uniqueKeysWithValues: (0..<400).map { ("etc/\($0)", "") })
        let many = try await Self.make(fixture, as: fixture.ana, Self.tree(names))
        #expect(many.state == .unavailable)
        #expect(many.message?.contains("its names among them") == true, "\(many.message ?? "")")
        let few = try await Self.make(
            fixture, as: fixture.ana, Self.tree(names.filter { $0.key.hasSuffix("7") }))
        #expect(few.state == .available)
        // Forty, the shell, two folders and the top.
        #expect(few.bytes == 44 * 4_096)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.path + "/temporary").isEmpty)
    }

    @Test func imagesOfOneAreCounted() async throws {
        let fixture = try await ServiceFixture()
        let now = fixture.clock.now()
        for number in 0..<100 {
            try await fixture.store.insert(
                RootfsImage(
                    id: .make(at: now), name: "\(number)", owner: fixture.ana.user, isPublic: false,
                    state: .unavailable, created: now, changed: now))
        }
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 1, queueLimit: 10)
        let upload = try await Self.upload(Self.tree(["etc/x": "1"]), next, as: next.ana)
        let error = await refused(.tooLarge) {
            _ = try await next.panal.makeRootfs(next.ana, RootfsRequest(name: "x", upload: upload))
        }
        #expect(error?.detail == "you have 100 images, which is as many as one may have: remove some")
        #expect(try await Self.make(next).state == .available, "an administrator's are not counted")
    }

    /// The same files with other variables: one's own count, then those of the oldest that everybody may use.
    @Test func variablesAreOnesOwn() async throws {
        let fixture = try await ServiceFixture()
        let first = try await Self.make(fixture, isPublic: true, environment: ["WHOSE=everybody"])
        let own = try await Self.make(fixture, as: fixture.ana, environment: ["WHOSE=ana"])
        let digest = try #require(first.digest?.hex)
        #expect(own.digest == first.digest)
        for (principal, name) in [(fixture.ana, "ana"), (fixture.berta, "everybody")] {
            let published = #"{"name": "of \#(name)", "rootfs": "\#(digest)", "inputs": []}"#
            try await fixture.publish(published, as: principal)
            try await Self.run("of-\(name)", as: principal, fixture)
            let environment = try #require(fixture.executor.attempts.last?.environment)
            #expect(environment.contains("WHOSE=\(name)"))
        }
        // One's own that takes no jobs does not stand in the way.
        _ = try await fixture.panal.changeRootfs(fixture.ana, own.id, state: .disabled)
        try await Self.run("of-ana", as: fixture.ana, fixture)
        #expect(fixture.executor.attempts.last?.environment.contains("WHOSE=everybody") == true)
    }

    /// The fixture allows a MiB.
    @Test func imagesHaveAQuota() async throws {
        let fixture = try await ServiceFixture()
        let large = Self.tree(["etc/x": String(repeating: "x", count: 700_000)])
        #expect(try await Self.make(fixture, as: fixture.ana, large).state == .available)
        let other = Self.tree(["etc/y": String(repeating: "y", count: 700_000)])
        let second = try await Self.make(fixture, as: fixture.ana, other)
        #expect(second.state == .unavailable)
        #expect(second.message?.contains("its files have more than") == true)
        #expect(try await Self.make(fixture, other).state == .available)
    }

    // MARK: How they go

    @Test func anImageStaysWhileAJobUsesIt() async throws {
        let fixture = try await ServiceFixture(executor: .holds)
        let image = try await Self.make(fixture, isPublic: true, alias: "base")
        let digest = try #require(image.digest)
        let path = fixture.path + "/rootfs/\(digest.hex)"
        try await fixture.publish(Self.manifest("base"))
        let job = try await fixture.submit()
        let error = await refused(.conflict) { _ = try await fixture.panal.removeRootfs(fixture.admin, image.id) }
        #expect(error?.detail.contains("it is what base means") == true)
        try await fixture.panal.setRootfsAlias(fixture.admin, "base", to: nil)
        #expect(try await fixture.panal.removeRootfs(fixture.admin, image.id).image.state == .removing)
        await refused(.invalid) { _ = try await fixture.submit() }
        try await fixture.panal.collectRootfs()
        #expect(FileManager.default.fileExists(atPath: path + "/tree/etc/x"))
        try await eventually { fixture.executor.heldJobs.contains(job.id) }
        fixture.executor.finish(job.id)
        _ = try await fixture.end(of: job.id)
        try await fixture.panal.collectRootfs()
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(try await fixture.panal.rootfsImages(fixture.admin).isEmpty)
    }

    /// One core, one job that runs, one that waits for it: what it is to run in stays until its end.
    @Test func anImageStaysWhileAJobWaitsForIt() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        let image = try await Self.make(fixture, isPublic: true)
        let digest = try #require(image.digest)
        let path = fixture.path + "/rootfs/\(digest.hex)"
        try await fixture.publish(Self.manifest(digest.hex))
        let first = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs.contains(first.id) }
        let second = try await fixture.submit()
        _ = try await fixture.panal.removeRootfs(fixture.admin, image.id)
        fixture.executor.finish(first.id)
        _ = try await fixture.end(of: first.id)
        try await fixture.panal.collectRootfs()
        #expect(FileManager.default.fileExists(atPath: path + "/tree/etc/x"))
        try await eventually { fixture.executor.heldJobs.contains(second.id) }
        #expect(fixture.executor.attempts.last?.rootfs == digest.hex)
        fixture.executor.finish(second.id)
        #expect(try await fixture.end(of: second.id).state == .finished)
        try await fixture.panal.collectRootfs()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func aTreeGoesWithTheLastOfItsImages() async throws {
        let fixture = try await ServiceFixture()
        let first = try await Self.make(fixture)
        let second = try await Self.make(fixture, as: fixture.ana)
        #expect(first.digest == second.digest)
        let path = fixture.path + "/rootfs/\(try #require(first.digest).hex)"
        _ = try await fixture.panal.removeRootfs(fixture.admin, first.id)
        try await fixture.panal.collectRootfs()
        #expect(FileManager.default.fileExists(atPath: path))
        _ = try await fixture.panal.removeRootfs(fixture.ana, second.id)
        try await fixture.panal.collectRootfs()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func aRestartFindsWhatWasLost() async throws {
        let fixture = try await ServiceFixture()
        let whole = try await Self.make(fixture, isPublic: true, alias: "base")
        let gone = try await Self.make(fixture, Self.tree(["etc/x": "2"]))
        let now = fixture.clock.now()
        let half = RootfsImage(
            id: .make(at: now), name: "half", owner: fixture.admin.user, isPublic: false, state: .processing,
            created: now, changed: now)
        try await fixture.store.insert(half)
        try FileManager.default.removeItem(
            atPath: fixture.path + "/rootfs/\(try #require(gone.digest).hex)")
        // A tree that nobody recorded.
        try FileManager.default.createDirectory(
            atPath: fixture.path + "/rootfs/" + String(repeating: "a", count: 64), withIntermediateDirectories: true)
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 1, queueLimit: 10)
        let states = try await next.panal.rootfsImages(next.admin).reduce(into: [:]) {
            $0[$1.image.id] = $1.image.state
        }
        #expect(states == [whole.id: .available, gone.id: .unavailable, half.id: .unavailable])
        let left = try FileManager.default.contentsOfDirectory(atPath: next.path + "/rootfs")
        #expect(left == [whole.digest?.hex])
        try await next.publish(Self.manifest("base"), as: next.ana)
    }

    // MARK: Pure

    @Test func namesMeanTheNearest() throws {
        let now = Timestamp(microseconds: 0)
        let (owner, other) = (UserID.make(at: now), UserID.make(at: now))
        func image(_ digit: Character, isPublic: Bool = true, state: RootfsState = .available) -> RootfsImage {
            RootfsImage(
                id: .make(at: now), name: "x", owner: owner, isPublic: isPublic, state: state,
                digest: ContentHash(hex: String(repeating: digit, count: 64)), created: now, changed: now)
        }
        let images = [image("a"), image("b"), image("c", isPublic: false), image("d", state: .disabled)]
        let names = ["python", "python:*", "python:3.*", "old"]
        let book = RootfsBook(
            images: images, aliases: zip(names, images).map { RootfsAlias(name: $0, image: $1.id) })
        func chosen(_ word: String, _ user: UserID = owner) -> Character? {
            try? book.choose(word, for: user).name.first
        }
        #expect(chosen("host") == "h")
        #expect(chosen("python") == "a")
        #expect(chosen("python:2") == "b")
        #expect(chosen("python:3.11") == "c")
        #expect(chosen("python:3.11", other) == nil)
        #expect(chosen("old") == nil)
        #expect(chosen("pythonic") == nil)
        #expect(chosen(String(repeating: "b", count: 64)) == "b")
        #expect(chosen("sha256:" + String(repeating: "c", count: 64)) == "c")
        #expect(chosen("sha256:" + String(repeating: "c", count: 64), other) == nil)
        #expect(book.names(for: other) == ["host", "python", "python:*"])
    }

    @Test(arguments: [
        ("python", true), ("python:3.11", true), ("debian:*", true), ("ghcr.io/a/b:c", true), ("host", false),
        ("*", false), ("a*b", false), ("-x", false), ("a b", false), ("", false), ("sha256:x", false), ("ñ", false),
        (String(repeating: "a", count: 64), false), (String(repeating: "x", count: 101), false),
    ]) func aliasesAreWords(text: String, isTaken: Bool) {
        #expect(RootfsBook.isAlias(text) == isTaken)
    }

    /// From each state something follows, but for the last; nothing comes back from being removed.
    @Test func statesHaveAnEnd() {
        for state in RootfsState.allCases {
            #expect(state.next.isEmpty == (state == .removing))
            #expect(!state.next.contains(.processing) && !state.next.contains(state))
            if let deadline = state.deadline { #expect(state.next.contains(deadline.next)) }
        }
    }
}
