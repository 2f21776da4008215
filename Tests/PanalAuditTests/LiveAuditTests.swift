import Foundation
import PanalAudit
import PanalCore
import PanalSeccomp
import Testing

/// The hostile programs for real, in cells on this machine.
@Suite(.serialized) struct LiveAuditTests {
    /// The repository's root, from this file's place in it.
    private static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Fewer repetitions where each takes long: in the virtual machine.
    private static let runs = ProcessInfo.processInfo.environment["PANAL_AUDIT_RUNS"].flatMap { Int($0) } ?? 200

    /// What was built beside the test bundle.
    private static func companion(_ name: String) -> String {
        let bundle = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        return bundle.appending(path: name).path
    }

    private func audit(
        _ kind: AttackClass, seccomp: [SeccompProgram]? = nil, isInImage: Bool = false
    ) async throws -> AuditReport {
        let shipped = try SeccompPolicies.load(folder: Self.repository.appending(path: "Profiles/seccomp").path)
        let settings = AuditSettings(
            launcher: Self.companion("panal-launcher"), hostile: Self.companion("panal-hostile"),
            unpack: Self.companion("panal-unpack"), seccomp: seccomp ?? shipped,
            instance: "test-\(getpid())-\(kind.rawValue.lowercased())",
            folder: FileManager.default.temporaryDirectory.path, isInImage: isInImage)
        let report = try await Audit(settings, classes: [kind], fillingRuns: Self.runs).run()
        let folder = "\(settings.folder)/panal-\(settings.instance)"
        #expect(!FileManager.default.fileExists(atPath: folder), "the audit's folder is left")
        return report
    }

    @Test(arguments: AttackClass.allCases) func holds(kind: AttackClass) async throws {
        check(try await audit(kind), kind)
    }

    /// The same where the root is an image that is hostile itself. Left out is what no root has a part in, and takes long.
    @Test(arguments: [AttackClass.outputs, .rootfs, .descriptors, .protections, .channels, .privileges])
    func holdsInAnImage(kind: AttackClass) async throws {
        check(try await audit(kind, isInImage: true), kind)
    }

    private func check(_ report: AuditReport, _ kind: AttackClass) {
        let notes = report.findings.filter { $0.verdict > .limit }.map { "\($0.name): \($0.notes)" }
        #expect(notes == [])
        // Limits are known of channels alone.
        #expect(kind == .channels || report.findings.allSatisfy { $0.verdict == .held })
        #expect(report.lines.map(\.kind) == [kind])
        #expect(report.findings.reduce(0) { $0 + $1.tried } > 5)
    }

    /// A shipped policy with holes.
    private func policy(
        _ name: String, without removed: Set<String> = [], allowing holes: [String]
    ) throws -> SeccompProgram {
        let file = Self.repository.appending(path: "Profiles/seccomp/\(name).json")
        var policy = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        var rules = try #require(policy["syscalls"] as? [[String: Any]])
        rules.removeAll { removed.isSuperset(of: $0["names"] as? [String] ?? [""]) }
        rules.append(["names": holes, "action": "SCMP_ACT_ALLOW"])
        policy["syscalls"] = rules
        return try SeccompPolicy(parsing: JSONSerialization.data(withJSONObject: policy), name: name).compiled()
    }

    /// An audit that could not fail would be worth nothing: with a filter that has holes, it does.
    @Test func aWeakFilterIsFound() async throws {
        let weak = try policy("default", allowing: ["add_key", "keyctl", "unshare", "io_uring_setup"])
        let report = try await audit(.calls, seccomp: [weak])
        #expect(report.exitCode == 1)
        let notes = report.findings.filter { $0.verdict == .broken }.flatMap(\.notes)
        for word in ["keyctl:", "io_uring_setup:", "unshare user:"] {
            #expect(notes.contains { $0.hasPrefix(word) }, "\(word) is not found in \(notes)")
        }
    }

    /// With a filter that lets channels be made, each carries a bit within one cell: so each could be found between two. The others
    /// are closed by more than the filter: a cell has no terminals, no loopback that is up, a limit of no queues, no file of its
    /// own that could be leased, and none whose pages in memory it may ask for.
    @Test func channelsCarryWhereTheyCan() async throws {
        let holes = [
            "add_key", "keyctl", "socket", "bind", "listen", "connect", "msgget", "mq_open", "fcntl",
            "inotify_init1", "inotify_add_watch",
        ]
        let open = try policy("default", without: ["fcntl"], allowing: holes)
        let report = try await audit(.channels, seccomp: [open])
        let control = try #require(report.findings.first { $0.name == "control" })
        #expect(control.verdict == .held)
        let arrived = Set(control.notes.joined().split { $0 == " " || $0 == "," }.map(String.init))
        for name in [
            "keyring", "abstract-socket", "path-socket", "sysv-memory", "sysv-semaphore", "sysv-queue", "files",
            "flock", "record-lock", "open-file-lock", "futex", "futex-exit", "futex-robust", "inotify", "processes",
        ] {
            #expect(arrived.contains(name), "\(name) does not carry: \(control.notes)")
        }
        // What the filter alone keeps from the next run: keys belong to a user, and a slot has one.
        let broken = report.findings.filter { $0.verdict == .broken }.flatMap(\.notes)
        #expect(broken.contains { $0.hasPrefix("keyring: ") }, "\(report.text(verbose: true))")
    }

    /// A strict policy with shared futexes fails: there they are no known limit.
    @Test func aStrictPolicyWithAChannelIsFound() async throws {
        let weak = try policy("strict", without: ["futex"], allowing: ["futex"])
        let report = try await audit(.channels, seccomp: [try policy("default", allowing: ["getpid"]), weak])
        #expect(report.exitCode == 1)
        let broken = report.findings.filter { $0.verdict == .broken }
        #expect(broken.map(\.name) == ["side by side (strict)"])
        #expect(broken.flatMap(\.notes).contains { $0.hasPrefix("futex: ") })
    }

    /// The command as monitoring calls it: words, and the code that it ends with.
    @Test(
        arguments: [
            (["--only", "D"], 0, "D "), (["--only", "d", "--json"], 0, "\"passed\" : true"), (["--only", "DZ"], 2, ""),
            (["--only", "D", "--profiles", "/nonexistent"], 2, ""), (["--runs", "0"], 64, ""),
        ] as [([String], Int32, String)])
    func theCommandsExitCode(words: [String], code: Int32, output: String) throws {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: Self.companion("panal"))
        let profiles = ["--profiles", Self.repository.appending(path: "Profiles").path]
        process.arguments = ["audit"] + (words.contains("--profiles") ? [] : profiles) + words
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let printed = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == code)
        #expect(printed.contains(output) || output.isEmpty, "\(printed)")
    }
}
