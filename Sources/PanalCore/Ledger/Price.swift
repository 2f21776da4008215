/// What a job used of what is sold: whole cores or parts of them, and memory, each for the time in which the program was running and
/// not frozen. Both are what the profile gave, not what the program made of it: nobody else could have them.
package struct MeteredUse: Hashable, Sendable, Codable {
    /// Microseconds of one core.
    package var coreMicroseconds: Int64
    /// Microseconds of one GiB of memory.
    package var memoryMicroseconds: Int64

    package init(coreMicroseconds: Int64 = 0, memoryMicroseconds: Int64 = 0) {
        self.coreMicroseconds = coreMicroseconds
        self.memoryMicroseconds = memoryMicroseconds
    }

    /// Thousandths of a core and bytes of memory for `microseconds` of wall-clock time; less than none counts as none.
    package init(millicores: Int, memory: Int, microseconds: Int64) {
        let time = Int128(max(0, microseconds))
        self.init(
            coreMicroseconds: Int64(clamping: time * Int128(millicores) / 1_000),
            memoryMicroseconds: Int64(clamping: time * Int128(memory) / (1 << 30)))
    }
}

/// What an hour costs. The time that is paid for starts when the program runs; frozen time and system errors cost nothing.
package struct Price: Hashable, Sendable, Codable {
    /// Millionths of a credit for one core and one hour; 0 to ``mostPerHour``.
    package var coreHour: Int64
    /// Millionths of a credit for one GiB of memory and one hour; 0 to ``mostPerHour``.
    package var memoryHour: Int64

    package init(coreHour: Int64 = 0, memoryHour: Int64 = 0) {
        self.coreHour = coreHour
        self.memoryHour = memoryHour
    }

    package static let free = Price()
    /// 10,000 credits.
    package static let mostPerHour: Int64 = 10_000_000_000

    package var isFree: Bool { self == .free }

    /// What the use costs, rounded up to a millionth of a credit; at most ``Credits/largest``.
    package func cost(of use: MeteredUse) -> Credits {
        let microcreditMicroseconds =
            Int128(coreHour) * Int128(use.coreMicroseconds) + Int128(memoryHour) * Int128(use.memoryMicroseconds)
        let hour: Int128 = 3_600_000_000
        let micro = (max(0, microcreditMicroseconds) + hour - 1) / hour
        return Credits(micro: min(Credits.largest.micro, Int64(clamping: micro)))
    }
}

/// A profile's prices: that of ordinary jobs, and that of opportunistic ones, which stand still whenever others need their cores.
package struct Tariff: Hashable, Sendable {
    package var ordinary: Price
    package var opportunistic: Price

    package init(ordinary: Price = .free, opportunistic: Price = .free) {
        self.ordinary = ordinary
        self.opportunistic = opportunistic
    }

    package static let free = Tariff()

    package func price(for priority: PriorityClass) -> Price {
        priority == .opportunistic ? opportunistic : ordinary
    }
}
