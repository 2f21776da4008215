internal import Glibc
internal import PanalLinux

/// Programs of this host, started by an exact list of words, for a moment.
package enum HostProcess {
    /// Nil when it ended with 0, else the last line that it wrote on its error stream, or how it ended.
    package static func failure(of words: [String], seconds: Int = 20) -> String? {
        do throws(SystemCallFailure) {
            return try run(words, seconds: seconds)
        } catch {
            return "\(error.call): \(error.reason)"
        }
    }

    private static func run(_ words: [String], seconds: Int) throws(SystemCallFailure) -> String? {
        guard let program = words.first else { return "no command" }
        let ends = try Descriptor.pipe()
        let reading = Descriptor(owning: ends.first)
        let writing = Descriptor(owning: ends.second)
        let child = try spawn(program, words, errors: writing)
        close(writing.release())
        var said: [UInt8] = []
        let deadline = time(nil) + seconds
        while time(nil) < deadline {
            var polled = pollfd(fd: reading.raw, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&polled, 1, 250) > 0 else { continue }
            guard let part = try? reading.read(atMost: 4_096), !part.isEmpty else { break }
            said = (said + part).suffix(4_096)
        }
        let isLate = time(nil) >= deadline
        if isLate { kill(child, SIGKILL) }
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0, errno == EINTR {}
        if isLate { return "\(program) did not end within \(seconds) s" }
        if status == 0 { return nil }
        let last = String(decoding: said, as: UTF8.self).split(separator: "\n").last.map(String.init)
        return last ?? "\(program) ended with \(status & 0x7f == 0 ? (status >> 8) & 0xff : status)"
    }

    private static func spawn(
        _ program: String, _ words: [String], errors: borrowing Descriptor
    ) throws(SystemCallFailure) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, errors.raw, 2)
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { for place in unsafe arguments.indices { unsafe free(arguments[place]) } }
        let path = unsafe strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin")
        defer { unsafe free(path) }
        var environment: [UnsafeMutablePointer<CChar>?] = unsafe [path, nil]
        var child: pid_t = 0
        let answer = unsafe posix_spawnp(&child, program, &actions, nil, &arguments, &environment)
        guard answer == 0 else { throw SystemCallFailure(call: program, errno: answer) }
        return child
    }

    /// Whether an ordinary process can have the namespaces of a cell, and a new `/proc` in them: tried by util-linux's
    /// `unshare`, as nobody when this process is root, since root may what users may not.
    package static func tryUserNamespace(_ facts: HostFacts) -> Trial {
        guard facts.tools.contains(HostFacts.namespaceMaker) else {
            return .notTried("\(HostFacts.namespaceMaker) is missing: apt-get install util-linux")
        }
        let nobody = ["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        let trial = [
            HostFacts.namespaceMaker, "--user", "--map-root-user", "--mount", "--pid", "--fork", "--net", "--ipc",
            "--uts", "--cgroup", "--mount-proc", "/bin/true",
        ]
        let failed = failure(of: (facts.user.isRoot ? nobody : []) + trial)
        return failed.map { .failed($0) } ?? .worked
    }
}
