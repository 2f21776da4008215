import Glibc
import PanalCore

/// A program that tells on standard error how far it is.
enum ToolRun {
    /// Throws the command that installs it where it is missing.
    static func need(_ name: String, _ package: String) throws {
        guard unsafe access("/usr/bin/\(name)", X_OK) == 0 else {
            throw CommandFailure("\(name) is missing: apt-get install \(package)")
        }
    }

    /// Runs it to its end with exactly this environment; each line that it writes, on either stream, is handed to `onLine`. Its exit
    /// code, or 128 and the signal's number.
    static func run(
        _ path: String, _ arguments: [String], environment: [String], _ onLine: (String) -> Void
    ) throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw CommandFailure("no pipe can be made (errno \(errno))") }
        defer { close(ends[0]) }
        guard fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0, fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0 else {
            close(ends[1])
            throw CommandFailure("a pipe cannot be kept from others (errno \(errno))")
        }
        let child: pid_t
        do {
            child = try ChildProcess.start(path, arguments, environment: environment, output: ends[1])
        } catch {
            close(ends[1])
            throw error
        }
        close(ends[1])
        var rest: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = unsafe read(ends[0], &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest += buffer[..<count]
            while let end = rest.firstIndex(where: { $0 == 10 || $0 == 13 }) {
                onLine(String(decoding: rest[..<end], as: UTF8.self))
                rest.removeSubrange(...end)
            }
            if rest.count > 64 << 10 { rest = [] }
        }
        if !rest.isEmpty { onLine(String(decoding: rest, as: UTF8.self)) }
        return try ChildProcess.end(of: child, path)
    }
}
