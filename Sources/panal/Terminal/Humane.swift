import FoundationEssentials
import PanalCore

/// Times and sizes as people read them in a table.
enum Humane {
    /// How long ago, in its largest unit: `12s`, `5m`, `3h`, `2d`.
    static func age(of moment: Timestamp?, at now: Timestamp = Timestamp(Date())) -> String {
        guard let moment else { return "" }
        return span(max(0, (now - moment).inSeconds))
    }

    /// Until then; `0s` when it is over.
    static func until(_ moment: Timestamp?, at now: Timestamp = Timestamp(Date())) -> String {
        guard let moment else { return "" }
        return span(max(0, (moment - now).inSeconds))
    }

    static func span(_ seconds: Double) -> String {
        switch seconds {
        case ..<60: "\(Int(seconds))s"
        case ..<3_600: "\(Int(seconds / 60))m"
        case ..<86_400: "\(Int(seconds / 3_600))h"
        default: "\(Int(seconds / 86_400))d"
        }
    }

    /// A measured time: `3 ms`, `1.25 s`, `2:05 min`.
    static func duration(_ seconds: Double) -> String {
        switch seconds {
        case ..<1: "\(Int((seconds * 1_000).rounded())) ms"
        case ..<60: "\((seconds * 100).rounded() / 100) s"
        case ..<3_600: clock(Int(seconds)) + " min"
        default: clock(Int(seconds)) + " h"
        }
    }

    /// `0:07`, `2:05`, `1:02:05`.
    static func clock(_ seconds: Int) -> String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60)
        return (hours > 0 ? "\(hours):\(two(minutes))" : "\(minutes)") + ":" + two(seconds % 60)
    }

    /// Core seconds as hours: `0.25`, `12.5`, `340`.
    static func hours(_ seconds: Double) -> String {
        let hours = seconds / 3_600
        let digits: Double = hours < 1 ? 10_000 : hours < 100 ? 100 : 1
        return plain((hours * digits).rounded() / digits)
    }

    /// The moment with how long ago it was.
    static func moment(_ moment: Timestamp?) -> String? {
        moment.map { "\($0.rfc3339) (\(age(of: $0)) ago)" }
    }

    /// A number without the `.0` of a whole one.
    static func plain(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
}
