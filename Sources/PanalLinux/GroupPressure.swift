internal import Glibc

/// Time in which something in a group waited for what others had (pressure stall information, `some`), in nanoseconds.
package struct GroupPressure: Hashable, Sendable {
    package var cpu: Int64
    package var memory: Int64
    package var io: Int64
}

/// Reads the pressure of a v2 group, which needs no controller: on a hybrid host too.
final class PressureGauge {
    private let files: [KernelHandle]
    private var before: [Int64] = [0, 0, 0]

    /// Nil where the kernel does not tell it.
    init?(_ folder: String) {
        do throws(SystemCallFailure) {
            files = [
                try KernelHandle("\(folder)/cpu.pressure"), try KernelHandle("\(folder)/memory.pressure"),
                try KernelHandle("\(folder)/io.pressure"),
            ]
        } catch {
            return nil
        }
    }

    func reset() { before = totals() ?? before }

    var sinceReset: GroupPressure? {
        guard let now = totals() else { return nil }
        return GroupPressure(cpu: now[0] - before[0], memory: now[1] - before[1], io: now[2] - before[2])
    }

    private func totals() -> [Int64]? {
        var totals: [Int64] = []
        for file in files {
            // Switched off for the whole host (psi=0) it cannot be read.
            // Its first line is that of `some`, in microseconds.
            guard let microseconds = try? file.entry("total", mark: 61) else { return nil }
            totals.append(microseconds * 1_000)
        }
        return totals
    }
}
