internal import Glibc
internal import PanalLinux

/// A program of Panal's own on the host, outside of any cell.
enum HostCommand {
    struct Answer {
        /// As `waitpid` has it; that of a killed process when it took too long.
        var status: Int32
        var output: [UInt8]

        /// nil when a signal ended it.
        var code: Int32? { status & 0x7f == 0 ? status >> 8 & 0xff : nil }
        var text: String { String(decoding: output, as: UTF8.self) }
    }

    private static let outputAtMost = 1 << 20

    /// Runs `words` to the end with an empty environment, and kills it after `seconds`.
    static func run(_ words: [String], seconds: Int32) throws(SystemCallFailure) -> Answer {
        let ends = try Descriptor.pipe()
        let read = Descriptor(owning: ends.first)
        let write = Descriptor(owning: ends.second)
        let process = try spawn(words, output: write.raw)
        close(write.release())
        var output: [UInt8] = []
        var isKilled = false
        let end = Self.seconds + Int(seconds)
        while true {
            var polled = pollfd(fd: read.raw, events: Int16(POLLIN), revents: 0)
            let ready = unsafe poll(&polled, 1, 1_000)
            if !isKilled, Self.seconds >= end || output.count > outputAtMost {
                kill(process, SIGKILL)
                isKilled = true
            }
            guard ready > 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let length = unsafe Glibc.read(read.raw, &buffer, buffer.count)
            if length <= 0 { break }
            output += buffer[..<length]
        }
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        return Answer(status: status, output: output)
    }

    private static var seconds: Int {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec
    }

    private static func spawn(_ words: [String], output: Int32) throws(SystemCallFailure) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        var arguments = unsafe words.map { unsafe strdup($0) }
        defer { unsafe arguments.forEach { unsafe free($0) } }
        unsafe arguments.append(nil)
        var environment: [UnsafeMutablePointer<CChar>?] = unsafe [nil]
        var process: pid_t = 0
        let answer = unsafe posix_spawn(&process, words[0], &actions, nil, arguments, &environment)
        guard answer == 0 else { throw SystemCallFailure(call: "posix_spawn(\(words[0]))", errno: answer) }
        return process
    }
}
