extension ResolvedPolicy {
    /// Calls that tell a right program from a wrong one: each number and some that nobody has, by each entry, and for each
    /// condition the values around the one that it asks for.
    func probes() -> [SeccompCall] {
        var probes: [SeccompCall] = []
        let token = architecture.token
        for number in 0...UInt32(1_100) { probes.append(SeccompCall(number, architecture: token)) }
        for number: UInt32 in [
            0x3fff_ffff, 0x4000_0000, 0x4000_0001, 0x4000_0208, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, .max,
        ] {
            probes.append(SeccompCall(number, architecture: token))
        }
        // i386, 32-bit ARM, the other machine, nonsense.
        for other: UInt32 in [0x4000_0003, 0x4000_0028, 0xc000_003e, 0xc000_00b7, 0] where other != token {
            for number: UInt32 in [0, 1, 11, 59, 221, 1_000, .max] {
                probes.append(SeccompCall(number, architecture: other))
            }
        }
        for (number, alternatives) in calls {
            for arguments in Self.arguments(of: alternatives) {
                probes.append(SeccompCall(number, architecture: token, arguments: arguments))
            }
        }
        return probes
    }

    /// For each alternative the arguments that satisfy it, and then each of its arguments set to every boundary that any
    /// condition of the call has for it.
    private static func arguments(of alternatives: [Alternative]) -> [[UInt64]] {
        let conditions = alternatives.flatMap(\.conditions)
        var boundaries: [Int: Set<UInt64>] = [:]
        for condition in conditions { boundaries[Int(condition.index), default: []].formUnion(condition.boundaries) }
        var probes: Set<[UInt64]> = []
        for alternative in alternatives {
            var arguments = [UInt64](repeating: 0, count: 6)
            for condition in alternative.conditions { arguments[Int(condition.index)] = condition.satisfying }
            probes.insert(arguments)
            for (place, values) in boundaries {
                for value in values {
                    var changed = arguments
                    changed[place] = value
                    probes.insert(changed)
                }
            }
        }
        return Array(probes)
    }

    /// Holds the compiled program against the policy. A few milliseconds, once at the server's start.
    func check(_ instructions: [UInt8], mode: SeccompMode) throws(SeccompMistake) {
        let machine: BPFMachine
        do {
            machine = try BPFMachine(instructions)
        } catch {
            throw SeccompMistake(policy: name, pointer: "", detail: "does not compile: the program \(error.reason)")
        }
        for call in probes() {
            let (found, wanted) = (machine.answer(call), code(on: call, mode: mode))
            guard found == wanted else {
                throw SeccompMistake(
                    policy: name, pointer: "",
                    detail: "does not compile: call \(call.number) of architecture \(call.architecture) with "
                        + "\(call.arguments) answers \(String(found, radix: 16)), not \(String(wanted, radix: 16))")
            }
        }
    }

    /// Whether the call is carried out with any arguments.
    func permits(_ name: String) -> Bool {
        guard case .number(let number) = architecture.calls.lookup(name) else { return false }
        return calls[number]?.contains(where: \.action.permits) ?? false
    }

    var permitsStart: Bool {
        SeccompProgram.startCalls.allSatisfy { alwaysPermits($0) }
            && alwaysPermits("mmap", argument: 3, values: SeccompProgram.allocationFlags)
    }

    /// Whether it is with all of them; where `values` are given for an argument, with each of these for it.
    func alwaysPermits(_ name: String, argument: Int = 0, values: [UInt64] = []) -> Bool {
        guard case .number(let number) = architecture.calls.lookup(name) else { return false }
        guard let alternatives = calls[number] else { return false }
        return alternatives.allSatisfy { alternative in
            alternative.action.permits
                && alternative.conditions.allSatisfy { condition in
                    condition.index == argument && !values.isEmpty
                        && values.allSatisfy { value in
                            condition.holds((0..<6).map { $0 == argument ? value : 0 })
                        }
                }
        }
    }
}

extension SeccompCondition {
    /// An argument that the condition holds for, where there is one.
    var satisfying: UInt64 {
        switch comparison {
        case .equal, .lessOrEqual, .greaterOrEqual: value
        case .notEqual, .less: value &- 1
        case .greater: value &+ 1
        case .maskedEqual: valueTwo
        }
    }

    /// Arguments at which the answer can turn: around the values, with bits above the low half, bits of a mask flipped.
    fileprivate var boundaries: Set<UInt64> {
        var values: Set<UInt64> = [0, .max, UInt64(UInt32.max), 1 << 32]
        for value in [value, valueTwo] {
            values.formUnion([
                value &- 1, value, value &+ 1, value | 1 << 32, value | 1 << 63, value | 0xffff_ffff << 32,
            ])
        }
        if comparison == .maskedEqual {
            // A mask of the whole low half is a comparison with one number; of others each bit counts.
            let bits = value == UInt64(UInt32.max) ? [0, 31, 32, 63] : Array(0..<UInt64(64))
            for bit in bits { values.insert(valueTwo ^ (1 << bit)) }
            values.formUnion([valueTwo | ~value, valueTwo ^ value])
        }
        return values
    }
}
