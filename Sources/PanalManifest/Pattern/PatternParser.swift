/// Reads the text of a pattern.
struct PatternParser {
    private let scalars: [Unicode.Scalar]
    private var place = 0
    private var depth = 0

    init(_ source: String) { scalars = Array(source.unicodeScalars) }

    private var next: Unicode.Scalar? { place < scalars.count ? scalars[place] : nil }

    private func mistake(_ phrase: ManifestPhrase, _ values: Remark.Value..., at place: Int? = nil) -> ValueMistake {
        ValueMistake(
            .patternWrong, .number((place ?? self.place) + 1), .remark(Remark(phrase, all: values)))
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        place += 1
        return true
    }

    mutating func parse() throws(ValueMistake) -> PatternNode {
        // The whole value is matched anyway.
        _ = take("^")
        let node = try alternatives()
        _ = take("$")
        if let rest = next { throw mistake(.patternSyntax, .text(String(rest))) }
        return node
    }

    private mutating func alternatives() throws(ValueMistake) -> PatternNode {
        var nodes = [try sequence()]
        while take("|") { nodes.append(try sequence()) }
        return nodes.count == 1 ? nodes[0] : .either(nodes)
    }

    private mutating func sequence() throws(ValueMistake) -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            // `$` ends the pattern; anywhere else it is a mistake that `parse` names.
            if scalar == "$", depth == 0, place == scalars.count - 1 { break }
            nodes.append(try repetition(of: try atom()))
        }
        return nodes.isEmpty ? .empty : nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func repetition(of node: PatternNode) throws(ValueMistake) -> PatternNode {
        switch next {
        case "*": place += 1; return try single(.repeated(node, least: 0, most: nil))
        case "+": place += 1; return try single(.repeated(node, least: 1, most: nil))
        case "?": place += 1; return try single(.repeated(node, least: 0, most: 1))
        case "{":
            let start = place
            place += 1
            guard let least = number() else { throw mistake(.patternRepetition, at: start) }
            var most: Int? = least
            if take(",") { most = number() }
            guard take("}"), most ?? least >= least else { throw mistake(.patternRepetition, at: start) }
            return try single(.repeated(node, least: least, most: most))
        default: return node
        }
    }

    /// A repetition of a repetition is a lazy or possessive one elsewhere, and means nothing here.
    private func single(_ node: PatternNode) throws(ValueMistake) -> PatternNode {
        if let scalar = next, "*+?{".unicodeScalars.contains(scalar) {
            throw mistake(.patternNothingToRepeat, .text(String(scalar)))
        }
        return node
    }

    /// 0 to 1000.
    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = next, (0x30...0x39).contains(scalar.value), (value ?? 0) <= 1_000 {
            value = (value ?? 0) * 10 + Int(scalar.value - 0x30)
            place += 1
        }
        return value.flatMap { $0 <= 1_000 ? $0 : nil }
    }

    private mutating func atom() throws(ValueMistake) -> PatternNode {
        let start = place
        guard let scalar = next else { return .empty }
        place += 1
        switch scalar {
        case ".": return .one(.anyButLineEnd)
        case "[": return .one(try characterClass(start))
        case "(":
            if take("?"), !take(":") { throw mistake(.patternUnsupported, at: start) }
            depth += 1
            guard depth <= 50 else { throw mistake(.patternTooLarge, .number(Pattern.maximumSteps), at: start) }
            let node = try alternatives()
            depth -= 1
            guard take(")") else { throw mistake(.patternOpenGroup, at: start) }
            return node
        case "*", "+", "?", "{": throw mistake(.patternNothingToRepeat, .text(String(scalar)), at: start)
        case "^", "$", ")", "]", "}": throw mistake(.patternSyntax, .text(String(scalar)), at: start)
        case "\\": return .one(try escape(start))
        default: return .one(ScalarSet(ranges: [scalar.value...scalar.value]))
        }
    }

    private mutating func escape(_ start: Int) throws(ValueMistake) -> ScalarSet {
        guard let scalar = next else { throw mistake(.patternEscape, .nothing, at: start) }
        place += 1
        switch scalar {
        case "d": return .digits
        case "w": return .word
        case "s": return .space
        case "D": return ScalarSet(ranges: ScalarSet.digits.ranges, isNegated: true)
        case "W": return ScalarSet(ranges: ScalarSet.word.ranges, isNegated: true)
        case "S": return ScalarSet(ranges: ScalarSet.space.ranges, isNegated: true)
        case "n": return ScalarSet(ranges: [0x0A...0x0A])
        case "r": return ScalarSet(ranges: [0x0D...0x0D])
        case "t": return ScalarSet(ranges: [0x09...0x09])
        case "1"..."9", "k", "b", "B": throw mistake(.patternUnsupported, at: start)
        case _ where scalar.isASCII && !scalar.properties.isAlphabetic && scalar != "0":
            return ScalarSet(ranges: [scalar.value...scalar.value])
        default: throw mistake(.patternEscape, .text(String(scalar)), at: start)
        }
    }

    private mutating func characterClass(_ start: Int) throws(ValueMistake) -> ScalarSet {
        var set = ScalarSet(ranges: [], isNegated: take("^"))
        while true {
            guard let scalar = next else { throw mistake(.patternOpenClass, at: start) }
            if take("]") { break }
            let first = place
            let low = try member(scalar)
            guard next == "-", place + 1 < scalars.count, scalars[place + 1] != "]" else {
                set.ranges += low.isNegated ? low.complement : low.ranges
                continue
            }
            place += 1
            let high = try member(scalars[place])
            guard low.ranges.count == 1, high.ranges.count == 1, !low.isNegated, !high.isNegated,
                low.ranges[0].count == 1, high.ranges[0].count == 1,
                low.ranges[0].lowerBound <= high.ranges[0].lowerBound
            else { throw mistake(.patternRange, at: first) }
            set.ranges.append(low.ranges[0].lowerBound...high.ranges[0].lowerBound)
        }
        set.ranges = set.ranges.enumerated().filter { !set.ranges[..<$0].contains($1) }.map(\.element)
        guard !set.ranges.isEmpty else { throw mistake(.patternEmptyClass, at: start) }
        return set
    }

    private mutating func member(_ scalar: Unicode.Scalar) throws(ValueMistake) -> ScalarSet {
        let start = place
        place += 1
        if scalar == "\\" { return try escape(start) }
        if scalar == "[" { throw mistake(.patternSyntax, "[", at: start) }
        return ScalarSet(ranges: [scalar.value...scalar.value])
    }
}

