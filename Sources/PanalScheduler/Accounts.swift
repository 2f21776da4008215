import PanalCore

/// A user or a group: what it has used, what it has now, and what it may have.
struct Account: Sendable {
    let name: String
    var limits: AccountLimits
    /// Core-seconds as they count at the ledger's epoch: what is used later counts more, which is the same as forgetting what was
    /// used before, and leaves the order of the others as it is.
    var usage: Double = 0
    var runningMillicores = 0
    var runningJobs = 0
    var queuedJobs = 0

    /// By this the light ones come first.
    var rank: Double { usage / limits.share }

    /// Thousandths of cores that it may still start; 0 when it may start no job at all.
    var startable: Int { startable() }

    /// What it could still start, in a start of `atOnce` jobs, if it had started so much more.
    func startable(besides millicores: Int = 0, jobs: Int = 0, atOnce: Int = 1) -> Int {
        if let most = limits.runningJobs, runningJobs + jobs + atOnce > most { return 0 }
        guard let cores = limits.runningCores else { return .max }
        return max(0, cores * 1_000 - runningMillicores - millicores)
    }
}

/// Users or groups by number, and their use of the machine with its decay.
struct AccountBook: Sendable {
    private(set) var accounts: [Account] = []
    private var numbers: [String: Int32] = [:]
    private var standard: AccountLimits
    private var named: [String: AccountLimits]

    init(standard: AccountLimits, named: [String: AccountLimits]) {
        self.standard = standard
        self.named = named
    }

    subscript(number: Int32) -> Account {
        get { accounts[Int(number)] }
        _modify { yield &accounts[Int(number)] }
    }

    mutating func number(of name: String) -> Int32 {
        if let number = numbers[name] { return number }
        let number = Int32(accounts.count)
        numbers[name] = number
        accounts.append(Account(name: name, limits: limits(of: name)))
        return number
    }

    func account(named name: String) -> Account? { numbers[name].map { self[$0] } }

    mutating func configure(standard: AccountLimits, named: [String: AccountLimits]) {
        (self.standard, self.named) = (standard, named)
        for index in accounts.indices { accounts[index].limits = Self.checked(named[accounts[index].name] ?? standard) }
    }

    mutating func rescale(by factor: Double) {
        for index in accounts.indices { accounts[index].usage *= factor }
    }

    private static func checked(_ limits: AccountLimits) -> AccountLimits {
        var limits = limits
        if !(limits.share > 0) || !limits.share.isFinite { limits.share = 1 }
        // So that thousandths of it can be counted.
        limits.runningCores = limits.runningCores.map { min(max(0, $0), 1 << 40) }
        limits.runningJobs = limits.runningJobs.map { max(0, $0) }
        limits.queuedJobs = limits.queuedJobs.map { max(0, $0) }
        return limits
    }

    /// Limits of an account, whether it is known yet or not.
    func limits(of name: String) -> AccountLimits { Self.checked(named[name] ?? standard) }
}

/// The exponential forgetting of what was used. Everybody forgets at the same pace, so instead of making old use smaller, new use
/// is made larger; only when the factor becomes huge is everything brought down again.
struct UsageDecay: Sendable {
    private var halfLife: Double
    private var epoch: Int64?

    init(halfLife: Duration) {
        self.halfLife = Self.checked(halfLife)
    }

    private static func checked(_ halfLife: Duration) -> Double { max(60, halfLife.inSeconds) }

    /// What a core-second that is used at `moment` counts.
    func weight(at moment: Int64) -> Double {
        guard let epoch else { return 1 }
        return exp2(min(1_000, Double(moment - epoch) / 1_000_000 / halfLife))
    }

    /// The factor by which all use has to be multiplied before anything at `moment` is added; nil mostly.
    mutating func rebase(at moment: Int64) -> Double? {
        guard epoch != nil else {
            epoch = moment
            return nil
        }
        return weight(at: moment) > 0x1p200 ? restart(at: moment) : nil
    }

    /// Forgets at another pace from `moment` on. The factor by which all use has to be multiplied.
    mutating func change(to halfLife: Duration, at moment: Int64) -> Double? {
        guard Self.checked(halfLife) != self.halfLife else { return nil }
        defer { self.halfLife = Self.checked(halfLife) }
        return restart(at: moment)
    }

    private mutating func restart(at moment: Int64) -> Double {
        defer { epoch = moment }
        return 1 / weight(at: moment)
    }

    /// 2 to the power of `value`, without the C library's mathematics.
    private func exp2(_ value: Double) -> Double {
        let whole = value.rounded(.down)
        // A series for the part below 1: off by less than 1e-12.
        let natural = (value - whole) * 0.693_147_180_559_945_3
        var term = 1.0
        var sum = 1.0
        for index in 1...14 {
            term *= natural / Double(index)
            sum += term
        }
        return Double(sign: .plus, exponent: Int(whole), significand: sum)
    }
}
