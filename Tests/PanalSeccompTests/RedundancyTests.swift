import Foundation
import Testing

@testable import PanalSeccomp

/// Every rule, every name in it and every condition that stands for itself changes some call's answer. What changes nothing is
/// a mistake of whoever wrote it, or hides one.
@Suite("Nothing in a shipped policy is redundant")
struct RedundancyTests {
    /// A policy with one thing taken out.
    struct Change {
        var what: String
        var rules: [SeccompRule]
    }

    static func changes(of policy: SeccompPolicy, from start: Int) -> [Change] {
        var changes: [Change] = []
        for place in policy.rules.indices.dropFirst(start) {
            let rule = policy.rules[place]
            func without(_ what: String, _ edit: (inout SeccompRule) -> Void) {
                var rules = policy.rules
                edit(&rules[place])
                changes.append(Change(what: "\(rule.pointer) \(what)", rules: rules))
            }
            for (index, name) in rule.names.enumerated() { without(name) { $0.names.remove(at: index) } }
            for index in rule.conditions.indices {
                without("condition \(index)") {
                    $0.conditions.remove(at: index)
                    // Alternatives of which none is left are no rule; a rule without conditions would be another.
                    if $0.conditions.isEmpty { $0.names = [] }
                    // Two conditions on one argument are alternatives; a last one alone still is.
                }
            }
        }
        return changes
    }

    /// How many of the last rules are a policy's own.
    private func own(_ name: String, _ policy: SeccompPolicy) throws -> Int {
        guard name == "loopback" else { return 0 }
        return try Shipped.policy("default", architecture: policy.architecture).rules.count
    }

    @Test("Without any one of them some call is answered otherwise", arguments: Shipped.names)
    func everythingCounts(_ name: String) throws {
        var useless: Set<String>?
        for architecture in SeccompArchitecture.allCases {
            let policy = try Shipped.policy(name, architecture: architecture)
            let changes = Self.changes(of: policy, from: try own(name, policy))
            #expect(changes.count > 50)
            let found = try Self.useless(changes, in: policy)
            useless = useless?.intersection(found) ?? found
        }
        #expect(useless == [])
    }

    private static func useless(_ changes: [Change], in policy: SeccompPolicy) throws -> Set<String> {
        // By number, so that a change is looked for among the calls that it names.
        var probes: [UInt32: [SeccompCall]] = [:]
        for call in Probes.calls(of: policy) where call.architecture == policy.architecture.token {
            probes[call.number, default: []].append(call)
        }
        let whole = try SeccompJudge(policy)
        var useless: Set<String> = []
        for change in changes {
            var changed = policy
            changed.rules = change.rules
            let judge = try SeccompJudge(changed)
            let names = Set(zip(policy.rules, change.rules).filter { $0 != $1 }.flatMap { $0.0.names })
            let numbers = names.compactMap { name -> UInt32? in
                guard case .number(let number) = policy.architecture.calls.lookup(name) else { return nil }
                return number
            }
            let differs = numbers.contains { number in
                probes[number, default: []].contains { whole.denial(of: $0) != judge.denial(of: $0) }
            }
            if !differs { useless.insert(change.what) }
        }
        return useless
    }

    @Test("A redundant rule, name or condition is found")
    func finds() throws {
        let text = """
            {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
              {"names": ["read", "write", "read"], "action": "SCMP_ACT_ALLOW"},
              {"names": ["close"], "action": "SCMP_ACT_ALLOW"},
              {"names": ["dup"], "action": "SCMP_ACT_ALLOW", "args": [
                {"index": 0, "value": 255, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
              {"names": ["dup"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 256, "op": "SCMP_CMP_EQ"}]},
              {"names": ["ptrace"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}
            """
        let policy = try SeccompPolicy(
            parsing: Data(text.utf8), name: "test", host: SeccompHost(architecture: .x8664, kernel: (6, 1)))
        let found = try Self.useless(Self.changes(of: policy, from: 0), in: policy)
        #expect(
            found == [
                "/syscalls/0 read", "/syscalls/3 dup", "/syscalls/3 condition 0", "/syscalls/4 ptrace",
            ])
    }

    @Test("No name stands twice without conditions, and no comparison twice", arguments: Shipped.names)
    func nothingTwice(_ name: String) throws {
        let policy = try Shipped.policy(name)
        let plain = policy.rules.filter(\.conditions.isEmpty).flatMap(\.names)
        #expect(Dictionary(grouping: plain, by: \.self).filter { $1.count > 1 }.keys.sorted() == [])
        for rule in policy.rules { #expect(Set(rule.conditions).count == rule.conditions.count, "\(rule.pointer)") }
    }

    @Test("What is said to be refused exists and is refused on both machines", arguments: Shipped.names)
    func refusals(_ name: String) throws {
        for architecture in SeccompArchitecture.allCases {
            let policy = try Shipped.policy(name, architecture: architecture)
            let judge = try SeccompJudge(policy)
            let names = policy.refusals.flatMap(\.names)
            #expect(Dictionary(grouping: names, by: \.self).filter { $1.count > 1 }.keys.sorted() == [])
            for name in names {
                switch architecture.calls.lookup(name) {
                case .number(let number):
                    let call = SeccompCall(number, architecture: architecture.token)
                    #expect(judge.denial(of: call) != nil, "\(name)")
                case .elsewhere: continue
                case .unknown: Issue.record("‘\(name)’ is no system call")
                }
            }
            for refusal in policy.refusals { #expect(!refusal.reason.isEmpty) }
        }
    }
}
