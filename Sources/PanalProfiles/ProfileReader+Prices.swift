import PanalCore
import Yams

/// What a profile costs.
extension ProfileReader {
    /// Opportunistic jobs have one price, for the cores: what they use nobody else wanted.
    mutating func tariff(_ settings: [ProfileKey: Node]) -> Tariff {
        Tariff(
            ordinary: Price(coreHour: price(.price, settings), memoryHour: price(.memoryPrice, settings)),
            opportunistic: Price(coreHour: price(.opportunisticPrice, settings)))
    }

    /// Millionths of a credit for one hour.
    private mutating func price(_ key: ProfileKey, _ settings: [ProfileKey: Node]) -> Int64 {
        guard let text = scalar(key, settings), let node = settings[key] else { return 0 }
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        do {
            let amount = try Credits(parsing: halves[0])
            let hours: Int64
            switch halves.count == 2 ? halves[1] : "" {
            case "h": hours = 1
            case "s": hours = 3_600
            case "" where amount == .zero && halves.count == 1: return 0
            default:
                report(
                    node, "\(key.rawValue): ‘\(text)’ does not say for how long; write \(halves[0])/h or \(halves[0])/s"
                )
                return 0
            }
            let (hourly, overflow) = amount.micro.multipliedReportingOverflow(by: hours)
            guard !overflow, hourly <= Price.mostPerHour else {
                let most = Credits(micro: Price.mostPerHour)
                report(node, "\(key.rawValue): \(text) is out of range; write 0 to \(most)/h")
                return 0
            }
            return hourly
        } catch {
            report(node, "\(key.rawValue): \(error.detail); for example \(key.example)")
            return 0
        }
    }
}
