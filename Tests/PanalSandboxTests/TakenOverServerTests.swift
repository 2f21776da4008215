import Foundation
import Glibc
import PanalCore
import PanalLauncherProtocol
import PanalLinux
import PanalSeccomp
import Testing

@testable import PanalSandbox

/// A server that speaks to the launcher itself, as one that was taken over would.
extension LiveCells {
    @Suite(.serialized) struct TakenOverServerTests {
        /// A request for `command` on the first core that the launcher has.
        private func request(_ id: UInt64, _ command: [String], wall: UInt64) throws -> RunRequest {
            var request = ProtocolTests.request
            request.id = id
            request.cores = [UInt16(try HostTopology.affinity()[0])]
            (request.exclusive, request.quota) = (false, 50_000)
            (request.program, request.inputs, request.arguments) = ("", [], command)
            request.wallMicroseconds = wall
            request.cpuMicroseconds = wall
            return request
        }

        /// Starts a launcher, hands its socket to `body`, closes the socket and waits for the launcher's end.
        private func with(dataFolder: String? = nil, _ body: (borrowing Descriptor) throws -> Void) throws {
            let filters = try SeccompPolicies.load(
                folder: CellHarness.repository.appending(path: "Profiles/seccomp").path)
            let launcher = try LauncherProcess.start(
                LauncherSettings(
                    executable: CellHarness.launcher, instance: "test-\(getpid())-raw", dataFolder: dataFolder,
                    seccomp: filters))
            let process = launcher.process
            defer {
                shutdown(launcher.socket.raw, Int32(SHUT_RDWR))
                var status: Int32 = 0
                waitpid(process, &status, 0)
            }
            try body(launcher.socket)
        }

        /// Waits for the end of run `id`.
        private func ending(of id: UInt64, _ socket: borrowing Descriptor) throws -> FinishReport? {
            let limit = ContinuousClock.now + .seconds(10)
            while ContinuousClock.now < limit {
                guard let message = try MessageSocket.receive(socket) else {
                    usleep(1_000)
                    continue
                }
                for number in message.descriptors { close(number) }
                if message.bytes.isEmpty { return nil }
                if case .finished(id, let report) = try Report(decoding: message.bytes) { return report }
            }
            return nil
        }

        private func send(_ command: Command, _ streams: [Int32], _ socket: borrowing Descriptor) {
            _ = MessageSocket.send(socket, command.encoded(), descriptors: streams, waiting: true)
        }

        /// Talking without a pause must not keep the launcher from its deadlines.
        @Test func aFloodOfCommandsDoesNotHoldUpADeadline() throws {
            try with { socket in
                let null = open("/dev/null", O_RDWR)
                defer { close(null) }
                send(.run(try request(1, ["/bin/sleep", "5"], wall: 300_000)), [null, null, null], socket)
                // Refused, since the number is taken, but long to read: the next one is there before this one is done with.
                let long = try request(1, Array(repeating: "x", count: 8_000), wall: 1)
                let bytes = Command.run(long).encoded()
                // A launcher that takes commands as long as there are any tells nothing before the flood is over.
                let end = ContinuousClock.now + .seconds(60)
                var report: FinishReport?
                while report == nil, ContinuousClock.now < end {
                    _ = MessageSocket.send(socket, bytes, descriptors: [null, null, null], waiting: true)
                    while let message = try MessageSocket.receive(socket), report == nil {
                        guard case .finished(1, let finish) = try Report(decoding: message.bytes) else { continue }
                        if case .failed = finish.ending { continue }
                        report = finish
                    }
                }
                #expect(report?.cause == .wallTime)
            }
        }

