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
