import FoundationEssentials
import Glibc
import PanalClient

/// The terminal, when there is one.
enum Terminal {
    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// A terminal, and nobody asked for none (`NO_COLOR`).
    static func isColoured(_ descriptor: Int32) -> Bool {
        guard isTerminal(descriptor), unsafe getenv("NO_COLOR") == nil else { return false }
        guard let kind = unsafe getenv("TERM") else { return false }
        return unsafe strcmp(kind, "dumb") != 0
    }

    /// Columns of the terminal on standard output; nil when it is a file or a pipe.
    static var width: Int? { columns(of: STDOUT_FILENO) }

    /// Columns; 80 where a terminal does not say.
    static func columns(of descriptor: Int32) -> Int? {
        guard isTerminal(descriptor) else { return nil }
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Asks at the terminal itself, whatever standard input is. With `isSecret` what is typed is not shown. Throws `local` without a
    /// terminal.
    static func ask(_ question: String, isSecret: Bool) throws -> String {
        let terminal = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else {
            throw ClientFailure(.local, "there is no terminal to ask at; see panal login --help for other ways")
        }
        defer { close(terminal) }
        write(question, to: terminal)
        var before = termios()
        let isKnown = unsafe tcgetattr(terminal, &before) == 0
        if isSecret {
            guard isKnown else { throw ClientFailure(.local, "the terminal cannot be kept from showing what is typed") }
            var silent = before
            silent.c_lflag &= ~tcflag_t(ECHO)
            silent.c_lflag |= tcflag_t(ECHONL)
            guard unsafe tcsetattr(terminal, TCSAFLUSH, &silent) == 0 else {
                throw ClientFailure(.local, "the terminal cannot be kept from showing what is typed")
            }
        }
        // Ctrl-C here ends the process at once; the echo has to be there again by then.
        let restore = isSecret ? SilentTerminal(terminal, before) : nil
        defer { restore?.end() }
        return try line(of: terminal)
    }

    private static func line(of descriptor: Int32) throws -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while bytes.count < 4_096 {
            let count = unsafe read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else {
                if bytes.isEmpty { throw ClientFailure(.local, "nothing was entered") }
                break
            }
            if byte == UInt8(ascii: "\n") { break }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// One line of standard input, without its end.
    static func inputLine() throws -> String {
        guard let text = readLine(strippingNewline: true), !text.isEmpty else {
            throw ClientFailure(.local, "nothing came on standard input")
        }
        return text
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in _ = unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count) }
    }
}

/// Gives a terminal its echo back, at the latest when the process is interrupted.
private final class SilentTerminal {
    private let descriptor: Int32
    private var before: termios
    private let interruption: Interruptions

    init(_ descriptor: Int32, _ before: termios) {
        self.descriptor = descriptor
        self.before = before
        interruption = Interruptions { _ in
            var before = before
            _ = unsafe tcsetattr(descriptor, TCSAFLUSH, &before)
            exit(130)
        }
    }

    func end() {
        interruption.end()
        _ = unsafe tcsetattr(descriptor, TCSAFLUSH, &before)
    }
}
