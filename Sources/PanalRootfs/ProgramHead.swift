/// What the first bytes of an ELF file say: for which processor it is, and who loads it (System V ABI, chapters 4 and 5).
package struct ProgramHead: Hashable, Sendable {
    /// `EM_…`: 62 is x86-64, 183 is aarch64.
    package var machine: Int
    package var is64Bit: Bool
    /// Absolute path of the loader; nil for a static program, a library, and where it does not stand in `headBytes`.
    package var loader: String?

    /// How much of a file is looked at; linkers put the loader's name right behind the headers.
    static let headBytes = 4_096

    /// Nil for what is no ELF file. Nothing that the bytes say is believed beyond their own end.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 20, bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]), [1, 2].contains(bytes[4]),
            [1, 2].contains(bytes[5])
        else { return nil }
        let isLittle = bytes[5] == 1
        is64Bit = bytes[4] == 2
        func number(_ place: Int, _ count: Int) -> Int? {
            guard place >= 0, place <= bytes.count - count else { return nil }
            let part = bytes[place..<place + count]
            let value = (isLittle ? Array(part.reversed()) : Array(part)).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
            return Int(exactly: value)
        }
        machine = number(18, 2) ?? 0
        let wide = is64Bit
        guard let table = number(wide ? 32 : 28, wide ? 8 : 4), let size = number(wide ? 54 : 42, 2),
            let count = number(wide ? 56 : 44, 2), table < bytes.count, size >= 32
        else { return }
        for index in 0..<count {
            let header = table + index * size
            guard let type = number(header, 4) else { return }
            guard type == 3 else { continue }
            guard let start = number(header + (wide ? 8 : 4), wide ? 8 : 4), start < bytes.count,
                let length = number(header + (wide ? 32 : 16), wide ? 8 : 4), (2...256).contains(length),
                length <= bytes.count - start
            else { return }
            let name = bytes[start..<start + length].prefix { $0 != 0 }
            loader = String(validating: name, as: UTF8.self)
            return
        }
    }
}

/// The processors that Panal knows by name.
package enum Architecture: String, Hashable, Sendable, CaseIterable {
    case amd64, arm64

    /// This machine's.
    package static var current: Architecture {
        #if arch(x86_64)
        .amd64
        #else
        .arm64
        #endif
    }

    package var machine: Int { self == .amd64 ? 62 : 183 }
}
