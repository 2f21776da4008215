/// Something that the operator pays for, whether or not anybody runs anything: a machine, a disk, a database.
package struct CostItem: Hashable, Sendable {
    package enum Unit: String, Hashable, Sendable, CaseIterable {
        /// The price is for one hour; `hoursADay` says how many of a day are paid.
        case hour
        /// The price is for one month.
        case month
        /// The price is for one GiB and one month; `quantity` counts these.
        case gibibyteMonth
    }

    /// 1 to 80 characters, unique.
    package var name: String
    package var unit: Unit
    package var price: Credits
    /// Machines, contracts or GiB.
    package var quantity: Int
    /// 1 to 24; 24 for what does not count hours.
    package var hoursADay: Int

    package init(name: String, unit: Unit, price: Credits, quantity: Int = 1, hoursADay: Int = 24) {
        self.name = name
        self.unit = unit
        self.price = price
        self.quantity = quantity
        self.hoursADay = hoursADay
    }

    /// What it costs in a month of `days` days.
    package func cost(days: Int) -> Credits {
        let times =
            switch unit {
            case .hour: Int128(quantity) * Int128(hoursADay) * Int128(days)
            case .month, .gibibyteMonth: Int128(quantity)
            }
        let micro = Int128(price.micro) * times
        return Credits(micro: min(Credits.largest.micro, Int64(clamping: micro)))
    }
}

/// What a month costs the operator, what it has earned, and what a core would have to cost for both to be equal.
package struct CostAnalysis: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        package var item: CostItem
        package var cost: Credits
    }

    package struct ProfileLine: Hashable, Sendable {
        package var profile: String
        package var sum: UsageSum
        /// Its part of the month's cost, by the cores' time that it used; nothing where nobody used any.
        package var share: Credits
    }

    package var month: Month
    /// Days that an hourly price was counted for: those of the month.
    package var days: Int
    package var items: [Line]
    package var cost: Credits
    package var profiles: [ProfileLine]
    package var total: UsageSum
    /// Core hours that the machine could have sold, in millionths.
    package var capacityCoreMicroseconds: Int64
    /// What a core hour would have to cost so that what was used pays for the month; nil where nothing was used.
    package var breakEvenByUse: Credits?
    /// The same if every core had been sold all the time; nil for a machine without cores.
    package var breakEvenByCapacity: Credits?

    /// What was earned less what was paid for.
    package var balance: Credits { total.paid - cost }

    /// - Parameters:
    ///   - usage: The month's use by profile.
    ///   - cores: What the machines have for cells.
    package init(month: Month, items: [CostItem], usage: [(profile: String, sum: UsageSum)], cores: Int) {
        self.month = month
        days = month.days
        let days = month.days
        self.items = items.map { Line(item: $0, cost: $0.cost(days: days)) }
        let cost = Credits(micro: Self.clamped(self.items.reduce(Int128(0)) { $0 + Int128($1.cost.micro) }))
        self.cost = cost
        let total = usage.reduce(UsageSum()) { $0 + $1.sum }
        self.total = total
        let used = Int128(total.use.coreMicroseconds)
        profiles = usage.map { profile, sum in
            let part = used > 0 ? Int128(cost.micro) * Int128(sum.use.coreMicroseconds) / used : 0
            return ProfileLine(profile: profile, sum: sum, share: Credits(micro: Self.clamped(part)))
        }
        let capacity = Int128(cores) * Int128(days) * 86_400_000_000
        capacityCoreMicroseconds = Int64(clamping: capacity)
        breakEvenByUse = Self.hourly(cost, over: used)
        breakEvenByCapacity = Self.hourly(cost, over: capacity)
    }

    /// Rounded up, so that what it says is enough.
    private static func hourly(_ cost: Credits, over microseconds: Int128) -> Credits? {
        guard microseconds > 0 else { return nil }
        return Credits(
            micro: clamped((Int128(cost.micro) * 3_600_000_000 + microseconds - 1) / microseconds))
    }

    private static func clamped(_ micro: Int128) -> Int64 { min(Credits.largest.micro, Int64(clamping: micro)) }
}
