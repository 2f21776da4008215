import PanalCore

// Theory of operation
//
// The program checks the architecture, then finds the call number in a balanced tree of ranges: neighbouring numbers with the
// same answer are one range, and a number that stands alone among others costs one comparison for equality. Calls with
// conditions lead to blocks that load each argument word once; many values of one argument (fcntl, ioctl) are a tree again.
//
// Why not libseccomp's own program: the kernel runs a new filter once for each call number when it is loaded, to find out which
// calls it always permits (those never run the filter again), and translates it to machine code. Both cost by the instruction,
// and a cell pays for it at every start. The tests hold this compiler's answers against those of libseccomp's program.

/// What a filter is for.
package enum SeccompMode: Hashable, Sendable {
    /// The kernel gives the policy's answer.
    case enforcing
    /// Every refused call goes to a supervisor (SECCOMP_RET_USER_NOTIF), which explains it and answers as the policy would have:
    /// see `SeccompJudge`. Two refusals stay the kernel's: an explicit rule's ENOSYS and that of unknown numbers (programs fall
    /// back from these, there is nothing to explain), and SIGSYS, which no supervisor can send as the kernel does.
    case supervised
}

extension SeccompPolicy {
    /// The filter for the kernel, checked against the policy itself.
    package func compiled(for mode: SeccompMode = .enforcing) throws(SeccompMistake) -> SeccompProgram {
        let resolved = try ResolvedPolicy(self)
        var compiler = FilterCompiler(resolved, mode: mode)
        let instructions = compiler.program()
        let most = 4_096
        guard instructions.count <= most * 8 else {
            throw SeccompMistake(
                policy: name, pointer: "",
                detail: "makes \(instructions.count / 8) instructions, the kernel takes \(most); use fewer conditions")
        }
        try resolved.check(instructions, mode: mode)
        return SeccompProgram(
            name: name, instructions: instructions, skipped: resolved.skipped, makesSockets: resolved.permits("socket"),
            permitsStart: resolved.permitsStart)
    }
}

extension ResolvedPolicy {
    /// The SECCOMP_RET_* value for a call.
    func code(on call: SeccompCall, mode: SeccompMode) -> UInt32 {
        if isForeign(call) { return code(Self.foreign, mode: mode) }
        if let alternative = alternative(for: call) { return code(of: alternative, mode: mode) }
        return otherwiseCode(call.number, mode: mode)
    }

    func code(of alternative: Alternative, mode: SeccompMode) -> UInt32 {
        // An explicit ENOSYS says that the call does not exist.
        if alternative.action == .errno(ErrnoName.notThere) { return alternative.action.code }
        return code(alternative.action, mode: mode)
    }

    func otherwiseCode(_ number: UInt32, mode: SeccompMode) -> UInt32 {
        let isUnknown = calls[number] == nil && architecture.calls.names[number] == nil
        if isUnknown, unknown == .errno(ErrnoName.notThere) { return unknown.code }
        return code(otherwise(number), mode: mode)
    }

    func code(_ action: SeccompAction, mode: SeccompMode) -> UInt32 {
        let toSupervisor: UInt32 = 0x7fc0_0000
        switch action {
        case .errno, .killThread, .killProcess: return mode == .supervised ? toSupervisor : action.code
        case .allow, .log, .trap: return action.code
        }
    }
}

/// Offsets in `struct seccomp_data` of a little-endian machine.
private enum Word {
    static let number: UInt32 = 0
    static let architecture: UInt32 = 4
    static func low(_ argument: UInt32) -> UInt32 { 16 + 8 * argument }
    static func high(_ argument: UInt32) -> UInt32 { 20 + 8 * argument }
}

private struct FilterCompiler {
    private typealias Label = BPFBuilder.Label

    private let policy: ResolvedPolicy
    private let mode: SeccompMode
    private var builder = BPFBuilder()

    init(_ policy: ResolvedPolicy, mode: SeccompMode) {
        self.policy = policy
        self.mode = mode
    }

    mutating func program() -> [UInt8] {
        let tree = tree(numbers(), holding: Word.number) { compiler, leaf in
            switch leaf {
            case .answer(let code): compiler.builder.answer(code)
            case .block(let number): compiler.block(number)
            }
        }
        let found = builder.load(Word.number, then: tree)
        let foreign = builder.answer(policy.code(ResolvedPolicy.foreign, mode: mode))
        let known = builder.branch(.jumpEqual, policy.architecture.token, yes: found, no: foreign)
        let start = builder.load(Word.architecture, then: known)
        return builder.program(from: start)
    }

    // MARK: - Call numbers

    private enum Leaf: Hashable {
        case answer(UInt32)
        /// The conditions of this call.
        case block(UInt32)
    }

