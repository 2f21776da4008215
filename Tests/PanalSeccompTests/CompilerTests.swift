import Foundation
import Testing

@testable import PanalSeccomp

/// The compiler against libseccomp: the same policy, the same answer to every call.
@Suite("Compiled filters answer as libseccomp's do")
struct CompilerTests {
    struct Subject: Sendable, CustomTestStringConvertible {
        var policy: String
        var architecture: SeccompArchitecture
        var testDescription: String { "\(policy), \(architecture.rawValue)" }
        var isShipped: Bool { Fixtures.policies[policy] == nil }

        func read() throws -> SeccompPolicy {
            let host = SeccompHost(architecture: architecture, kernel: (6, 1))
            if let text = Fixtures.policies[policy] {
                return try SeccompPolicy(parsing: Data(text.utf8), name: policy, host: host)
            }
            return try SeccompPolicies.read(file: "\(Shipped.folder)/\(policy).json", name: policy, host: host)
        }
    }

    static let subjects: [Subject] = (Shipped.names + Fixtures.policies.keys.sorted()).flatMap { name in
        SeccompArchitecture.allCases.map { Subject(policy: name, architecture: $0) }
    }

    @Test("Every call number, by every entry, and the arguments that rules ask for", arguments: subjects)
    func sameAnswers(_ subject: Subject) throws {
        let policy = try subject.read()
        let ours = try BPFMachine(policy.compiled().instructions)
        let reference = try LibseccompReference(policy)
        var wrong: [String] = []
        var count = 0
        for call in Probes.calls(of: policy) {
            count += 1
            let (found, wanted) = (ours.answer(call), reference.answer(call))
            guard found != wanted, wrong.count < 10 else { continue }
            wrong.append("\(call): \(String(found, radix: 16)), libseccomp \(String(wanted, radix: 16))")
        }
        #expect(wrong == [])
        #expect(count > 10_000)
    }

    @Test("The shipped policies' programs are shorter than libseccomp's", arguments: subjects.filter(\.isShipped))
    func shorter(_ subject: Subject) throws {
        let policy = try subject.read()
        let (ours, theirs) = (
            try policy.compiled().instructions.count / 8, try LibseccompReference(policy).instructions
        )
        #expect(ours < theirs)
    }
}

/// The check that the server makes of each program at its start.
@Suite("A program that is not the policy's is not used")
struct CheckTests {
    private static let text = """
        {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
          {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
          {"names": ["ioctl"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 1, "value": 4294967295, "valueTwo": 21505, "op": "SCMP_CMP_MASKED_EQ"}]}]}
        """

    /// Each instruction in turn is made another: its number one higher, or its answer another.
    @Test("Each changed instruction is found")
    func changed() throws {
        let host = SeccompHost(architecture: .x8664, kernel: (6, 1))
        let policy = try SeccompPolicy(parsing: Data(Self.text.utf8), name: "test", host: host)
        let resolved = try ResolvedPolicy(policy)
        let program = try policy.compiled().instructions
        try resolved.check(program, mode: .enforcing)
        for place in program.indices where place % 8 == 4 {
            var changed = program
            changed[place] &+= 1
            #expect(throws: SeccompMistake.self, "instruction \(place / 8)") {
                try resolved.check(changed, mode: .enforcing)
            }
        }
        #expect(throws: SeccompMistake.self) { try resolved.check(program.dropLast(8), mode: .enforcing) }
        #expect(throws: SeccompMistake.self) { try resolved.check(program, mode: .supervised) }
    }

    @Test("A start is permitted where each of its calls is, with any arguments")
    func start() throws {
        func permits(_ rules: String) throws -> Bool {
            let text = #"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [\#(rules)]}"#
            return try SeccompPolicy(
                parsing: Data(text.utf8), name: "test", host: SeccompHost(architecture: .x8664, kernel: (6, 1))
            ).compiled().permitsStart
        }
        func rule(_ names: [String], _ action: String, _ rest: String = "") -> String {
            let list = names.map { "\"\($0)\"" }.joined(separator: ", ")
            return #"{"names": [\#(list)], "action": "\#(action)"\#(rest)}"#
        }
        let calls = SeccompProgram.startCalls + ["mmap"]
        #expect(try permits(rule(calls, "SCMP_ACT_ALLOW")))
        let condition = #", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]"#
        for call in calls {
            let others = rule(calls.filter { $0 != call }, "SCMP_ACT_ALLOW")
            #expect(try !permits(others), "\(call)")
            #expect(try !permits(rule([call], "SCMP_ACT_ALLOW", condition) + ", " + others), "\(call)")
            #expect(try !permits(rule([call], "SCMP_ACT_ERRNO") + ", " + others), "\(call)")
        }
        // Memory as an allocator asks for it is enough.
        let others = ", " + rule(SeccompProgram.startCalls, "SCMP_ACT_ALLOW")
        for (mask, isPermitted) in [(0x40000, true), (0x4000, false), (0x20000, false), (2, false)] {
            let flags = #", "args": [{"index": 3, "value": \#(mask), "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]"#
            #expect(try permits(rule(["mmap"], "SCMP_ACT_ALLOW", flags) + others) == isPermitted, "\(mask)")
        }
    }

    struct Broken: Sendable, CustomTestStringConvertible {
        var bytes: [UInt8]
        var says: String
        var testDescription: String { says }
    }

    static let broken: [Broken] = [
        Broken(bytes: [], says: "is no program"),
        Broken(bytes: [6, 0, 0, 0], says: "is no program"),
        Broken(bytes: [UInt8](repeating: 6, count: 8 * 4_097), says: "is no program"),
        Broken(bytes: [0x20, 0, 0, 0, 64, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0], says: "loads from 64"),
        Broken(bytes: [0x20, 0, 0, 0, 0, 0, 0, 0], says: "runs off its end"),
        Broken(bytes: [0x15, 0, 0, 1, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0], says: "runs off its end"),
        Broken(bytes: [0x07, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0], says: "instruction 7"),
    ]

    @Test("What the kernel would not load is no program", arguments: broken)
    func notLoaded(_ broken: Broken) throws {
        let failure = try #require(throws: BPFMachine.Failure.self) { _ = try BPFMachine(broken.bytes) }
        #expect(failure.reason.hasPrefix(broken.says), "\(failure.reason)")
    }
}

