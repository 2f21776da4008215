import FoundationEssentials
import Glibc

/// How fast a program runs once it has started: the same loops by themselves and in a cell, timed from inside.
enum SteadyState {
    /// Prints the nanoseconds of one turn of each loop: arithmetic, then a system call that does next to nothing.
    private static let script = """
        from time import perf_counter_ns as now; from os import getppid as ask
        def timed(turns, body):
            begin = now(); body(turns); return (now() - begin) / turns
        def add(turns):
            total = 0
            for number in range(turns): total += number
        def call(turns):
            for number in range(turns): ask()
        print(timed(1000000, add), timed(200000, call))
        """

    @MainActor
    static func measure(_ cells: BenchCells) async throws -> [Measurement] {
        var loops = [Measurement("CPU loop, 1,000,000 turns, bare"), Measurement("CPU loop, in a cell")]
        var calls = [Measurement("200,000 system calls, bare"), Measurement("200,000 system calls, in a cell")]
        for _ in 0..<15 {
            for (place, text) in [try bare(), try await cells.run(["/usr/bin/python3", "-c", script])].enumerated() {
                let figures = text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
                guard figures.count == 2 else { throw BenchFailure("the loops printed ‘\(text)’") }
                loops[place].add(.nanoseconds(Int64(figures[0] * 1_000_000)))
                calls[place].add(.nanoseconds(Int64(figures[1] * 200_000)))
            }
        }
        return loops + calls
    }

    private static func bare() throws -> String {
        guard let pipe = unsafe popen("exec /usr/bin/python3 - <<'END'\n\(script)\nEND", "r") else {
            throw BenchFailure("python3 cannot be started (errno \(errno))")
        }
        var bytes: [UInt8] = []
        while case let byte = unsafe fgetc(pipe), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
        guard unsafe pclose(pipe) == 0 else { throw BenchFailure("python3 failed") }
        return String(decoding: bytes, as: UTF8.self)
    }
}
