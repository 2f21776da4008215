import PanalCore

/// A light look at the first bytes of the file that a program starts with, so that a mistake is named at publication and not by the
/// first run. The kernel has the last word.
enum ExecutableCheck {
    /// The kernel's numbers of machines (`elf.h`, `e_machine`) that people upload.
    private static let machines: [UInt16: String] = [
        3: "i386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86-64", 183: "aarch64",
        243: "riscv", 258: "loongarch",
    ]

    #if arch(x86_64)
    private static let machine: UInt16 = 62
    #elseif arch(arm64)
    private static let machine: UInt16 = 183
    #endif

    /// Whether the kernel could start a file with this beginning at all.
    static func looksStartable(_ head: [UInt8]) -> Bool {
        head.starts(with: Array("#!".utf8)) || isELF(head)
    }

    /// Why `file` cannot be started here, in words; nil when nothing speaks against it.
    static func refusal(of file: ProgramFile) -> String? {
        guard file.bytes > 0 else { return "‘\(file.path)’ is empty" }
        if isELF(file.head) { return elfRefusal(of: file) }
        guard file.head.starts(with: Array("#!".utf8)) else {
            return
                "‘\(file.path)’ is neither an executable (ELF) nor a script that begins with ‘#!’ and its interpreter"
                + foreign(file.head)
        }
        let line = file.head.dropFirst(2).prefix { $0 != 10 }
        if line.last == 13 {
            return "the first line of ‘\(file.path)’ ends with a carriage return (Windows line ends): "
                + "the interpreter would not be found"
        }
        let interpreter = line.drop { $0 == 32 || $0 == 9 }.prefix { $0 != 32 && $0 != 9 }
        guard interpreter.first == UInt8(ascii: "/") else {
            return "the ‘#!’ line of ‘\(file.path)’ does not name its interpreter by a full path, such as /bin/sh"
        }
        return nil
    }

    private static func isELF(_ head: [UInt8]) -> Bool {
        head.starts(with: [0x7F, 0x45, 0x4C, 0x46])
    }

    private static func elfRefusal(of file: ProgramFile) -> String? {
        let head = file.head
        guard head.count >= 20 else { return "‘\(file.path)’ is a damaged executable: its ELF header is cut off" }
        let isBigEndian = head[5] == 2
        let low = UInt16(head[isBigEndian ? 19 : 18])
        let high = UInt16(head[isBigEndian ? 18 : 19])
        let built = high << 8 | low
        guard built == machine else {
            let name = machines[built] ?? "machine \(built)"
            return "‘\(file.path)’ is built for \(name), this host runs \(machines[machine] ?? "machine \(machine)")"
        }
        // e_type: 2 is an executable, 3 a position-independent one or a shared library.
        let type = UInt16(head[isBigEndian ? 17 : 16])
        guard type == 2 || type == 3 else { return "‘\(file.path)’ is an ELF file, but not an executable" }
        return nil
    }

    private static func foreign(_ head: [UInt8]) -> String {
        if head.starts(with: Array("MZ".utf8)) { return "; it looks like a Windows program" }
        let machO: [[UInt8]] = [[0xCF, 0xFA, 0xED, 0xFE], [0xCE, 0xFA, 0xED, 0xFE], [0xCA, 0xFE, 0xBA, 0xBE]]
        return machO.contains { head.starts(with: $0) } ? "; it looks like a macOS program" : ""
    }
}
