/// An amount of credit in whole millionths of a credit. Money never becomes a floating-point number here.
///
/// What one credit is worth outside Panal is the operator's agreement with the users; the examples take it for one euro.
package struct Credits: Hashable, Sendable, Codable {
    /// Millionths of a credit.
    package var micro: Int64

    package init(micro: Int64) {
        self.micro = micro
    }

    package static let zero = Credits(micro: 0)
    /// The most that one entry or one balance may come to, either way: 10¹² credits. Two of these can be added without overflow,
    /// and every balance is held to it.
    package static let largest = Credits(micro: 1_000_000_000_000_000_000)

    /// Whether it is from minus to plus ``largest``.
    package var isInRange: Bool { (-Self.largest.micro...Self.largest.micro).contains(micro) }

    package static let places = 6

    /// Reads `12`, `12.5` or `0.000001`: digits, and at most six places after a point. Throws what would be right.
    package init(parsing text: String) throws(QuantityMistake) {
        let halves = text.split(separator: ".", omittingEmptySubsequences: false)
        let isDigits = halves.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        guard halves.count <= 2, isDigits, let whole = halves.first else {
            throw QuantityMistake(detail: "‘\(text)’ is no amount of credit; write digits, such as 12 or 12.5")
        }
        let fraction = halves.count == 2 ? halves[1] : ""
        guard fraction.utf8.count <= Self.places else {
            throw QuantityMistake(
                detail: "‘\(text)’ is finer than a millionth of a credit; write at most six places after the point")
        }
        let padding = String(repeating: "0", count: Self.places - fraction.utf8.count)
        // The digits were looked at: only what is too long does not read.
        guard let micro = Int64(whole + fraction + padding), micro <= Self.largest.micro else {
            throw QuantityMistake(detail: "‘\(text)’ is more than \(Self.largest) credits")
        }
        self.micro = micro
    }
}

extension Credits: Comparable, CustomStringConvertible {
    package static func < (left: Self, right: Self) -> Bool { left.micro < right.micro }
    package static func + (left: Self, right: Self) -> Self { Self(micro: left.micro + right.micro) }
    package static func - (left: Self, right: Self) -> Self { Self(micro: left.micro - right.micro) }
    package static prefix func - (amount: Self) -> Self { Self(micro: -amount.micro) }

    /// As it is read back: `12.5`, `-0.000001`, `0`.
    package var description: String {
        let (whole, part) = micro.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
        let text = "\(micro < 0 ? "-" : "")\(whole)"
        guard part > 0 else { return text }
        var places = String(1_000_000 + part).utf8.dropFirst()
        while places.last == UInt8(ascii: "0") { places.removeLast() }
        return "\(text).\(Substring(places))"
    }

    /// With at least two places, as money is written: `12.50`, `0.000001`.
    package var asMoney: String {
        let text = description
        guard let point = text.firstIndex(of: ".") else { return text + ".00" }
        return text.distance(from: point, to: text.endIndex) == 2 ? text + "0" : text
    }
}
