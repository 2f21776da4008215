import PanalCore
import PanalLauncherProtocol
import PanalLinux
import Testing

@testable import PanalSandbox

/// The messages between server and launcher, and what the launcher refuses of them. No cell runs here.
@Suite struct ProtocolTests {
    static let request = RunRequest(
        id: 7, label: Array(repeating: 9, count: 64), rootfs: .host, seccomp: 0, cores: [0, 1], exclusive: true,
        quota: 0,
        memory: 64 << 20, processes: 32,
        wallMicroseconds: 1_000_000, cpuMicroseconds: 1_000_000, scratchBytes: 1 << 20, scratchFiles: 64,
        collectedFiles: 8,
        collectedBytes: 1 << 20, openFiles: 64, fileBytes: 1 << 20, program: "programs/abc",
        inputs: [.init(field: "tamano", name: "mi foto.png", source: "blobs/ab/abcd")],
        arguments: ["/program/it", "ñ", ""], environment: ["PATH=/bin"])
    static let table = LauncherTable(
        instance: "test", dataFolder: "/data", imageFolder: "", seccomp: [filter(false), filter(true)],
        firstUser: 1_000, lastUser: 2_000, cores: [0, 1], memory: 1 << 30, wallMicroseconds: 10_000_000, processes: 100,
        prepared: 1, limitsReading: true)

    static let digest = ImageDigest(hex: String(repeating: "0123456789abcdef", count: 4))!

    static func filter(_ makesSockets: Bool) -> LauncherTable.Filter {
        .init(instructions: [0, 0, 0, 0, 0, 0, 0, 0], makesSockets: makesSockets, permitsStart: !makesSockets)
    }

    @Test func commandsAndReportsComeBackAsTheyWere() throws {
        var imaged = Self.request
        (imaged.rootfs, imaged.hasWritableRoot) = (.image(Self.digest), true)
        var slow = Self.request
        slow.diskRead = 50 << 20
        let commands: [Command] = [
            .run(Self.request), .run(imaged), .run(slow), .kill(id: 9, cause: .output), .stop, .claim, .resume(id: 1),
            .forget(id: 2), .freeze(id: 3), .thaw(id: .max), .sample(id: 5),
            .copyChanges(id: 6, maximumBytes: .max),
        ]
        for command in commands {
            #expect(try Command(decoding: command.encoded()) == command)
        }
        let reports: [Report] = [
            .ready(cores: [0, 3], memory: 5, freezes: true, writesRoots: false, readingRefusal: ""),
            .ready(cores: [], memory: 5, freezes: false, writesRoots: true, readingRefusal: "no ñ"),
            .unusable(StepReport(step: "a.b", errno: 2, detail: "ñ")),
            .started(id: 1, at: 77), .explaining(id: 3), .taken, .otherTable,
            .freezing(id: 4, isFrozen: true, nil), .sampled(id: 5, nil),
            .sampled(id: 5, SampleReport(wallTime: 1, cpuTime: -2, memory: .max, processes: 4)),
            .copied(id: 6, .done(bytes: 1_024, skipped: ["run/x: it is a socket", ""])),
            .copied(id: 6, .failed(StepReport(step: "copy.write", errno: 28, detail: "no room"))),
            .freezing(id: 4, isFrozen: false, StepReport(step: "s", errno: 1, detail: "")),
            .held(
                HeldReport(
                    id: 9, label: [1, 2, 0, 255], cores: [3], memory: 7, started: nil, isFinished: true, isFrozen: false
                )),
            .held(HeldReport(id: 9, label: [], cores: [], memory: 0, started: 5, isFinished: false, isFrozen: true)),
            .file(id: 1, path: "a/b", bytes: 3), .skipped(id: 1, path: "x", reason: "link"),
            .finished(
                id: 2,
                FinishReport(ending: .notExecuted(errno: 8, isThere: true), started: 77, cause: .none, userTime: 5)),
            .finished(
                id: 2, FinishReport(ending: .failed(StepReport(step: "s", errno: -1, detail: "")), cause: .memory)),
        ]
        for report in reports { #expect(try Report(decoding: report.encoded()) == report) }
        #expect(try LauncherTable(decoding: Self.table.encoded()) == Self.table)
    }

    /// The kernel's files can be long; a report about them must still be one that the server takes.
    @Test func aLongDetailIsCutNotRefused() throws {
        for detail in [String(repeating: "x", count: 100_000), String(repeating: "ñ\u{301}", count: 50_000)] {
            let report = Report.unusable(StepReport(step: "s", errno: 0, detail: detail))
            let read = try Report(decoding: report.encoded())
            #expect(read == report)
            #expect(report.encoded().count <= 4_200)
        }
    }

    /// A message that is cut at any byte, or has one too many, is refused; none brings the reader down.
    @Test func everyCutIsRefused() {
        let whole = Command.run(Self.request).encoded()
        for length in 0..<whole.count {
            #expect(throws: ProtocolError.self) { try Command(decoding: Array(whole[..<length])) }
        }
        #expect(throws: ProtocolError.trailingBytes) { try Command(decoding: whole + [0]) }
    }

    /// What a request is held against has to be in range itself: found by Scripts/fuzz, where the comparison trapped.
    @Test func tablesWithNumbersOutOfRangeAreRefused() {
        let changes: [(String, (inout LauncherTable) -> Void)] = [
            ("memory", { $0.memory = 4_095 << 10 }), ("memory", { $0.memory = .max }),
            ("wall time", { $0.wallMicroseconds = 0 }), ("wall time", { $0.wallMicroseconds = .max }),
            ("processes", { $0.processes = 1 }), ("keep", { $0.keepSeconds = 604_801 }),
        ]
        for (field, change) in changes {
            var table = Self.table
            change(&table)
            #expect(throws: ProtocolError.outOfRange(field)) { try LauncherTable(decoding: table.encoded()) }
        }
    }

    /// Random changes either still decode to something that the check judges, or are refused: the reader never traps.
    @Test func randomBytesNeverTrap() {
        var generator = SeededGenerator(state: 42)
        let whole = Command.run(Self.request).encoded()
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            do {
                guard case .run(let request) = try Command(decoding: bytes) else { continue }
                if RequestCheck.refusal(of: request, by: Self.table) != nil { refused += 1 }
            } catch {
                refused += 1
            }
        }
        #expect(refused > 10_000)
    }