        /// What is answered to a server that does not read must not fill the launcher's memory, nor keep it from anything else.
        @Test func whoAsksAndDoesNotReadWaits() throws {
            try with { socket in
                let null = open("/dev/null", O_RDWR)
                defer { close(null) }
                send(.run(try request(1, ["/bin/sleep", "30"], wall: 300_000)), [null, null, null], socket)
                let most = 100_000
                var asked = 0
                asking: while asked < most {
                    switch MessageSocket.send(socket, Command.sample(id: 7).encoded(), descriptors: [], waiting: false)
                    {
                    case .sent: asked += 1
                    case .closed: break asking
                    case .full:
                        var polled = pollfd(fd: socket.raw, events: Int16(POLLOUT), revents: 0)
                        if poll(&polled, 1, 2_000) == 0 { break asking }
                    }
                }
                #expect(asked < 20_000)
                // Each of them is answered once it reads, and the run was ended meanwhile.
                var answered = 0
                var cause: KillCause?
                let limit = ContinuousClock.now + .seconds(60)
                while answered < asked || cause == nil, ContinuousClock.now < limit {
                    guard let message = try MessageSocket.receive(socket) else {
                        usleep(1_000)
                        continue
                    }
                    if message.bytes.isEmpty { break }
                    switch try Report(decoding: message.bytes) {
                    case .sampled(7, nil): answered += 1
                    case .finished(1, let report): cause = report.cause
                    default: continue
                    }
                }
                #expect(answered == asked)
                #expect(cause == .wallTime)
            }
        }

        /// A folder of the host's as a stream would be a way to its files; so would a socket to its services.
        @Test func foldersAndSocketsAreNoStreams() throws {
            try with { socket in
                let folder = open("/", O_RDONLY | O_DIRECTORY)
                let null = open("/dev/null", O_RDWR)
                let ends = try Descriptor.messageSockets()
                defer { for number in [folder, null, ends.first, ends.second] { close(number) } }
                let refused = [
                    [folder, null, null], [null, folder, null], [null, null, folder], [null, null, ends.first],
                    [null, null], [null, null, null, null], [],
                ]
                for (id, streams) in refused.enumerated() {
                    send(.run(try request(UInt64(id), ["/bin/true"], wall: 900_000)), streams, socket)
                    guard case .failed(let step) = try ending(of: UInt64(id), socket)?.ending else {
                        Issue.record("streams \(id) were taken")
                        continue
                    }
                    #expect(step.step == "request.streams")
                }
                send(.run(try request(50, ["/bin/true"], wall: 900_000)), [null, null, null], socket)
                #expect(try ending(of: 50, socket)?.ending == .exited(0))
            }
        }

        /// Orders for copies of what is not there, of what does not stand still, without a file or with two: each is answered, and the
        /// run goes on.
        @Test func copiesThatCannotBeAreRefused() throws {
            try with { socket in
                let null = open("/dev/null", O_RDWR)
                defer { close(null) }
                send(.run(try request(1, ["/bin/sleep", "1"], wall: 30_000_000)), [null, null, null], socket)
                for descriptors in [[], [null], [null, null]] {
                    for id: UInt64 in [1, 7] { send(.copyChanges(id: id, maximumBytes: .max), descriptors, socket) }
                }
                var refused = 0
                let found = try next(socket) { report -> FinishReport.Ending? in
                    if case .copied(_, .failed(let step)) = report, step.step == "cell.copy" { refused += 1 }
                    if case .finished(1, let report) = report { return report.ending }
                    return nil
                }
                #expect(found == .exited(0))
                #expect(refused == 6)
            }
        }

