import PanalCore

/// A moment as headers write it (RFC 9110 §5.6.7): `Sat, 21 Nov 2026 14:30:00 GMT`.
enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func text(_ moment: Timestamp) -> String {
        // 1970-01-01 was a Thursday.
        let day = Int((moment.microseconds / 86_400_000_000) % 7)
        let parts = moment.rfc3339.split { "-T:.Z".contains($0) }
        guard parts.count >= 6, let month = Int(parts[1]), (1...12).contains(month), days.indices.contains(day) else {
            return moment.rfc3339
        }
        return "\(days[day]), \(parts[2]) \(months[month - 1]) \(parts[0]) \(parts[3]):\(parts[4]):\(parts[5]) GMT"
    }
}
