import Glibc

/// A command that is started again and again, with everything made ready beforehand so that only the start is measured.
///
/// Nothing in it changes once it is made, so that several threads can run it.
@safe
final class PreparedCommand: @unchecked Sendable {
    private let path: String
    private let words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int
    private let environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let actions: UnsafeMutablePointer<posix_spawn_file_actions_t>

    /// Standard streams are `/dev/null`, the environment is empty but for PATH.
    init(_ path: String, _ arguments: [String] = []) {
        self.path = path
        let all = [path] + arguments
        count = all.count
        unsafe words = Self.copy(all)
        unsafe environment = Self.copy(["PATH=/usr/bin:/bin"])
        unsafe actions = .allocate(capacity: 1)
        unsafe posix_spawn_file_actions_init(actions)
        for descriptor in [Int32(0), 1, 2] {
            unsafe posix_spawn_file_actions_addopen(actions, descriptor, "/dev/null", O_RDWR, 0)
        }
    }

    deinit {
        for place in 0..<count { unsafe free(words[place]) }
        unsafe free(environment[0])
        unsafe words.deallocate()
        unsafe environment.deallocate()
        unsafe posix_spawn_file_actions_destroy(actions)
        unsafe actions.deallocate()
    }

    private static func copy(_ texts: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        let pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: texts.count + 1)
        for (place, text) in texts.enumerated() { unsafe pointers[place] = strdup(text) }
        unsafe pointers[texts.count] = nil
        return unsafe pointers
    }

    /// Starts the command and waits for its end. Glibc's `posix_spawn` is vfork and exec.
    func run() throws {
        var child: pid_t = 0
        let failure = unsafe posix_spawn(&child, path, actions, nil, words, environment)
        guard failure == 0 else { throw BenchFailure("\(path) cannot be started (errno \(failure))") }
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else { throw BenchFailure("\(path) was lost (errno \(errno))") }
        }
        guard status == 0 else { throw BenchFailure("\(path) failed (status \(status)); run it by hand to see why") }
    }
}
