internal import CPanalSyscalls
internal import Glibc

/// What this machine has, as the kernel tells it.
package struct HostTopology: Hashable, Sendable {
    /// Cores that this process may use and that are online, ascending.
    package var cores: [Int]
    /// Bytes of memory that the kernel manages (`MemTotal`).
    package var memory: Int

    package init(cores: [Int], memory: Int) {
        self.cores = cores
        self.memory = memory
    }

    package static func read() throws(SystemCallFailure) -> HostTopology {
        HostTopology(cores: try affinity(), memory: try memoryTotal())
    }

    /// Cores that the calling thread may run on.
    package static func affinity() throws(SystemCallFailure) -> [Int] {
        var mask = [UInt8](repeating: 0, count: 1_024)
        let bytes = try SystemCallFailure.check(unsafe panal_affinity(&mask, mask.count), "sched_getaffinity")
        return (0..<Int(bytes) * 8).filter { mask[$0 / 8] & (1 << UInt8($0 % 8)) != 0 }
    }

    private static func memoryTotal() throws(SystemCallFailure) -> Int {
        let line = try KernelFile.read("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
        guard let words = line?.split(separator: " "), words.count >= 2, let kibibytes = Int(words[1]) else {
            throw SystemCallFailure(call: "read(/proc/meminfo: MemTotal)", errno: ENODATA)
        }
        return kibibytes * 1_024
    }
}

/// The kernel's list format for cores: `0-3,8`.
package enum CoreList {
    /// Ascending in each part; what is not readable is left out.
    package static func numbers(_ text: String) -> [Int] {
        text.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").map { Int($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last else { return [] }
            return Array(first...last)
        }
    }

    package static func text(_ cores: [Int]) -> String {
        var ranges: [ClosedRange<Int>] = []
        for core in cores.sorted() {
            if let last = ranges.last, last.upperBound + 1 == core {
                ranges[ranges.count - 1] = last.lowerBound...core
            } else {
                ranges.append(core...core)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}
