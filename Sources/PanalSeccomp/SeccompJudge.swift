/// Says for calls that a policy refuses what it answers and why. For the supervisor of a filter that was compiled for
/// `SeccompMode.supervised`; pure, and made once per policy.
///
/// The supervisor never lets a call through: it answers every notification by `denial`, and the numbers in a notification are
/// all that it looks at, since memory that a pointer leads to can change under it.
package struct SeccompJudge: Sendable {
    private let policy: SeccompPolicy
    private let resolved: ResolvedPolicy
    private let names: [String: String]

    /// - Throws: What `SeccompPolicy.compiled` throws for the same policy.
    package init(_ policy: SeccompPolicy) throws(SeccompMistake) {
        self.policy = policy
        resolved = try ResolvedPolicy(policy)
        var names: [String: String] = [:]
        for refusal in policy.refusals {
            for name in refusal.names { names[name] = refusal.reason }
        }
        self.names = names
    }

    /// What the supervisor has to do.
    package enum Denial: Hashable, Sendable {
        /// The call fails with this errno, 1 to 4095.
        case errno(UInt16)
        /// The process ends, as by SIGSYS.
        case kill
    }

    /// What the policy answers to a call; nil when it permits it (a supervised filter never asks about such).
    package func denial(of call: SeccompCall) -> Denial? {
        switch resolved.action(on: call) {
        case .allow, .log: nil
        case .errno(let number): .errno(number)
        case .trap, .killThread, .killProcess: .kill
        }
    }

    /// A sentence for people: what was called, and why it was refused. For a permitted call, that it is permitted.
    package func explanation(of call: SeccompCall) -> String {
        let title = title(of: call)
        if resolved.isForeign(call) {
            return "a call by another machine's entry (\(entry(of: call)), number \(call.number)) was refused: "
                + "cells run \(policy.architecture.name) programs only"
        }
        if denial(of: call) == nil { return "\(title) is permitted by the policy ‘\(policy.name)’" }
        if let network = network(call) { return "\(title) was refused: \(network)" }
        return "\(title) was refused by the policy ‘\(policy.name)’: \(reason(for: call))"
    }

    // MARK: - Reasons

    private func reason(for call: SeccompCall) -> String {
        let name = name(of: call.number)
        if let alternative = resolved.alternative(for: call), !policy.rules[alternative.rule].comment.isEmpty {
            return policy.rules[alternative.rule].comment
        }
        if let reason = name.flatMap({ names[$0] }) { return reason }
        let rules = resolved.calls[call.number, default: []].map { policy.rules[$0.rule] }
        if let rule = rules.first(where: { $0.action.permits && !$0.comment.isEmpty }) {
            return "not with these arguments. \(rule.comment)"
        }
        return rules.isEmpty ? "not on its list" : "not with these arguments"
    }

    /// Sockets are refused for what the profile is, whatever the rule.
    private func network(_ call: SeccompCall) -> String? {
        guard name(of: call.number) == "socket" else { return nil }
        guard resolved.permits("socket") else {
            return CallNames.networkFamilies.contains(argument(0, of: call)) ? "the profile has no network" : nil
        }
        return "the profile's network is a loopback of its own, for TCP, UDP and Unix sockets"
    }

    // MARK: - Names

    private func title(of call: SeccompCall) -> String {
        guard let name = name(of: call.number) else { return "call number \(call.number)" }
        guard let detail = CallNames.detail(of: name, arguments: (0..<6).map { argument($0, of: call) }) else {
            return name
        }
        return "\(name)(\(detail))"
    }

    private func name(of number: UInt32) -> String? { policy.architecture.calls.names[number] }

    private func argument(_ place: Int, of call: SeccompCall) -> UInt64 {
        call.arguments.indices.contains(place) ? call.arguments[place] : 0
    }

    private func entry(of call: SeccompCall) -> String {
        if call.architecture == policy.architecture.token { return "x32" }
        return switch call.architecture {
        case 0x4000_0003: "i386"
        case 0x4000_0028: "32-bit ARM"
        default: "architecture 0x\(String(call.architecture, radix: 16))"
        }
    }
}
