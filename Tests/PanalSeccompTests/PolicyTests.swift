import Foundation
import Testing

@testable import PanalSeccomp

@Suite("Reading and compiling policies")
struct PolicyTests {
    private static let host = SeccompHost(architecture: .x8664, kernel: (6, 1))

    private func policy(_ text: String, host: SeccompHost = host) throws -> SeccompPolicy {
        try SeccompPolicy(parsing: Data(text.utf8), name: "test", host: host)
    }

    private func machine(_ text: String, host: SeccompHost = host) throws -> BPFMachine {
        try BPFMachine(policy(text, host: host).compiled().instructions)
    }

    private func rules(_ rules: String) -> String {
        #"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [\#(rules)]}"#
    }

    // MARK: - The shapes of Docker's and Podman's own policies

    static let dockerCalls: [CallCase] = [
        CallCase(name: "read", number: 0, answer: CallCase.allow),
        CallCase(name: "write, by the old key", number: 1, answer: CallCase.allow),
        CallCase(name: "ptrace from 4.8", number: 101, answer: CallCase.allow),
        CallCase(name: "socket", number: 41, arguments: [2], answer: CallCase.allow),
        CallCase(name: "socket vsock", number: 41, arguments: [40], answer: CallCase.errno(EPERM)),
        CallCase(name: "personality", number: 135, arguments: [0], answer: CallCase.allow),
        CallCase(name: "personality other", number: 135, arguments: [8], answer: CallCase.errno(EPERM)),
        CallCase(name: "arch_prctl", number: 158, answer: CallCase.allow),
        CallCase(name: "mount", number: 165, answer: CallCase.errno(EPERM)),
        CallCase(name: "clone", number: 56, arguments: [0x11], answer: CallCase.allow),
        CallCase(name: "clone NEWUSER", number: 56, arguments: [0x1000_0011], answer: CallCase.errno(EPERM)),
        CallCase(name: "clone3", number: 435, answer: CallCase.errno(ENOSYS)),
        CallCase(name: "without a name", number: 999, answer: CallCase.errno(ENOSYS)),
        CallCase(name: "x32", number: 0x4000_0000, answer: CallCase.kill),
    ]

    @Test("A policy of Docker's shape", arguments: dockerCalls)
    func dockerShape(_ call: CallCase) throws {
        #expect(try machine(Fixtures.docker).answer(call.number, arguments: call.arguments) == call.answer)
    }

    @Test("What is permitted and unknown to libseccomp is skipped, and said")
    func skipped() throws {
        #expect(try policy(Fixtures.docker).compiled().skipped == ["not_a_call_yet"])
    }

    @Test("Conditions on kernel and capabilities are decided for the host that is given")
    func hosts() throws {
        let old = SeccompHost(architecture: .x8664, kernel: (4, 7), capabilities: ["CAP_SYS_ADMIN"])
        let machine = try machine(Fixtures.docker, host: old)
        #expect(machine.answer(101) == CallCase.errno(EPERM))
        #expect(machine.answer(165) == CallCase.allow)
        #expect(machine.answer(435) == CallCase.errno(EPERM))
        #expect(machine.answer(56, arguments: [0x1000_0011]) == CallCase.allow)
    }

    @Test("A policy of Podman's shape")
    func podmanShape() throws {
        let machine = try machine(Fixtures.podman)
        #expect(machine.answer(0) == CallCase.allow)
        #expect(machine.answer(308) == CallCase.errno(EPERM), "the refusing one of two rules counts")
        #expect(machine.answer(278) == CallCase.errno(EPERM))
        #expect(machine.answer(165) == CallCase.errno(ENOSYS))
        #expect(machine.answer(999) == CallCase.errno(ENOSYS))
        #expect(machine.answer(41, arguments: [16, 3, 9]) == CallCase.errno(EINVAL))
        #expect(machine.answer(41, arguments: [16, 3, 0]) == CallCase.allow)
        #expect(machine.answer(41, arguments: [2, 3, 9]) == CallCase.allow)
    }