// MARK: - Out again

extension PatternNode {
    /// The pattern in the words that JSON Schema's, JavaScript's (with the flags `u` and `v`) and Python's expressions
    /// share: classes are written out, groups do not capture.
    var expression: String {
        switch self {
        case .empty: return "(?:)"
        case .one(let set): return set.expression
        case .sequence(let nodes):
            return nodes.map { if case .either = $0 { "(?:\($0.expression))" } else { $0.expression } }.joined()
        case .either(let nodes): return nodes.map(\.expression).joined(separator: "|")
        case .repeated(let node, let least, let most):
            let inner: String
            if case .one = node { inner = node.expression } else { inner = "(?:\(node.expression))" }
            switch (least, most) {
            case (0, nil): return inner + "*"
            case (1, nil): return inner + "+"
            case (0, 1): return inner + "?"
            case (let least, nil): return inner + "{\(least),}"
            case (let least, let most?): return inner + (least == most ? "{\(least)}" : "{\(least),\(most)}")
            }
        }
    }
}

extension ScalarSet {
    fileprivate var expression: String {
        if !isNegated, ranges.count == 1, ranges[0].count == 1 { return Self.written(ranges[0].lowerBound) }
        let members = ranges.map { range -> String in
            let (low, high) = (Self.written(range.lowerBound, "-"), Self.written(range.upperBound, "-"))
            return range.count == 1 ? low : "\(low)-\(high)"
        }
        return "[\(isNegated ? "^" : "")\(members.joined())]"
    }

    /// One character, escaped where any of the languages would take it for a sign.
    private static func written(_ value: UInt32, _ more: String = "") -> String {
        guard let scalar = Unicode.Scalar(value) else { return "" }
        if value < 0x20 || (0x7F...0xA0).contains(value) || (0x2000...0x206F).contains(value) || value == 0xFEFF {
            let digits = String(value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
        return (("^$\\.*+?()[]{}|/" + more).unicodeScalars.contains(scalar) ? "\\" : "") + String(scalar)
    }
}
