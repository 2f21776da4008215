/// What a program file is, told by its first bytes alone.
package enum ProgramKind: Hashable, Sendable {
    /// A machine's program: the machine, and the loader that it asks for (nil: it is static).
    case executable(machine: String, loader: String?)
    /// A script: the interpreter with its arguments, as the first line names them.
    case script(interpreter: [String])
    case unknown

    /// How many bytes to read for `init(head:)`.
    package static let headBytes = 65_536

    private static let machines: [UInt64: String] = [
        3: "i386", 40: "arm", 62: "x86-64", 183: "aarch64", 243: "riscv",
    ]

    package init(head: [UInt8]) {
        if head.starts(with: Array("#!".utf8)) {
            let line = String(decoding: head.dropFirst(2).prefix(255).prefix { $0 != 10 && $0 != 13 }, as: UTF8.self)
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            self = words.isEmpty ? .unknown : .script(interpreter: words)
            return
        }
        guard head.starts(with: [0x7F, 0x45, 0x4C, 0x46]), head.count >= 64 else {
            self = .unknown
            return
        }
        let elf = ELFHead(bytes: head)
        let machine = elf.number(at: 18, bytes: 2).flatMap { Self.machines[$0] } ?? "unknown machine"
        self = .executable(machine: machine, loader: elf.loader)
    }

    /// In words.
    package var sentence: String {
        switch self {
        case .executable(let machine, let loader?): "an executable for \(machine) that is loaded by \(loader)"
        case .executable(let machine, nil): "a static executable for \(machine)"
        case .script(let interpreter): "a script for \(interpreter.joined(separator: " "))"
        case .unknown: "neither an executable (ELF) nor a script that begins with #!"
        }
    }
}

/// The head of an ELF file, read without trust: whatever lies outside of the bytes is nil.
private struct ELFHead {
    let bytes: [UInt8]

    private var is64: Bool { bytes[4] == 2 }
    private var isBigEndian: Bool { bytes[5] == 2 }

    func number(at place: UInt64, bytes width: Int) -> UInt64? {
        guard place <= UInt64(bytes.count), UInt64(bytes.count) - place >= UInt64(width) else { return nil }
        let start = Int(place)
        let part = bytes[start..<start + width]
        return (isBigEndian ? Array(part) : part.reversed()).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The text of the first PT_INTERP.
    var loader: String? {
        let width = is64 ? 8 : 4
        guard let table = number(at: is64 ? 32 : 28, bytes: width), let size = number(at: is64 ? 54 : 42, bytes: 2),
            let count = number(at: is64 ? 56 : 44, bytes: 2)
        else { return nil }
        for index in 0..<count {
            let (entry, overflow) = table.addingReportingOverflow(index * size)
            guard !overflow, number(at: entry, bytes: 4) == 3,
                let start = number(at: entry &+ (is64 ? 8 : 4), bytes: width),
                let length = number(at: entry &+ (is64 ? 32 : 16), bytes: width),
                start < UInt64(bytes.count), length > 0, length < 4_096
            else { continue }
            let text = bytes[Int(start)...].prefix(Int(length)).prefix { $0 != 0 }
            return String(decoding: text, as: UTF8.self)
        }
        return nil
    }
}
