/// Sizes and spans as people write them in profiles and manifests: `64MiB`, `1.5 GiB`, `10min`, `500 ms`.
package enum Quantity {
    private static let byteUnits: [(name: String, factor: Int)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
    ]
    private static let spanUnits: [(name: String, milliseconds: Int)] = [
        ("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Bytes of a size such as `512MiB`; without a unit the number counts bytes. Throws what would be right.
    package static func bytes(_ text: String) throws(QuantityMistake) -> Int {
        let (number, unit) = split(text)
        if unit.isEmpty || unit == "B" || unit == "bytes" {
            guard let bytes = Int(number), bytes >= 0 else {
                throw QuantityMistake(detail: "‘\(text)’ is no size; write a number and KiB, MiB, GiB or TiB")
            }
            return bytes
        }
        guard let factor = byteUnits.first(where: { $0.name == unit })?.factor else {
            let near = byteUnits.first { $0.name.prefix(1).lowercased() == unit.prefix(1).lowercased() }
            let right = near.map { "write \(number)\($0.name)" } ?? "units are KiB, MiB, GiB and TiB"
            throw QuantityMistake(detail: "‘\(text)’ has no unit of size that Panal knows; \(right)")
        }
        guard let bytes = scaled(number, by: factor) else {
            throw QuantityMistake(detail: "‘\(text)’ is no size; write a number and KiB, MiB, GiB or TiB")
        }
        return bytes
    }

    /// Bytes in each second of a rate such as `50MiB/s`. Throws what would be right.
    package static func bytesPerSecond(_ text: String) throws(QuantityMistake) -> Int {
        let size = text.hasSuffix("/s") ? text.dropLast(2) : text[...]
        let bytes = try bytes(String(size))
        guard size.count < text.count else {
            throw QuantityMistake(detail: "‘\(text)’ is a size, not a rate; write \(text)/s for so much in each second")
        }
        return bytes
    }

    /// A span such as `10min`; a unit is needed. Whole milliseconds. Throws what would be right.
    package static func duration(_ text: String) throws(QuantityMistake) -> Duration {
        let (number, unit) = split(text)
        if unit.isEmpty, Int(number) != nil {
            throw QuantityMistake(detail: "‘\(text)’ has no unit; write \(number)s for seconds, or ms, min, h, d")
        }
        guard let factor = spanUnits.first(where: { $0.name == unit })?.milliseconds,
            let milliseconds = scaled(number, by: factor)
        else {
            throw QuantityMistake(detail: "‘\(text)’ is no span of time; write a number and ms, s, min, h or d")
        }
        return .milliseconds(milliseconds)
    }

    /// The span as `duration(_:)` reads it, in its largest whole unit: `10min`, `90s`.
    package static func text(_ span: Duration) -> String {
        let milliseconds = span.wholeMicroseconds / 1_000
        for (name, factor) in spanUnits.reversed() where milliseconds % Int64(factor) == 0 && milliseconds != 0 {
            return "\(milliseconds / Int64(factor))\(name)"
        }
        return "0s"
    }

    private static func split(_ text: String) -> (number: String, unit: String) {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == "-") }
        var unit = text[number.endIndex...]
        while unit.first == " " { unit.removeFirst() }
        return (String(number), String(unit))
    }

    /// A decimal number times `factor`, nil when it is none, negative, or too large.
    private static func scaled(_ number: String, by factor: Int) -> Int? {
        if let whole = Int(number) {
            let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
            return overflow || whole < 0 ? nil : product
        }
        guard let value = Double(number), value >= 0 else { return nil }
        return Int(exactly: (value * Double(factor)).rounded())
    }
}

/// Why a text is no quantity, and what would be right.
package struct QuantityMistake: Error, Hashable, Sendable {
    package var detail: String

    package init(detail: String) {
        self.detail = detail
    }
}
