import CLibseccomp
import Glibc
import PanalCore

// Theory of operation
//
// libseccomp turns the rules into a classic BPF program for one architecture, x86-64. What it does by itself: another
// architecture (i386 through `int 0x80`) and the x32 range of call numbers get the action for bad architectures, which ends the
// process here. What it does not do, and is done here:
//
// - A condition-free rule silently swallows rules with conditions for the same call. Such a policy is refused, because whoever
//   wrote it believes something else. Of two condition-free rules that contradict each other the refusing one counts (Podman's
//   own policy has such a pair).
// - With a default of EPERM a call that is newer than the policy would answer EPERM too, and C libraries then give up rather
//   than fall back to the older call. So calls that libseccomp has no name for answer ENOSYS, by a few instructions in front;
//   calls that it knows and the policy does not permit answer the policy's default.

extension SeccompPolicy {
    /// The filter for the kernel.
    package func compiled() throws(SeccompMistake) -> SeccompProgram {
        let filter = try SeccompFilter(policy: name, defaultAction: defaultAction)
        try filter.configure()
        var skipped: [String] = []
        let calls = try resolved(skipped: &skipped)
        for call in calls where call.action != defaultAction {
            try filter.add(call, of: self)
        }
        var instructions = try filter.exported()
        if case .errno(let number) = defaultAction, number != ErrnoName.notThere {
            instructions = UnknownCalls.prologue() + instructions
        }
        let most = 4_096
        guard instructions.count <= most * 8 else {
            throw SeccompMistake(
                policy: name, pointer: "",
                detail: "makes \(instructions.count / 8) instructions, the kernel takes \(most); use fewer conditions")
        }
        return SeccompProgram(name: name, instructions: instructions, skipped: skipped)
    }

    /// The rules call by call, those of other architectures left out, contradictions settled or refused.
    private func resolved(skipped: inout [String]) throws(SeccompMistake) -> [ResolvedCall] {
        var calls: [ResolvedCall] = []
        var plain: [Int32: Int] = [:]
        for rule in rules {
            for name in rule.names {
                guard let number = SeccompFilter.number(of: name) else {
                    guard rule.action.permits else {
                        throw SeccompMistake(
                            policy: self.name, pointer: rule.pointer,
                            detail: "‘\(name)’ is no system call that this machine's libseccomp knows")
                    }
                    skipped.append(name)
                    continue
                }
                // Negative: a call of some other architecture.
                guard number >= 0 else { continue }
                let call = ResolvedCall(name: name, number: number, rule: rule)
                guard rule.conditions.isEmpty else {
                    calls.append(call)
                    continue
                }
                if let before = plain[number] {
                    if calls[before].action.permits { calls[before] = call }
                } else {
                    plain[number] = calls.count
                    calls.append(call)
                }
            }
        }
        for call in calls where !call.rule.conditions.isEmpty {
            guard let other = plain[call.number].map({ calls[$0] }), other.action != call.action else { continue }
            throw SeccompMistake(
                policy: name, pointer: call.rule.pointer,
                detail:
                    "the conditions for ‘\(call.name)’ would never count: \(other.rule.pointer) decides it without any")
        }
        return calls
    }
}

/// AUDIT_ARCH_X86_64.
private let nativeArchitecture: UInt32 = 0xc000_003e

/// A rule for one call of this machine.
private struct ResolvedCall {
    var name: String
    var number: Int32
    var rule: SeccompRule
    var action: SeccompAction { rule.action }
}

/// Owns one filter of libseccomp.
@safe private struct SeccompFilter: ~Copyable {
    private let context: UnsafeMutableRawPointer
    private let policy: String

    init(policy: String, defaultAction: SeccompAction) throws(SeccompMistake) {
        guard let made = unsafe seccomp_init(defaultAction.code) else {
            throw SeccompMistake(policy: policy, pointer: "/defaultAction", detail: "is not taken by libseccomp")
        }
        unsafe context = made
        self.policy = policy
    }

    deinit { unsafe seccomp_release(context) }

    /// Apart from `init`, which may not throw once the context is there.
    func configure() throws(SeccompMistake) {
        // SCMP_FLTATR_CTL_OPTIMIZE 2 is a binary tree over call numbers: it loads in a third of the time of the linear program.
        for (attribute, value) in [
            (SCMP_FLTATR_ACT_BADARCH, SeccompAction.killProcess.code), (SCMP_FLTATR_CTL_OPTIMIZE, 2),
        ] {
            let status = unsafe seccomp_attr_set(context, attribute, value)
            guard status == 0 else {
                throw failure("", "libseccomp does not take attribute \(attribute.rawValue)", status)
            }
        }
        guard unsafe seccomp_arch_exist(context, UInt32(SCMP_ARCH_NATIVE)) == 0,
            seccomp_arch_native() == nativeArchitecture
        else {
            throw failure("", "only x86-64 machines are served", 0)
        }
    }

    /// The number of a call here; negative when only other architectures have it, nil when libseccomp knows no such name.
    static func number(of name: String) -> Int32? {
        let number = unsafe seccomp_syscall_resolve_name_arch(nativeArchitecture, name)
        return number == -1 ? nil : number
    }

