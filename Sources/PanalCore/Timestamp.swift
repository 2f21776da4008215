package import FoundationEssentials

/// A moment: microseconds since 1970-01-01T00:00:00Z, leap seconds left out, as POSIX counts.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package init(_ date: Date) {
        microseconds = Int64((date.timeIntervalSince1970 * 1_000_000).rounded())
    }

    package var date: Date { Date(timeIntervalSince1970: Double(microseconds) / 1_000_000) }

    /// RFC 3339 in UTC with milliseconds: `2026-11-21T06:31:29.125Z`.
    package var rfc3339: String {
        // By hand, since a job has several and a list of jobs hundreds of these; beyond four digits of a year as ever.
        let (day, rest) = Self.split(microseconds, by: 86_400_000_000)
        guard (-719_162..<2_932_897).contains(day) else {
            return date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        }
        let (year, month, ofMonth) = Self.date(ofDay: day)
        let milliseconds = rest / 1_000
        return unsafe String(unsafeUninitializedCapacity: 24) { text in
            var place = 0
            func add(_ byte: UInt8) {
                unsafe text[place] = byte
                place += 1
            }
            func addPair(_ value: Int64) {
                add(48 + UInt8(truncatingIfNeeded: value / 10 % 10))
                add(48 + UInt8(truncatingIfNeeded: value % 10))
            }
            addPair(year / 100)
            addPair(year)
            add(UInt8(ascii: "-"))
            addPair(month)
            add(UInt8(ascii: "-"))
            addPair(ofMonth)
            add(UInt8(ascii: "T"))
            addPair(milliseconds / 3_600_000)
            add(UInt8(ascii: ":"))
            addPair(milliseconds / 60_000 % 60)
            add(UInt8(ascii: ":"))
            addPair(milliseconds / 1_000 % 60)
            add(UInt8(ascii: "."))
            add(48 + UInt8(truncatingIfNeeded: milliseconds / 100 % 10))
            addPair(milliseconds % 100)
            add(UInt8(ascii: "Z"))
            return place
        }
    }

    /// Rounded down, also before 1970.
    private static func split(_ value: Int64, by size: Int64) -> (quotient: Int64, rest: Int64) {
        let (quotient, rest) = value.quotientAndRemainder(dividingBy: size)
        return rest < 0 ? (quotient - 1, rest + size) : (quotient, rest)
    }

    /// The date of a day, counted from 1970-01-01, in the Gregorian calendar. Years begin with March here, so that the leap day is their
    /// last; 400 of them have 146,097 days.
    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, ofEra) = split(day + 719_468, by: 146_097)
        let year = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153
        let isNextYear = month >= 10
        return (
            year + era * 400 + (isNextYear ? 1 : 0), isNextYear ? month - 9 : month + 3,
            ofYear - (153 * month + 2) / 5 + 1
        )
    }

    /// Reads RFC 3339 in UTC, with or without a fraction; nil when `text` is neither.
    package init?(rfc3339 text: String) {
        let withFraction = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        guard let date = (try? withFraction.parse(text)) ?? (try? Date.ISO8601FormatStyle().parse(text)) else {
            return nil
        }
        self.init(date)
    }

    package static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }

    package static func + (moment: Self, span: Duration) -> Self {
        Timestamp(microseconds: moment.microseconds + span.wholeMicroseconds)
    }

    package static func - (later: Self, earlier: Self) -> Duration {
        .microseconds(later.microseconds - earlier.microseconds)
    }
}

extension Timestamp: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let moment = Timestamp(rfc3339: text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "‘\(text)’ is not an RFC 3339 time in UTC")
        }
        self = moment
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rfc3339)
    }
}

extension Duration {
    /// The span in whole microseconds, rounded towards zero; spans beyond 292,000 years are clamped.
    package var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }

    /// The span in seconds, for JSON and for people.
    package var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}

/// Where the present moment comes from: the system's clock in the service, a manual one in tests.
package protocol WallClock: Sendable {
    func now() -> Timestamp
    /// Time since some moment before, which goes on while the machine sleeps and which nobody can set: by this it is known for
    /// how long something has lasted.
    func elapsed() -> Duration
}
