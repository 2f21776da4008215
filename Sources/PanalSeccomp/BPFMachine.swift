/// The kernel's reading of a seccomp program: what it takes as one, and what the program answers. Knows the instructions that
/// `BPFBuilder` and libseccomp write.
package struct BPFMachine: Sendable {
    package struct Instruction: Sendable {
        package var code: UInt16
        package var yes: Int
        package var no: Int
        package var value: UInt32
    }

    package struct Failure: Error, Hashable {
        package var reason: String
    }

    package let instructions: [Instruction]

    /// Checks what the kernel checks when it loads a program.
    ///
    /// - Parameter bytes: `struct sock_filter`, 8 bytes each, little endian.
    package init(_ bytes: [UInt8]) throws(Failure) {
        guard bytes.count.isMultiple(of: 8), !bytes.isEmpty, bytes.count <= 8 * 4_096 else {
            throw Failure(reason: "is no program of 1 to 4096 instructions")
        }
        instructions = stride(from: 0, to: bytes.count, by: 8).map { start in
            let value = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + 4 + $1]) << (8 * UInt32($1)) }
            return Instruction(
                code: UInt16(bytes[start]) | UInt16(bytes[start + 1]) << 8, yes: Int(bytes[start + 2]),
                no: Int(bytes[start + 3]), value: value)
        }
        for (place, instruction) in instructions.enumerated() {
            let next: Int
            switch instruction.code {
            case 0x20:
                guard instruction.value.isMultiple(of: 4), instruction.value < 64 else {
                    throw Failure(reason: "loads from \(instruction.value)")
                }
                next = place + 1
            case 0x54: next = place + 1
            case 0x05: next = place + 1 + Int(instruction.value)
            case 0x15, 0x25, 0x35, 0x45: next = place + 1 + max(instruction.yes, instruction.no)
            case 0x06: continue
            default: throw Failure(reason: "instruction \(instruction.code) is not known")
            }
            guard next < instructions.count else { throw Failure(reason: "runs off its end") }
        }
    }

    /// What the program answers to a call: a SECCOMP_RET_* value with its data.
    package func answer(_ call: SeccompCall) -> UInt32 {
        var accumulator: UInt32 = 0
        var place = 0
        while true {
            let instruction = instructions[place]
            place += 1
            let holds: Bool
            switch instruction.code {
            case 0x20:
                accumulator = call.word(at: instruction.value)
                continue
            case 0x54:
                accumulator &= instruction.value
                continue
            case 0x05:
                place += Int(instruction.value)
                continue
            case 0x15: holds = accumulator == instruction.value
            case 0x25: holds = accumulator > instruction.value
            case 0x35: holds = accumulator >= instruction.value
            case 0x45: holds = accumulator & instruction.value != 0
            default: return instruction.value
            }
            place += holds ? instruction.yes : instruction.no
        }
    }
}

/// A system call as a filter sees it.
package struct SeccompCall: Hashable, Sendable {
    package var number: UInt32
    /// AUDIT_ARCH_*.
    package var architecture: UInt32
    /// Up to six; what is missing is 0.
    package var arguments: [UInt64]

    package init(_ number: UInt32, architecture: UInt32 = SeccompArchitecture.native.token, arguments: [UInt64] = []) {
        self.number = number
        self.architecture = architecture
        self.arguments = arguments
    }

    /// A word of `struct seccomp_data`: number, architecture, instruction pointer (0 here), six arguments; little endian.
    fileprivate func word(at offset: UInt32) -> UInt32 {
        switch offset {
        case 0: return number
        case 4: return architecture
        case 8, 12: return 0
        default:
            let place = Int(offset - 16) / 8
            let argument = arguments.indices.contains(place) ? arguments[place] : 0
            return offset.isMultiple(of: 8) ? UInt32(truncatingIfNeeded: argument) : UInt32(argument >> 32)
        }
    }
}
