/// A policy's rules by call number, for one machine: what the compiler, the check of its work and `SeccompJudge` all go by.
///
/// How rules that meet are settled:
/// - Of several rules whose conditions hold the most severe counts, as among filters in the kernel: ending the process, ending
///   the thread, SIGSYS, an errno, log, allow. Of equals the first. (Podman's own policy permits and refuses some calls.)
/// - A rule without conditions beside one with conditions and another action for the same call is refused: libseccomp lets the
///   conditions silently count for nothing, and whoever wrote them believes something else.
/// - Conditions of one rule that name an argument twice count one by one, either suffices: what runc makes of such a rule.
///
/// What no rule names gets the policy's default. Numbers that libseccomp has no name for answer ENOSYS, so that a C library
/// which tries a newer call falls back to the older one; unless the default ends the program, or answers ENOSYS anyway.
struct ResolvedPolicy: Sendable {
    /// When all conditions hold, the action.
    struct Alternative: Hashable, Sendable {
        var conditions: [SeccompCondition]
        var action: SeccompAction
        /// Place in `SeccompPolicy.rules`.
        var rule: Int
    }

    let name: String
    let architecture: SeccompArchitecture
    let defaultAction: SeccompAction
    /// By call number, the most severe first. A call without conditions has one.
    private(set) var calls: [UInt32: [Alternative]] = [:]
    /// Permitted names that libseccomp does not know.
    private(set) var skipped: [String] = []

    init(_ policy: SeccompPolicy) throws(SeccompMistake) {
        name = policy.name
        architecture = policy.architecture
        defaultAction = policy.defaultAction
        for (place, rule) in policy.rules.enumerated() {
            for name in rule.names {
                switch architecture.calls.lookup(name) {
                case .elsewhere: continue
                case .unknown where rule.action.permits: skipped.append(name)
                case .unknown:
                    throw SeccompMistake(
                        policy: policy.name, pointer: rule.pointer,
                        detail: "‘\(name)’ is no system call that this machine's libseccomp knows")
                case .number(let number):
                    calls[number, default: []] += rule.alternatives.map {
                        Alternative(conditions: $0, action: rule.action, rule: place)
                    }
                }
            }
        }
        for (number, alternatives) in calls {
            calls[number] = try Self.settled(alternatives, number: number, of: policy)
        }
    }

    private static func settled(
        _ alternatives: [Alternative], number: UInt32, of policy: SeccompPolicy
    ) throws(SeccompMistake) -> [Alternative] {
        // Stable: the document's order among equals.
        let ordered = alternatives.enumerated().sorted {
            ($0.element.action.severity, $1.offset) > ($1.element.action.severity, $0.offset)
        }.map(\.element)
        guard let plain = ordered.first(where: \.conditions.isEmpty) else { return ordered }
        if let lost = alternatives.first(where: { !$0.conditions.isEmpty && $0.action != plain.action }) {
            let name = policy.architecture.calls.names[number] ?? "\(number)"
            throw SeccompMistake(
                policy: policy.name, pointer: policy.rules[lost.rule].pointer,
                detail: "the conditions for ‘\(name)’ would never count: "
                    + "\(policy.rules[plain.rule].pointer) decides it without any")
        }
        return [plain]
    }

    /// What happens to calls of another machine's entry: i386's `int 0x80`, x32, 32-bit ARM.
    static let foreign = SeccompAction.killProcess

    /// What happens to numbers without a name.
    var unknown: SeccompAction {
        if case .errno = defaultAction { .errno(ErrnoName.notThere) } else { defaultAction }
    }

    /// What happens to a known call when no alternative holds.
    func otherwise(_ number: UInt32) -> SeccompAction {
        calls[number] == nil && architecture.calls.names[number] == nil ? unknown : defaultAction
    }

    func isForeign(_ call: SeccompCall) -> Bool {
        call.architecture != architecture.token || architecture.foreignNumbers?.contains(call.number) ?? false
    }

    /// The alternative that decides, nil when none holds.
    func alternative(for call: SeccompCall) -> Alternative? {
        calls[call.number]?.first { $0.conditions.allSatisfy { $0.holds(call.arguments) } }
    }

    func action(on call: SeccompCall) -> SeccompAction {
        if isForeign(call) { return Self.foreign }
        return alternative(for: call)?.action ?? otherwise(call.number)
    }
}

extension SeccompRule {
    /// Each suffices; all conditions of one have to hold.
    var alternatives: [[SeccompCondition]] {
        Set(conditions.map(\.index)).count < conditions.count ? conditions.map { [$0] } : [conditions]
    }
}

extension SeccompCondition {
    /// The comparison as the kernel's filter makes it: 64 bits, unsigned.
    func holds(_ arguments: [UInt64]) -> Bool {
        let argument = arguments.indices.contains(Int(index)) ? arguments[Int(index)] : 0
        return switch comparison {
        case .notEqual: argument != value
        case .less: argument < value
        case .lessOrEqual: argument <= value
        case .equal: argument == value
        case .greaterOrEqual: argument >= value
        case .greater: argument > value
        case .maskedEqual: argument & value == valueTwo
        }
    }
}

extension SeccompAction {
    /// The kernel's order: the highest of several counts.
    var severity: Int {
        switch self {
        case .allow: 0
        case .log: 1
        case .errno: 2
        case .trap: 3
        case .killThread: 4
        case .killProcess: 5
        }
    }

    /// SECCOMP_RET_* as the kernel reads it.
    var code: UInt32 {
        switch self {
        case .allow: 0x7fff_0000
        case .log: 0x7ffc_0000
        case .errno(let number): 0x0005_0000 | UInt32(number)
        case .trap: 0x0003_0000
        case .killThread: 0x0000_0000
        case .killProcess: 0x8000_0000
        }
    }
}
