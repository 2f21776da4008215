import CLibseccomp
import Glibc

@testable import PanalSeccomp

/// What libseccomp makes of a policy: the answers that the compiler is held against.
struct LibseccompReference {
    private let machine: BPFMachine
    private let policy: SeccompPolicy

    struct Failure: Error {
        var step: String
        var status: Int32
    }

    init(_ policy: SeccompPolicy) throws {
        self.policy = policy
        let bytes = try Self.program(of: policy)
        machine = try BPFMachine(bytes)
    }

    var instructions: Int { machine.instructions.count }

    func answer(_ call: SeccompCall) -> UInt32 {
        // libseccomp gives a policy's default to numbers that it has no name for; ENOSYS is Panal's addition.
        if call.architecture == policy.architecture.token, case .errno = policy.defaultAction,
            policy.architecture == .aarch64 || call.number < 0x4000_0000 || call.number == .max,
            !Self.isKnown(call.number, policy.architecture)
        {
            return 0x0005_0026
        }
        return machine.answer(call)
    }

    private static func isKnown(_ number: UInt32, _ architecture: SeccompArchitecture) -> Bool {
        // Negative numbers are libseccomp's own for calls that a machine lacks.
        guard number <= UInt32(Int32.max),
            let name = seccomp_syscall_resolve_num_arch(architecture.token, Int32(number))
        else { return false }
        free(name)
        return true
    }

    static func program(of policy: SeccompPolicy) throws -> [UInt8] {
        guard let context = seccomp_init(policy.defaultAction.code) else {
            throw Failure(step: "seccomp_init", status: 0)
        }
        defer { seccomp_release(context) }
        try check("bad architecture", seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, 0x8000_0000))
        try check("optimize", seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2))
        if policy.architecture.token != seccomp_arch_native() {
            try check("seccomp_arch_add", seccomp_arch_add(context, policy.architecture.token))
            try check("seccomp_arch_remove", seccomp_arch_remove(context, seccomp_arch_native()))
        }
        // Of two rules without conditions the refusing one counts; libseccomp takes the later.
        let refused = Set(
            policy.rules.filter { $0.conditions.isEmpty && !$0.action.permits }.flatMap(\.names))
        for rule in policy.rules where rule.action != policy.defaultAction {
            for name in rule.names where !(rule.action.permits && rule.conditions.isEmpty && refused.contains(name)) {
                guard seccomp_syscall_resolve_name_arch(policy.architecture.token, name) >= 0 else { continue }
                // Rules are given by this machine's numbers, or the negative ones of calls that it lacks.
                let number = seccomp_syscall_resolve_name(name)
                for alternative in rule.alternatives {
                    let status = alternative.map(\.compare).withUnsafeBufferPointer { buffer in
                        seccomp_rule_add_array(
                            context, rule.action.code, number, UInt32(buffer.count), buffer.baseAddress)
                    }
                    if status != -EEXIST { try check("the rule for \(name)", status) }
                }
            }
        }
        return try exported(context)
    }

    private static func exported(_ context: UnsafeMutableRawPointer) throws -> [UInt8] {
        let file = panal_seccomp_memfd()
        guard file >= 0 else { throw Failure(step: "memfd_create", status: errno) }
        defer { close(file) }
        try check("seccomp_export_bpf", seccomp_export_bpf(context, file))
        let size = lseek(file, 0, SEEK_END)
        var bytes = [UInt8](repeating: 0, count: size)
        guard pread(file, &bytes, size, 0) == size else { throw Failure(step: "pread", status: errno) }
        return bytes
    }

    private static func check(_ step: String, _ status: Int32) throws {
        guard status == 0 else { throw Failure(step: step, status: status) }
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