    /// Every number there is, in ranges with the same answer.
    private func numbers() -> [Segment<Leaf>] {
        var segments: [Segment<Leaf>] = []
        func append(_ start: UInt32, _ leaf: Leaf) {
            if segments.last?.leaf != leaf { segments.append(Segment(start: start, leaf: leaf)) }
        }
        let end = max(policy.calls.keys.max() ?? 0, policy.architecture.calls.names.keys.max() ?? 0) + 1
        for number in 0...end {
            guard let alternatives = policy.calls[number] else {
                append(number, .answer(policy.otherwiseCode(number, mode: mode)))
                continue
            }
            if let first = alternatives.first, first.conditions.isEmpty {
                append(number, .answer(policy.code(of: first, mode: mode)))
            } else {
                append(number, .block(number))
            }
        }
        if let foreign = policy.architecture.foreignNumbers {
            append(foreign.lowerBound, .answer(policy.code(ResolvedPolicy.foreign, mode: mode)))
            append(foreign.upperBound, .answer(policy.otherwiseCode(foreign.upperBound, mode: mode)))
        }
        return segments
    }

    // MARK: - Trees

    /// Values from `start` to the next segment's.
    private struct Segment<Leaf: Hashable> {
        var start: UInt32
        var leaf: Leaf
    }

    /// A range, and single values in it that go elsewhere.
    private struct Unit<Leaf: Hashable> {
        var start: UInt32
        var leaf: Leaf
        var exceptions: [Segment<Leaf>] = []
    }

    /// More would make long chains of what is otherwise a tree.
    private static let mostExceptions = 4

    /// Finds the segment of the word that the accumulator has. Leaves are written where they are first needed, so that they are
    /// near.
    private mutating func tree<Leaf: Hashable>(
        _ segments: [Segment<Leaf>], holding word: UInt32, leaf: (inout FilterCompiler, Leaf) -> Label
    ) -> Label {
        var units: [Unit<Leaf>] = []
        var place = 0
        while place < segments.count {
            var unit = Unit(start: segments[place].start, leaf: segments[place].leaf)
            place += 1
            while unit.exceptions.count < Self.mostExceptions, place + 1 < segments.count,
                segments[place + 1].leaf == unit.leaf, segments[place + 1].start == segments[place].start + 1
            {
                unit.exceptions.append(segments[place])
                place += 2
            }
            units.append(unit)
        }
        return tree(units[...], holding: word, leaf: leaf)
    }

    private mutating func tree<Leaf: Hashable>(
        _ units: ArraySlice<Unit<Leaf>>, holding word: UInt32, leaf: (inout FilterCompiler, Leaf) -> Label
    ) -> Label {
        let middle = units.startIndex + units.count / 2
        guard units.count > 1 else {
            let unit = units[units.startIndex]
            var label = leaf(&self, unit.leaf)
            for exception in unit.exceptions.reversed() {
                let target = leaf(&self, exception.leaf)
                label = builder.branch(.jumpEqual, exception.start, yes: target, no: label, holding: word)
            }
            return label
        }
        let above = tree(units[middle...], holding: word, leaf: leaf)
        let below = tree(units[..<middle], holding: word, leaf: leaf)
        return builder.branch(.jumpNotLess, units[middle].start, yes: above, no: below, holding: word)
    }

    // MARK: - Conditions

    /// The decision over a call's arguments.
    private mutating func block(_ number: UInt32) -> Label {
        var rest = builder.answer(policy.otherwiseCode(number, mode: mode))
        // Neighbours with the same answer may be asked in any order.
        var groups: [(code: UInt32, conditions: [[SeccompCondition]])] = []
        for alternative in policy.calls[number] ?? [] {
            let code = policy.code(of: alternative, mode: mode)
            if groups.last?.code == code {
                groups[groups.count - 1].conditions.append(alternative.conditions)
            } else {
                groups.append((code, [alternative.conditions]))
            }
        }
        for group in groups.reversed() {
            let answer = builder.answer(group.code)
            let (sets, others) = ValueSet.gathered(from: group.conditions)
            for conditions in others.reversed() {
                rest = conditions.reversed().reduce(answer) { test($1, yes: $0, no: rest) }
            }
            for set in sets.reversed() { rest = test(set, yes: answer, no: rest) }
        }
        return rest
    }

    /// Whether an argument is one of several values.
    private mutating func test(_ set: ValueSet, yes: Label, no: Label) -> Label {
        let word = Word.low(set.argument)
        var segments: [Segment<Bool>] = []
        var next: UInt64 = 0
        for value in set.values.sorted() {
            if UInt64(value) > next || segments.isEmpty, value > 0 {
                segments.append(Segment(start: UInt32(next), leaf: false))
            }
            if segments.last?.leaf != true { segments.append(Segment(start: value, leaf: true)) }
            next = UInt64(value) + 1
        }
        if next <= UInt64(UInt32.max) { segments.append(Segment(start: UInt32(next), leaf: false)) }
        let found = tree(segments, holding: word) { _, leaf in leaf ? yes : no }
        let low = builder.load(word, then: found)
        guard let high = set.high else { return low }
        let upper = Word.high(set.argument)
        return builder.load(upper, then: builder.branch(.jumpEqual, high, yes: low, no: no, holding: upper))
    }