    @Test func anHonestRequestIsAllowed() throws {
        #expect(RequestCheck.refusal(of: Self.request, by: Self.table) == nil)
        var loopback = Self.request
        (loopback.seccomp, loopback.network) = (1, .loopback)
        #expect(RequestCheck.refusal(of: loopback, by: Self.table) == nil)
        #expect(try Command(decoding: Command.run(loopback).encoded()) == .run(loopback))
        var slow = Self.request
        slow.diskRead = 1 << 20
        #expect(RequestCheck.refusal(of: slow, by: Self.table) == nil)
        // Nothing would hold it to that.
        var table = Self.table
        table.limitsReading = false
        #expect(RequestCheck.refusal(of: slow, by: table) == "disk read")
    }

    /// What a taken-over server might ask for: a change of the honest request, and the field that must be named.
    struct Abuse: Sendable, CustomTestStringConvertible {
        let field: String
        let change: @Sendable (inout RunRequest) -> Void
        var testDescription: String { field }

        init(_ field: String, _ change: @escaping @Sendable (inout RunRequest) -> Void) {
            self.field = field
            self.change = change
        }
    }

    static let abuses: [Abuse] = [
        Abuse("rootfs") { $0.rootfs = .image(digest) },
        Abuse("writable root") { $0.hasWritableRoot = true },
        Abuse("seccomp") { $0.seccomp = 9 },
        Abuse("network") { $0.network = .loopback },
        Abuse("cores") { $0.cores = [2] },
        Abuse("cores") { $0.cores = [] },
        Abuse("cores") { $0.cores = [1, 1] },
        Abuse("quota") { $0.quota = 50_000 },
        Abuse("quota") { $0.exclusive = false },
        Abuse("burst") { $0.burst = 1 },
        Abuse("burst") { ($0.exclusive, $0.quota, $0.burst) = (false, 50_000, 50_001) },
        Abuse("memory") { $0.memory = 2 << 30 },
        Abuse("memory") { $0.memory = (64 << 20) + 1 },
        Abuse("memory") { $0.memory = 0 },
        Abuse("processes") { $0.processes = 101 },
        Abuse("processes") { $0.processes = 1 },
        Abuse("wall time") { $0.wallMicroseconds = 10_000_001 },
        Abuse("wall time") { $0.wallMicroseconds = 0 },
        Abuse("processor time") { $0.cpuMicroseconds = .max },
        Abuse("scratch bytes") { $0.scratchBytes = 0 },
        Abuse("scratch files") { $0.scratchFiles = .max },
        Abuse("collected files") { $0.collectedFiles = .max },
        Abuse("open files") { $0.openFiles = 1 << 20 },
        Abuse("file bytes") { $0.fileBytes = .max },
        Abuse("program") { $0.program = "/etc" },
        Abuse("program") { $0.program = "programs/../../etc" },
        Abuse("program") { $0.program = "programs//x" },
        Abuse("input") { $0.inputs[0].source = "../../../etc/shadow" },
        Abuse("input") { $0.inputs[0].name = "a/b" },
        Abuse("input") { $0.inputs[0].name = ".." },
        Abuse("input") { $0.inputs[0].field = "" },
        Abuse("input") { $0.inputs.append($0.inputs[0]) },
        Abuse("arguments") { $0.arguments = [] },
        Abuse("arguments") { $0.arguments[0] = "" },
        Abuse("environment") { $0.environment = ["no equals sign"] },
        Abuse("environment") { $0.environment = ["=x"] },
        Abuse("disk read") { $0.diskRead = 1 },
        Abuse("disk read") { $0.diskRead = .max },
    ]

