/// Writes a classic BPF program from its last instruction to its first.
///
/// Jumps of classic BPF only go forward, so what a jump leads to is already there when the jump is written, and its distance is
/// known. Conditional jumps reach 255 instructions; where a target is further, an unconditional one (whose distance has 32 bits)
/// is put between, or the target repeated when it is a mere return. Equal instructions with equal targets are written once.
struct BPFBuilder {
    /// A place in the program: how many instructions follow it.
    struct Label: Hashable {
        fileprivate var index: Int
    }

    enum Operation: UInt16 {
        /// `A = word at k of seccomp_data`
        case load = 0x20
        /// `A &= k`
        case and = 0x54
        case jump = 0x05
        case jumpEqual = 0x15
        case jumpGreater = 0x25
        case jumpNotLess = 0x35
        /// `A & k != 0`
        case jumpAnySet = 0x45
        case answer = 0x06
    }

    private struct Instruction: Hashable {
        var operation: Operation
        var value: UInt32
        /// Where it goes on; `no` equals `yes` where there is no choice.
        var yes: Label
        var no: Label
    }

    private static let reach = 255
    private static let nowhere = Label(index: -1)

    private var reversed: [Instruction] = []
    private var written: [Instruction: Label] = [:]

    /// Ends with a SECCOMP_RET_* value.
    mutating func answer(_ value: UInt32) -> Label {
        let instruction = Instruction(operation: .answer, value: value, yes: Self.nowhere, no: Self.nowhere)
        if let label = written[instruction], isNear(label) { return label }
        return write(instruction)
    }

    /// Loads the word at `offset` and goes on.
    mutating func load(_ offset: UInt32, then next: Label) -> Label {
        straight(.load, offset, next)
    }

    /// Takes the accumulator's bits of `mask` and goes on.
    mutating func and(_ mask: UInt32, then next: Label) -> Label {
        straight(.and, mask, next)
    }

    /// - Parameter holding: The offset of the word that the accumulator has here; a target that would load the same is entered
    ///   behind its load.
    mutating func branch(
        _ operation: Operation, _ value: UInt32, yes: Label, no: Label, holding: UInt32? = nil
    ) -> Label {
        var yes = entry(yes, holding: holding)
        var no = entry(no, holding: holding)
        if yes == no { return yes }
        let instruction = Instruction(operation: operation, value: value, yes: yes, no: no)
        if let label = written[instruction] { return label }
        yes = near(yes)
        no = near(no)
        let label = write(Instruction(operation: operation, value: value, yes: yes, no: no))
        written[instruction] = label
        return label
    }

    /// The program with `start` as its first instruction: `struct sock_filter`, 8 bytes each, little endian.
    func program(from start: Label) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 * (start.index + 1))
        for index in stride(from: start.index, through: 0, by: -1) {
            let instruction = reversed[index]
            let distances = (yes: index - instruction.yes.index - 1, no: index - instruction.no.index - 1)
            var value = instruction.value
            var jumps: (UInt8, UInt8) = (0, 0)
            switch instruction.operation {
            case .load, .and, .answer: break
            case .jump: value = UInt32(distances.yes)
            case .jumpEqual, .jumpGreater, .jumpNotLess, .jumpAnySet:
                jumps = (UInt8(distances.yes), UInt8(distances.no))
            }
            let code = instruction.operation.rawValue
            bytes += [UInt8(code & 0xff), UInt8(code >> 8), jumps.0, jumps.1]
            for shift in stride(from: 0, to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
            }
        }
        return bytes
    }

    // MARK: -

    private mutating func write(_ instruction: Instruction) -> Label {
        let label = Label(index: reversed.count)
        reversed.append(instruction)
        written[instruction] = label
        return label
    }

    /// An instruction that falls through: what follows has to stand right behind it.
    private mutating func straight(_ operation: Operation, _ value: UInt32, _ next: Label) -> Label {
        let wanted = Instruction(operation: operation, value: value, yes: next, no: next)
        if let label = written[wanted] { return label }
        if next.index != reversed.count - 1 { _ = far(next) }
        let label = write(wanted)
        return label
    }

    /// Whether a conditional jump reaches it, even with one more instruction put between.
    private func isNear(_ label: Label) -> Bool { reversed.count - label.index <= Self.reach }

    private mutating func near(_ label: Label) -> Label { isNear(label) ? label : far(label) }

    /// A new last instruction that leads to `label`.
    private mutating func far(_ label: Label) -> Label {
        let target = reversed[label.index]
        if target.operation == .answer { return write(target) }
        let jump = Instruction(operation: .jump, value: 0, yes: label, no: label)
        return write(jump)
    }

    private func entry(_ label: Label, holding: UInt32?) -> Label {
        guard let holding, reversed[label.index].operation == .load, reversed[label.index].value == holding else {
            return label
        }
        return Label(index: label.index - 1)
    }
}