    /// Whether some call has this number on x86-64.
    static func isKnown(_ number: Int32) -> Bool {
        guard let name = unsafe seccomp_syscall_resolve_num_arch(nativeArchitecture, number) else { return false }
        unsafe free(name)
        return true
    }

    /// Conditions that name an argument twice count one by one, either suffices: what runc makes of such a rule.
    func add(_ call: ResolvedCall, of policy: SeccompPolicy) throws(SeccompMistake) {
        let conditions = call.rule.conditions
        let alternatives =
            Set(conditions.map(\.index)).count < conditions.count ? conditions.map { [$0] } : [conditions]
        for alternative in alternatives {
            let arguments = alternative.map(\.compare)
            let status = unsafe arguments.withUnsafeBufferPointer { buffer in
                unsafe seccomp_rule_add_array(
                    context, call.action.code, call.number, UInt32(buffer.count), buffer.baseAddress)
            }
            // EEXIST: the same rule once more.
            guard status == 0 || status == -EEXIST else {
                throw failure(call.rule.pointer, "libseccomp does not take the rule for ‘\(call.name)’", status)
            }
        }
    }

    /// The program as bytes.
    func exported() throws(SeccompMistake) -> [UInt8] {
        let file = panal_seccomp_memfd()
        guard file >= 0 else { throw failure("", "no memory file to take the program", -errno) }
        defer { close(file) }
        let status = unsafe seccomp_export_bpf(context, file)
        guard status == 0 else { throw failure("", "libseccomp does not export the program", status) }
        let size = lseek(file, 0, SEEK_END)
        guard size > 0, size.isMultiple(of: 8) else { throw failure("", "the exported program is empty or torn", 0) }
        var bytes = [UInt8](repeating: 0, count: size)
        let taken = unsafe bytes.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress, size, 0) }
        guard taken == size else { throw failure("", "the exported program does not read back", -errno) }
        return bytes
    }

    private func failure(_ pointer: String, _ detail: String, _ status: Int32) -> SeccompMistake {
        SeccompMistake(policy: policy, pointer: pointer, detail: status == 0 ? detail : "\(detail) (errno \(-status))")
    }
}

/// The instructions in front that answer ENOSYS to x86-64 calls without a name.
private enum UnknownCalls {
    /// Call numbers from here on are x32's, or the -1 of a tracer; the filter behind decides them.
    private static let foreign: UInt32 = 0x4000_0000

    static func prologue() -> [UInt8] {
        let gaps = gaps()
        // The code of each: load a word, jump if equal, jump if greater or equal, return.
        let load: UInt16 = 0x20
        let jumpEqual: UInt16 = 0x15
        let jumpNotLess: UInt16 = 0x35
        let answer: UInt16 = 0x06
        let count = gaps.count
        // Behind the gaps stand the answer and then the filter.
        var program: [UInt8] = []
        program += instruction(load, 0, 0, 4)
        program += instruction(jumpEqual, 0, UInt8(2 * count + 2), nativeArchitecture)
        program += instruction(load, 0, 0, 0)
        for (place, gap) in gaps.enumerated() {
            let left = UInt8(2 * (count - place))
            // At or above the gap's end: on to the next gap, after the last one to the filter.
            program += instruction(jumpNotLess, left == 2 ? 2 : 1, 0, gap.upperBound)
            // Inside: the answer. Below: a call with a name, so the filter.
            program += instruction(jumpNotLess, left - 2, left - 1, gap.lowerBound)
        }
        program += instruction(answer, 0, 0, SeccompAction.errno(ErrnoName.notThere).code)
        return program
    }

    /// Ranges of numbers without a name, ascending; the last one reaches up to `foreign`.
    static func gaps() -> [Range<UInt32>] {
        var gaps: [Range<UInt32>] = []
        var start: UInt32?
        for number in 0..<UInt32(1_024) {
            if SeccompFilter.isKnown(Int32(number)) {
                if let from = start { gaps.append(from..<number) }
                start = nil
            } else if start == nil {
                start = number
            }
        }
        gaps.append((start ?? 1_024)..<foreign)
        return gaps
    }

    private static func instruction(_ code: UInt16, _ yes: UInt8, _ no: UInt8, _ value: UInt32) -> [UInt8] {
        [UInt8(code & 0xff), UInt8(code >> 8), yes, no]
            + (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }
}

extension SeccompAction {
    /// SECCOMP_RET_* as libseccomp and the kernel write it.
    fileprivate var code: UInt32 {
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

extension SeccompCondition {
    fileprivate var compare: scmp_arg_cmp {
        let code =
            switch comparison {
            case .notEqual: SCMP_CMP_NE
            case .less: SCMP_CMP_LT
            case .lessOrEqual: SCMP_CMP_LE
            case .equal: SCMP_CMP_EQ
            case .greaterOrEqual: SCMP_CMP_GE
            case .greater: SCMP_CMP_GT
            case .maskedEqual: SCMP_CMP_MASKED_EQ
            }
        return scmp_arg_cmp(arg: index, op: code, datum_a: value, datum_b: valueTwo)
    }
}