/// Calls at which a wrong program would show.
enum Probes {
    static func calls(of policy: SeccompPolicy) -> [SeccompCall] {
        numbers(policy.architecture) + arguments(policy)
    }

    private static func numbers(_ architecture: SeccompArchitecture) -> [SeccompCall] {
        let special: [UInt32] = [
            0x3fff_ffff, 0x4000_0000, 0x4000_0001, 0x4000_0200, 0x4000_0223, 0x4000_0224, 0x7fff_ffff, 0x8000_0000,
            0xbfff_ffff, 0xffff_fffe, 0xffff_ffff,
        ]
        // x86-64, i386, aarch64, 32-bit ARM, big-endian aarch64 that does not exist, none.
        let machines: [UInt32] = [0xc000_003e, 0x4000_0003, 0xc000_00b7, 0x4000_0028, 0x8000_00b7, 0]
        return machines.flatMap { machine in
            (Array(0...2_048) + (0...600).map { 0x4000_0000 + $0 } + special).map { number in
                SeccompCall(number, architecture: machine, arguments: [1, 1, 1, 1, 1, 1])
            }
        }
    }

    /// Per call with conditions: all pairs of interesting values of the arguments that they name, and seeded noise.
    private static func arguments(_ policy: SeccompPolicy) -> [SeccompCall] {
        var random = SplitMix(state: 20_261_121)
        var byName: [String: [SeccompCondition]] = [:]
        for rule in policy.rules where !rule.conditions.isEmpty {
            for name in rule.names { byName[name, default: []] += rule.conditions }
        }
        var calls: [SeccompCall] = []
        for (name, conditions) in byName.sorted(by: { $0.key < $1.key }) {
            guard case .number(let number) = policy.architecture.calls.lookup(name) else { continue }
            let places = Set(conditions.map { Int($0.index) }).sorted()
            let values = places.map { place in
                Array(Set(conditions.filter { $0.index == UInt32(place) }.flatMap(interesting))).sorted()
            }
            func add(_ arguments: [UInt64]) {
                calls.append(SeccompCall(number, architecture: policy.architecture.token, arguments: arguments))
            }
            for (first, firstValues) in values.enumerated() {
                for value in firstValues {
                    var arguments = [UInt64](repeating: 0, count: 6)
                    arguments[places[first]] = value
                    add(arguments)
                    for _ in 0..<(places.count > 1 ? 24 : 0) {
                        for (other, otherValues) in values.enumerated() where other != first {
                            arguments[places[other]] = otherValues.randomElement(using: &random) ?? 0
                        }
                        add(arguments)
                    }
                }
            }
            for _ in 0..<200 { add((0..<6).map { _ in random.next() >> (random.next() % 64) }) }
        }
        return calls
    }

    private static func interesting(_ condition: SeccompCondition) -> [UInt64] {
        var values: [UInt64] = [0, .max, 0xffff_ffff, 1 << 32]
        for value in [condition.value, condition.valueTwo] {
            values += [value, value &- 1, value &+ 1, ~value, value | 0xffff_ffff_0000_0000]
            values += (0..<64).map { value ^ (1 << UInt64($0)) }
        }
        return values
    }
}

/// The same noise at each run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