    @Test("Comments are taken")
    func comments() throws {
        let machine = try machine(
            """
            // first line
            {"defaultAction": "SCMP_ACT_KILL_PROCESS", /* here too */
             "syscalls": [{"names": ["read"], "action": "SCMP_ACT_LOG"}]}
            """)
        #expect(machine.answer(0) == 0x7ffc_0000)
        #expect(machine.answer(1) == CallCase.kill)
        #expect(
            machine.answer(999) == CallCase.kill, "a default that ends the program ends it for unknown calls too")
    }

    // MARK: - Comparisons

    struct Comparison: Sendable, CustomTestStringConvertible {
        var op: String
        var value: UInt64
        var two: UInt64 = 0
        var argument: UInt64
        var holds: Bool
        var testDescription: String { "\(op) \(value) \(two) of \(argument)" }
    }

    /// Both halves of 64 bits count, in each comparison.
    static let comparisons: [Comparison] = [
        Comparison(op: "EQ", value: 5, argument: 5, holds: true),
        Comparison(op: "EQ", value: 5, argument: 1 << 32 | 5, holds: false),
        Comparison(op: "NE", value: 5, argument: 5, holds: false),
        Comparison(op: "NE", value: 5, argument: 1 << 32 | 5, holds: true),
        Comparison(op: "LT", value: 1 << 33, argument: 1 << 32, holds: true),
        Comparison(op: "LT", value: 5, argument: 5, holds: false),
        Comparison(op: "LE", value: 5, argument: 5, holds: true),
        Comparison(op: "LE", value: 5, argument: 1 << 32, holds: false),
        Comparison(op: "GE", value: 5, argument: 5, holds: true),
        Comparison(op: "GE", value: 5, argument: 4, holds: false),
        Comparison(op: "GT", value: 5, argument: 1 << 32, holds: true),
        Comparison(op: "GT", value: 5, argument: 5, holds: false),
        Comparison(op: "MASKED_EQ", value: 0xf0, two: 0x30, argument: 0x1_0000_0035, holds: true),
        Comparison(op: "MASKED_EQ", value: 0xf0, two: 0x30, argument: 0x45, holds: false),
    ]

    @Test("Comparisons", arguments: comparisons)
    func compare(_ comparison: Comparison) throws {
        let machine = try machine(
            rules(
                """
                {"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1,
                 "value": \(comparison.value), "valueTwo": \(comparison.two), "op": "SCMP_CMP_\(comparison.op)"}]}
                """))
        let answer = machine.answer(16, arguments: [0, comparison.argument])
        #expect(answer == (comparison.holds ? CallCase.allow : CallCase.errno(EPERM)))
    }

    @Test("Two conditions on one argument count one by one, as runc reads them")
    func sameArgument() throws {
        let machine = try machine(
            rules(
                """
                {"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [
                 {"index": 1, "value": 7, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 9, "op": "SCMP_CMP_EQ"}]}
                """))
        #expect(machine.answer(16, arguments: [0, 7]) == CallCase.allow)
        #expect(machine.answer(16, arguments: [0, 9]) == CallCase.allow)
        #expect(machine.answer(16, arguments: [0, 8]) == CallCase.errno(EPERM))
    }

    // MARK: - Mistakes

    struct Wrong: Sendable, CustomTestStringConvertible {
        var text: String
        var pointer: String
        var says: String
        var testDescription: String { text }
    }

    static let mistakes: [Wrong] = [
        Wrong(text: "{", pointer: "", says: "is not JSON"),
        Wrong(text: "[]", pointer: "", says: "a list, should be an object"),
        Wrong(text: "{}", pointer: "", says: "`defaultAction` is missing"),
        Wrong(text: #"{"defaultAction": 5}"#, pointer: "/defaultAction", says: "should be a text"),
        Wrong(text: #"{"defaultAction": "SCMP_ACT_ALLOW"}"#, pointer: "/defaultAction", says: "has to refuse"),
        Wrong(text: #"{"defaultAction": "SCMP_ACT_LOG"}"#, pointer: "/defaultAction", says: "has to refuse"),
        Wrong(text: #"{"defaultAction": "SCMP_ACT_NOTIFY"}"#, pointer: "/defaultAction", says: "is not an action"),
        Wrong(
            text: #"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 0}"#, pointer: "/defaultErrnoRet",
            says: "1 to 4095"),
        Wrong(
            text: #"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "defaultErrno": "ENOSYS"}"#,
            pointer: "/defaultErrno", says: "says otherwise"),
        Wrong(text: #"{"defaultAction": "SCMP_ACT_ERRNO", "sycalls": []}"#, pointer: "/sycalls", says: "not a key"),
        Wrong(
            text: #"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_ARM"]}"#,
            pointer: "/architectures", says: "does not list"),
        Wrong(
            text: #"{"defaultAction": "SCMP_ACT_ERRNO", "archMap": [{"architecture": "SCMP_ARCH_ARM"}]}"#,
            pointer: "/archMap", says: "does not list"),
        Wrong(
            text: #"{"defaultAction": "SCMP_ACT_ERRNO", "flags": ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]}"#,
            pointer: "/flags", says: "has to be empty"),
        Wrong(text: rule(#""names": [], "action": "SCMP_ACT_ALLOW""#), pointer: "/syscalls/0", says: "`names`"),
        Wrong(text: rule(#""names": ["read"]"#), pointer: "/syscalls/0", says: "`action` is missing"),
        Wrong(
            text: rule(#""names": ["read", 5], "action": "SCMP_ACT_ALLOW""#), pointer: "/syscalls/0/names/1",
            says: "is a number, should be a text"),
        Wrong(
            text: rule(#""names": ["read"], "action": "SCMP_ACT_TRACE""#), pointer: "/syscalls/0/action",
            says: "is not an action"),
        Wrong(
            text: rule(#""names": ["read"], "action": "SCMP_ACT_ERRNO", "errno": "EWHAT""#),
            pointer: "/syscalls/0/errno", says: "is not known here"),
        Wrong(
            text: rule(#""names": ["read"], "action": "SCMP_ACT_ALLOW", "agrs": []"#), pointer: "/syscalls/0/agrs",
            says: "not a key"),
        Wrong(
            text: rule(
                #""names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]"#
            ),
            pointer: "/syscalls/0/args/0/index", says: "0 to 5"),
        Wrong(
            text: rule(
                #""names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]"#
            ),
            pointer: "/syscalls/0/args/0/value", says: "whole number"),
        Wrong(
            text: rule(
                #""names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "EQ"}]"#),
            pointer: "/syscalls/0/args/0/op", says: "is not a comparison"),
        Wrong(
            text: rule(#""names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "op": "SCMP_CMP_EQ"}]"#),
            pointer: "/syscalls/0/args/0", says: "needs"),
        Wrong(
            text: rule(#""names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "new"}"#),
            pointer: "/syscalls/0/includes/minKernel", says: "is not a kernel version"),
        Wrong(
            text: rule(#""names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"capabilities": []}"#),
            pointer: "/syscalls/0/includes/capabilities", says: "not a key"),
        // Refused only when compiled.
        Wrong(
            text: rule(#""names": ["ptrce"], "action": "SCMP_ACT_KILL_PROCESS""#), pointer: "/syscalls/0",
            says: "‘ptrce’ is no system call"),
        Wrong(
            text: rule(
                #""names": ["ioctl"], "action": "SCMP_ACT_KILL_PROCESS", "args": [{"index": 1, "value": 21522, "op": "SCMP_CMP_EQ"}]}, {"names": ["ioctl"], "action": "SCMP_ACT_ALLOW""#
            ), pointer: "/syscalls/0", says: "would never count"),
    ]

    private static func rule(_ fields: String) -> String {
        #"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{\#(fields)}]}"#
    }

    @Test("Mistakes are named with their place", arguments: mistakes)
    func mistake(_ wrong: Wrong) throws {
        let mistake = try #require(throws: SeccompMistake.self) { _ = try policy(wrong.text).compiled() }
        #expect(mistake.pointer == wrong.pointer)
        #expect(mistake.detail.contains(wrong.says), "\(mistake.detail)")
    }

    @Test("Policies that make too many instructions for the kernel are refused")
    func tooLarge() throws {
        let conditions = (0..<1_500).map { value in
            """
            {"names": ["ioctl"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 1, "value": \(value * 4_294_967_311), "op": "SCMP_CMP_EQ"}]}
            """
        }
        let mistake = try #require(throws: SeccompMistake.self) {
            _ = try policy(rules(conditions.joined(separator: ","))).compiled()
        }
        #expect(mistake.detail.contains("4096"), "\(mistake.detail)")
    }

    // MARK: - Policies that extend another

    /// `base.json`, `more.json` which extends it, and `third.json` with the given text.
    private func extended(_ third: String) throws -> SeccompPolicy {
        let folder = FileManager.default.temporaryDirectory.appending(path: "panal-seccomp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let base = """
            {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}],
             "refused": [{"names": ["write", "ptrace"], "comment": "no"}]}
            """
        let more = #"{"extends": "base", "syscalls": [{"names": ["write"], "action": "SCMP_ACT_ALLOW"}]}"#
        for (name, text) in [("base", base), ("more", more), ("third", third)] {
            try Data(text.utf8).write(to: folder.appending(path: "\(name).json"))
        }
        return try SeccompPolicies.read(file: folder.path() + "/third.json", name: "third", host: Self.host)
    }

    @Test("A policy that extends another has both's rules, and refuses what neither permits")
    func extends() throws {
        let policy = try extended(
            #"{"extends": "base", "syscalls": [{"names": ["write"], "action": "SCMP_ACT_ALLOW"}]}"#)
        #expect(policy.name == "third")
        #expect(policy.refusals.flatMap(\.names) == ["ptrace"])
        let machine = try BPFMachine(policy.compiled().instructions)
        #expect(machine.answer(0) == CallCase.allow)
        #expect(machine.answer(1) == CallCase.allow)
        #expect(machine.answer(101) == CallCase.errno(EPERM))
    }

    static let extensionMistakes: [Wrong] = [
        Wrong(text: #"{"extends": "absent"}"#, pointer: "", says: "cannot be read"),
        Wrong(text: #"{"extends": "../base"}"#, pointer: "/extends", says: "names no policy"),
        Wrong(text: #"{"extends": ["base"]}"#, pointer: "/extends", says: "names no policy"),
        Wrong(text: #"{"extends": "more"}"#, pointer: "/extends", says: "names no policy"),
        Wrong(text: #"{"extends": "third"}"#, pointer: "/extends", says: "names no policy"),
        Wrong(
            text: #"{"extends": "base", "defaultAction": "SCMP_ACT_ALLOW"}"#, pointer: "/defaultAction",
            says: "not a key"),
        Wrong(
            text: #"{"extends": "base", "refused": [{"names": ["mount"]}]}"#, pointer: "/refused/0/comment",
            says: "should be a text"),
    ]

    @Test("What cannot be extended is said", arguments: extensionMistakes)
    func extensionMistake(_ wrong: Wrong) throws {
        let mistake = try #require(throws: SeccompMistake.self) { _ = try extended(wrong.text) }
        #expect(mistake.pointer == wrong.pointer)
        #expect(mistake.detail.contains(wrong.says), "\(mistake.detail)")
    }

    @Test("A folder without policies, and one that is not there, are mistakes")
    func folders() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "panal-seccomp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let empty = #expect(throws: SeccompMistake.self) { try SeccompPolicies.load(folder: folder.path()) }
        #expect(empty?.detail.contains("holds no policy") == true)
        let absent = #expect(throws: SeccompMistake.self) { try SeccompPolicies.load(folder: folder.path() + "/x") }
        #expect(absent?.detail.contains("cannot be read") == true)
    }
}
