import Foundation
import Testing

@testable import PanalCore

@Suite struct JSONWriterTests {
    private static func encoded(_ value: JSONValue) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private static let values: [JSONValue] = [
        .null, .boolean(true), .boolean(false), .integer(0), .integer(.min), .integer(.max), .number(0), .number(-0.0),
        .number(1), .number(-2.5), .number(0.1), .number(1e15), .number(1e16), .number(1e300),
        .number(.leastNonzeroMagnitude),
        .number(123_456.789), .number(100), .string(""), .string("a/b"),
        .string("quoted \" and \\ back"),
        .string("line\nreturn\rtab\tbell\u{8}form\u{c}"), .string("\u{0}\u{1}\u{1f}\u{7f}"),
        .string("ñandú – 🐝 \u{2028}"),
        .array([]), .array([1, "two", [.null, [:]]]), .object([:]),
        .object(["b": 1, "a": ["z": [], "y": "x"], "B": .null, "a b": 2, "\"": 3, "10": 4, "9": 5, "ñ": 6]),
    ]

    @Test(arguments: values) func bytesAreTheEncoders(_ value: JSONValue) throws {
        #expect(String(decoding: try value.serialized(), as: UTF8.self) == (try Self.encoded(value)))
    }

    @Test(arguments: values) func whatWasWrittenReadsBack(_ value: JSONValue) throws {
        let back = try JSONValue(parsing: try value.serialized())
        guard case .number(let wanted) = value else { return #expect(back == value) }
        // A whole number is one, whichever way it was said.
        switch back {
        case .integer(let read): #expect(Double(read) == wanted)
        case .number(let read): #expect(read == wanted)
        default: Issue.record("\(back) is no number")
        }
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity]) func refusesWhatJSONCannotSay(_ value: Double) {
        #expect(throws: EncodingError.self) { try JSONValue.array([.number(value)]).serialized() }
    }
}

@Suite struct TimestampTextTests {
    /// Leap days, ends of centuries, both sides of 1970, the ends of what has four digits.
    private static let known: [(Int64, String)] = [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000Z"), (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
        (-2_203_891_200_000_000, "1900-03-01T00:00:00.000Z"), (1_795_281_600_123_999, "2026-11-21T17:20:00.123Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999Z"), (-62_135_596_800_000_000, "0001-01-01T00:00:00.000Z"),
    ]

    @Test(arguments: known) func isRFC3339(_ microseconds: Int64, _ text: String) {
        #expect(Timestamp(microseconds: microseconds).rfc3339 == text)
    }

    @Test func eachDayIsTheCalendars() {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        // Noon, where no rounding of a fraction of a second shows.
        for day in stride(from: Int64(-140_000), to: 200_000, by: 37) {
            let moment = Timestamp(microseconds: day * 86_400_000_000 + 43_200_000_000)
            #expect(moment.rfc3339 == moment.date.formatted(style))
        }
    }

    @Test func readsBack() {
        for microseconds in stride(from: Int64(1_795_281_600_000_000), to: 1_795_281_700_000_000, by: 7_001_000) {
            let moment = Timestamp(microseconds: microseconds)
            #expect(Timestamp(rfc3339: moment.rfc3339)?.rfc3339 == moment.rfc3339)
        }
    }
}