    /// Whether a condition holds.
    private mutating func test(_ condition: SeccompCondition, yes: Label, no: Label) -> Label {
        let value = Halves(condition.value)
        switch condition.comparison {
        case .equal: return equal(condition.index, value, yes: yes, no: no)
        case .notEqual: return equal(condition.index, value, yes: no, no: yes)
        case .greater: return above(condition.index, value, .jumpGreater, yes: yes, no: no)
        case .greaterOrEqual: return above(condition.index, value, .jumpNotLess, yes: yes, no: no)
        case .lessOrEqual: return above(condition.index, value, .jumpGreater, yes: no, no: yes)
        case .less: return above(condition.index, value, .jumpNotLess, yes: no, no: yes)
        case .maskedEqual:
            let wanted = Halves(condition.valueTwo)
            let low = masked(Word.low(condition.index), value.low, wanted.low, yes: yes, no: no)
            return masked(Word.high(condition.index), value.high, wanted.high, yes: low, no: no)
        }
    }

    private mutating func equal(_ argument: UInt32, _ value: Halves, yes: Label, no: Label) -> Label {
        let low = masked(Word.low(argument), .max, value.low, yes: yes, no: no)
        return masked(Word.high(argument), .max, value.high, yes: low, no: no)
    }

    /// - Parameter lowest: How the low halves compare when the high ones are equal.
    private mutating func above(
        _ argument: UInt32, _ value: Halves, _ lowest: BPFBuilder.Operation, yes: Label, no: Label
    ) -> Label {
        let low = Word.low(argument)
        let high = Word.high(argument)
        let lower = builder.load(low, then: builder.branch(lowest, value.low, yes: yes, no: no, holding: low))
        let same = builder.branch(.jumpEqual, value.high, yes: lower, no: no, holding: high)
        return builder.load(high, then: builder.branch(.jumpGreater, value.high, yes: yes, no: same, holding: high))
    }

    /// `word & mask == wanted`, over 32 bits.
    private mutating func masked(_ word: UInt32, _ mask: UInt32, _ wanted: UInt32, yes: Label, no: Label) -> Label {
        if wanted & ~mask != 0 { return no }
        if mask == 0 { return yes }
        let branch: Label
        if mask == .max {
            branch = builder.branch(.jumpEqual, wanted, yes: yes, no: no, holding: word)
        } else if wanted == 0 {
            branch = builder.branch(.jumpAnySet, mask, yes: no, no: yes, holding: word)
        } else if wanted == mask, mask.nonzeroBitCount == 1 {
            branch = builder.branch(.jumpAnySet, mask, yes: yes, no: no, holding: word)
        } else {
            branch = builder.and(mask, then: builder.branch(.jumpEqual, wanted, yes: yes, no: no))
        }
        return builder.load(word, then: branch)
    }
}

private struct Halves {
    var low: UInt32
    var high: UInt32
    init(_ value: UInt64) {
        low = UInt32(truncatingIfNeeded: value)
        high = UInt32(value >> 32)
    }
}

/// The values that an argument may have, out of rules that differ in nothing else.
private struct ValueSet {
    var argument: UInt32
    /// What the high half has to be; nil where it does not count.
    var high: UInt32?
    var values: Set<UInt32>

    /// Splits alternatives with one answer into those that ask one argument for one value, and the others.
    static func gathered(from alternatives: [[SeccompCondition]]) -> ([ValueSet], [[SeccompCondition]]) {
        var sets: [ValueSet] = []
        var others: [[SeccompCondition]] = []
        for conditions in alternatives {
            guard conditions.count == 1, let (argument, high, value) = single(conditions[0]) else {
                others.append(conditions)
                continue
            }
            if let place = sets.firstIndex(where: { $0.argument == argument && $0.high == high }) {
                sets[place].values.insert(value)
            } else {
                sets.append(ValueSet(argument: argument, high: high, values: [value]))
            }
        }
        return (sets, others)
    }

    private static func single(_ condition: SeccompCondition) -> (UInt32, UInt32?, UInt32)? {
        let value = Halves(condition.value)
        switch condition.comparison {
        case .equal: return (condition.index, value.high, value.low)
        case .maskedEqual where condition.value == UInt64(UInt32.max):
            let wanted = Halves(condition.valueTwo)
            return wanted.high == 0 ? (condition.index, nil, wanted.low) : nil
        default: return nil
        }
    }
}
