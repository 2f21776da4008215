/// The kernel's reading of a seccomp program, for tests: the instructions that libseccomp writes, and nothing else.
struct BPFMachine {
    struct Instruction {
        var code: UInt16
        var yes: Int
        var no: Int
        var value: UInt32
    }

    struct Failure: Error {
        var reason: String
    }

    let instructions: [Instruction]

    init(_ bytes: [UInt8]) {
        instructions = stride(from: 0, to: bytes.count, by: 8).map { start in
            let value = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + 4 + $1]) << (8 * $1) }
            return Instruction(
                code: UInt16(bytes[start]) | UInt16(bytes[start + 1]) << 8, yes: Int(bytes[start + 2]),
                no: Int(bytes[start + 3]), value: value)
        }
    }

    /// What the program answers to a call: a SECCOMP_RET_* value with its data.
    func answer(_ number: UInt32, architecture: UInt32 = 0xc000_003e, arguments: [UInt64] = []) throws -> UInt32 {
        // struct seccomp_data: nr, arch, instruction pointer, six arguments; little endian.
        var data = [number, architecture, 0, 0]
        for place in 0..<6 {
            let argument = place < arguments.count ? arguments[place] : 0
            data += [UInt32(truncatingIfNeeded: argument), UInt32(argument >> 32)]
        }
        var accumulator: UInt32 = 0
        var counter = 0
        while counter < instructions.count {
            let instruction = instructions[counter]
            counter += 1
            let holds: Bool
            switch instruction.code {
            case 0x20:
                guard instruction.value.isMultiple(of: 4), instruction.value / 4 < data.count else {
                    throw Failure(reason: "loads from \(instruction.value)")
                }
                accumulator = data[Int(instruction.value / 4)]
                continue
            case 0x54:
                accumulator &= instruction.value
                continue
            case 0x06: return instruction.value
            case 0x05:
                counter += Int(instruction.value)
                continue
            case 0x15: holds = accumulator == instruction.value
            case 0x25: holds = accumulator > instruction.value
            case 0x35: holds = accumulator >= instruction.value
            case 0x45: holds = accumulator & instruction.value != 0
            default: throw Failure(reason: "instruction \(instruction.code) is not known")
            }
            counter += holds ? instruction.yes : instruction.no
        }
        throw Failure(reason: "runs off its end")
    }
}