    /// An image is named by its digest and nothing else: no text becomes a path but sixty-four digits.
    @Test func imagesAreNamedByDigestsAlone() throws {
        var request = Self.request
        request.rootfs = .image(Self.digest)
        var table = Self.table
        table.imageFolder = "/data"
        #expect(RequestCheck.refusal(of: request, by: table) == nil)
        #expect(Self.digest.hex == String(repeating: "0123456789abcdef", count: 4))
        #expect(Self.digest.path == "rootfs/\(Self.digest.hex)/tree")
        let digits = Self.digest.hex.dropLast(2)
        for tail in ["", "0", "000", "0G", "AF", "..", "0/", "é", "\u{0}0"] {
            #expect(ImageDigest(hex: digits + tail) == nil, "\(tail)")
        }
        // The byte that says which kind of root it is, behind command, number and label.
        var bytes = Command.run(request).encoded()
        let place = 1 + 8 + 4 + Self.request.label.count
        #expect(bytes[place] == 1)
        bytes[place] = 2
        #expect(throws: ProtocolError.outOfRange("rootfs")) { try Command(decoding: bytes) }
    }

    @Test(arguments: abuses) func isRefused(abuse: Abuse) {
        var request = Self.request
        abuse.change(&request)
        #expect(RequestCheck.refusal(of: request, by: Self.table) == abuse.field)
    }

    @Test func coreListsAreTheKernels() {
        for (cores, text) in [([0], "0"), ([0, 1, 2, 5], "0-2,5"), ([3, 1, 2], "1-3"), ([], "")] {
            #expect(CoreList.text(cores) == text)
        }
    }

    @Test func mountLinesOfBothLayoutsAreRead() {
        let v1 = "31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct"
        #expect(
            CgroupMount.parse(v1[...])
                == CgroupMount(
                    path: "/sys/fs/cgroup/cpu,cpuacct", isUnified: false, controllers: ["rw", "cpu", "cpuacct"]))
        let v2 = "30 24 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate"
        #expect(CgroupMount.parse(v2[...]) == CgroupMount(path: "/sys/fs/cgroup", isUnified: true, controllers: []))
        #expect(CgroupMount.parse("22 1 8:1 / / rw - ext4 /dev/sda1 rw") == nil)
        // A part of a hierarchy, bound into a container: its limits would not be the root's.
        #expect(CgroupMount.parse("31 24 0:27 /docker/x /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu") == nil)
    }
}

/// How facts become outcomes: one row for each way to end.
@Suite struct OutcomeReadingTests {
    @Test(
        arguments: [
            (FinishReport(ending: .exited(0)), .exited(code: 0)),
            (FinishReport(ending: .exited(137)), .exited(code: 137)),
            (FinishReport(ending: .signalled(11)), .signalled(signal: 11)),
            (FinishReport(ending: .signalled(31)), .syscallDenied),
            // The kernel's out-of-memory killer uses SIGKILL: its count tells it from any other.
            (FinishReport(ending: .signalled(9), outOfMemoryKills: 1), .memoryExceeded),
            (FinishReport(ending: .signalled(9)), .signalled(signal: 9)),
            (FinishReport(ending: .killed, cause: .memory), .memoryExceeded),
            (FinishReport(ending: .killed, cause: .wallTime), .wallTimeExceeded),
            (FinishReport(ending: .killed, cause: .cpuTime), .cpuTimeExceeded),
            (FinishReport(ending: .killed, cause: .output), .outputExceeded),
            (FinishReport(ending: .killed, cause: .cancelled), .cancelled),
            (FinishReport(ending: .killed, cause: .deniedCall), .syscallDenied),
        ] as [(FinishReport, Outcome)])
    func isRead(report: FinishReport, outcome: Outcome) {
        #expect(OutcomeReading.outcome(report, command: "x") == outcome)
    }

    /// Output over the limit counts however the program ended by itself, but after the limits that it was killed for.
    @Test(
        arguments: [
            (FinishReport(ending: .exited(0)), .outputExceeded),
            (FinishReport(ending: .signalled(13)), .outputExceeded),
            (FinishReport(ending: .killed, cause: .wallTime), .wallTimeExceeded),
            (FinishReport(ending: .exited(0), outOfMemoryKills: 1), .memoryExceeded),
        ] as [(FinishReport, Outcome)])
    func tooMuchOutputIsRead(report: FinishReport, outcome: Outcome) {
        #expect(OutcomeReading.outcome(report, command: "x", isTruncated: true) == outcome)
    }

    @Test func aFailedStepIsPanalsFault() {
        let report = FinishReport(
            ending: .failed(StepReport(step: "mount.pivot", errno: 1, detail: "no")), cause: .wallTime)
        #expect(
            OutcomeReading.outcome(report, command: "x")
                == .systemError(SystemError(step: "mount.pivot", errno: 1, detail: "no")))
    }
}

/// A generator that gives the same numbers every time (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
