internal import CPanalSyscalls
internal import Glibc

/// What a pipe that is read without waiting gave.
package enum PipeAnswer: Hashable, Sendable {
    case moved(Int)
    case nothingNow
    /// Nobody can write any more, and everything has been read.
    case ended
}

/// The reading end of a pipe, by its number.
package enum PipeReading {
    /// Moves up to `limit` bytes to where `file` stands, which is not open for appending. They leave the pipe when they are
    /// in the file, and not before: whoever is killed meanwhile loses none.
    package static func move(
        from pipe: Int32, to file: Int32, atMost limit: Int
    ) throws(SystemCallFailure) -> PipeAnswer {
        let moved = panal_splice(pipe, file, limit)
        if moved == -Int64(EAGAIN) { return .nothingNow }
        try SystemCallFailure.check(moved, "splice")
        return moved == 0 ? .ended : .moved(Int(moved))
    }

    /// Whether there is more, without taking any of it; `.moved(0)` stands for that there is.
    package static func look(at pipe: Int32) -> PipeAnswer {
        var polled = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&polled, 1, 0) > 0 else { return .nothingNow }
        return polled.revents & Int16(POLLIN) != 0 ? .moved(0) : .ended
    }

    /// Whether `number` is the reading end of a pipe.
    package static func isReadingEnd(_ number: Int32) -> Bool {
        var found = stat()
        guard unsafe fstat(number, &found) == 0, found.st_mode & S_IFMT == S_IFIFO else { return false }
        return fcntl(number, F_GETFL) & O_ACCMODE == O_RDONLY
    }
}
