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
            guard let text = try? file.text(), let total = Self.total(text) else { return nil }
            totals.append(total)
        }
        return totals
    }

    /// The total of the line `some`, which the kernel gives in microseconds.
    static func total(_ text: String) -> Int64? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("some ") }),
            let word = line.split(separator: " ").first(where: { $0.hasPrefix("total=") }),
            let microseconds = Int64(word.dropFirst(6))
        else { return nil }
        return microseconds * 1_000
    }
}
