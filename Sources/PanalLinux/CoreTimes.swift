internal import Glibc

/// What a core has done since the machine started, in the kernel's ticks (hundredths of a second).
package struct CoreTimes: Hashable, Sendable {
    /// Something of this machine ran.
    package var busy: Int64
    /// Something could have run, and the hypervisor gave the time to another machine.
    package var stolen: Int64

    package init(busy: Int64, stolen: Int64) {
        self.busy = busy
        self.stolen = stolen
    }

    package static let ticksPerSecond = 100

    /// Of every core that is online, by its number.
    package static func read() throws(SystemCallFailure) -> [Int: CoreTimes] {
        parse(try KernelFile.read("/proc/stat"))
    }

    /// Lines `cpu0 user nice system idle iowait irq softirq steal …`; the one without a number is the sum.
    package static func parse(_ text: String) -> [Int: CoreTimes] {
        var found: [Int: CoreTimes] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("cpu") {
            let words = line.split(separator: " ")
            guard let core = Int(words[0].dropFirst(3)), words.count > 8 else { continue }
            let ticks = words.dropFirst().compactMap { Int64($0) }
            guard ticks.count > 7 else { continue }
            found[core] = CoreTimes(busy: ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6], stolen: ticks[7])
        }
        return found
    }

    /// The threads that share a core with the thread `core`, without itself.
    package static func siblings(of core: Int) -> [Int] {
        let path = "/sys/devices/system/cpu/cpu\(core)/topology/thread_siblings_list"
        guard let text = try? KernelFile.read(path) else { return [] }
        return CoreList.numbers(text).filter { $0 != core }
    }
}
