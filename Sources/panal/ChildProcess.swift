import Glibc

/// Other programs, started by an exact argument list.
enum ChildProcess {
    /// Runs a program to its end with this process's streams and environment; its exit code, or 128 and the signal's number.
    static func run(_ path: String, _ arguments: [String]) throws -> Int32 {
        var child: pid_t = 0
        let failure = unsafe withWords([path] + arguments) { words in
            unsafe posix_spawn(&child, path, nil, nil, words, environ)
        }
        guard failure == 0 else { throw CommandFailure("\(path) cannot be started (errno \(failure))") }
        return try end(of: child, path)
    }

    /// Starts a program with nothing to read, exactly this environment, and both its streams to `output`.
    static func start(
        _ path: String, _ arguments: [String], environment: [String], output: Int32
    ) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
        var child: pid_t = 0
        let failure = unsafe withWords([path] + arguments) { words in
            unsafe withWords(environment) { variables in
                unsafe posix_spawn(&child, path, &actions, nil, words, variables)
            }
        }
        guard failure == 0 else { throw CommandFailure("\(path) cannot be started (errno \(failure))") }
        return child
    }

    /// Waits for a child; its exit code, or 128 and the signal's number.
    static func end(of child: pid_t, _ path: String) throws -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else { throw CommandFailure("\(path) was lost (errno \(errno))") }
        }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + status & 0x7f
    }

    /// Becomes another program. Comes back only to throw.
    static func become(_ path: String, _ arguments: [String]) throws -> Never {
        _ = unsafe withWords([path] + arguments) { words in unsafe execv(path, words) }
        throw CommandFailure("\(path) cannot be started (errno \(errno))")
    }

    /// The words as C has them, for as long as `body` runs.
    private static func withWords<Result>(
        _ words: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: words.count + 1)
        for (place, word) in words.enumerated() { unsafe pointers[place] = strdup(word) }
        unsafe pointers[words.count] = nil
        defer {
            for place in words.indices { unsafe free(pointers[place]) }
            unsafe pointers.deallocate()
        }
        return unsafe body(pointers)
    }
}