        /// Two copies of one frozen program at a time, the second of which another server would not have asked for.
        @Test func oneCopyAtATime() throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "panal-raw-\(getpid())")
            defer { try? FileManager.default.removeItem(at: folder) }
            let digits = String(repeating: "cd", count: 32)
            let hash = try #require(ContentHash(hex: digits))
            if try TestImage(folder, hash, { _ in }).isUnfit { return }
            try with(dataFolder: folder.path) { socket in
                let null = open("/dev/null", O_RDWR)
                let ends = try Descriptor.pipe()
                defer { for number in [null, ends.first, ends.second] { close(number) } }
                var run = try request(
                    1, ["/bin/sh", "-c", "head -c 900000 /dev/zero > /etc/large; echo; sleep 60"], wall: 90_000_000)
                (run.rootfs, run.hasWritableRoot) = (.image(try #require(ImageDigest(hex: digits))), true)
                run.fileBytes = 1 << 20
                send(.run(run), [null, ends.second, null], socket)
                var byte: UInt8 = 0
                #expect(read(ends.first, &byte, 1) == 1)
                send(.freeze(id: 1), [], socket)
                let isFrozen = try next(socket) { if case .freezing(1, let isFrozen, _) = $0 { isFrozen } else { nil } }
                #expect(isFrozen == true)
                let files = ["a", "b"].map { open("\(folder.path)/\($0)", O_RDWR | O_CREAT, 0o600) }
                defer { for file in files { close(file) } }
                for file in files { send(.copyChanges(id: 1, maximumBytes: 1 << 30), [file], socket) }
                let refused = try next(socket) { if case .copied(1, let report) = $0 { report } else { nil } }
                guard case .failed(let step)? = refused else {
                    Issue.record("\(String(describing: refused))")
                    return
                }
                #expect(step.step == "cell.copy" && step.detail.contains("already"))
                let made = try next(socket) { if case .copied(1, let report) = $0 { report } else { nil } }
                #expect(made == .done(bytes: UInt64(lseek(files[0], 0, SEEK_END)), skipped: []))
                #expect(lseek(files[1], 0, SEEK_END) == 0)
                // What ends it meanwhile is told before its end is.
                send(.copyChanges(id: 1, maximumBytes: 1 << 30), [files[1]], socket)
                send(.kill(id: 1, cause: .cancelled), [], socket)
                var isTold = false
                let cause = try next(socket) { report -> KillCause? in
                    if case .copied(1, _) = report { isTold = true }
                    if case .finished(1, let report) = report { return report.cause }
                    return nil
                }
                #expect(cause == .cancelled && isTold)
            }
        }

        /// The first report of which `take` makes something; nil where there is none within a minute.
        private func next<Found>(
            _ socket: borrowing Descriptor, _ take: (Report) throws -> Found?
        ) throws -> Found? {
            let limit = ContinuousClock.now + .seconds(60)
            while ContinuousClock.now < limit {
                guard let message = try MessageSocket.receive(socket) else {
                    usleep(1_000)
                    continue
                }
                for number in message.descriptors { close(number) }
                if message.bytes.isEmpty { return nil }
                if let found = try take(try Report(decoding: message.bytes)) { return found }
            }
            return nil
        }

        /// No cell alone, and not all of them together, get more memory than the table says.
        @Test func cellsTogetherKeepToTheTablesMemory() throws {
            try with { socket in
                let null = open("/dev/null", O_RDWR)
                defer { close(null) }
                var large = try request(1, ["/bin/sleep", "5"], wall: 600_000)
                large.memory = UInt64(try HostTopology.read().memory) / 3 * 2 / 4_096 * 4_096
                send(.run(large), [null, null, null], socket)
                large.id = 2
                send(.run(large), [null, null, null], socket)
                guard case .failed(let step) = try ending(of: 2, socket)?.ending else {
                    Issue.record("the second cell was started")
                    return
                }
                #expect(step.step == "request.memory")
                #expect(try ending(of: 1, socket)?.cause == .wallTime)
                send(.run(large), [null, null, null], socket)
                #expect(try ending(of: 2, socket)?.cause == .wallTime)
            }
        }

        /// Nonsense ends the launcher and every cell of it.
        @Test func nonsenseEndsEverything() throws {
            try with { socket in
                let null = open("/dev/null", O_RDWR)
                defer { close(null) }
                send(.run(try request(1, ["/bin/sleep", "5"], wall: 4_000_000)), [null, null, null], socket)
                _ = MessageSocket.send(socket, [7, 7, 7], descriptors: [null, null], waiting: true)
                #expect(try ending(of: 1, socket)?.cause == .stopped)
                #expect(try ending(of: 2, socket) == nil)
            }
        }
    }
}
