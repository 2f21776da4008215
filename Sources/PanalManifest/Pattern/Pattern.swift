import PanalCore

/// A regular expression that a whole value has to match: I-Regexp (RFC 9485), the part that all languages agree on,
/// with `\d`, `\w`, `\s` of ASCII, JavaScript's white space, and `^` and `$` at its ends.
///
/// Matching follows all ways at once and takes time in proportion to steps times characters, whatever stands in either;
/// there is no look-around and no back reference.
package struct Pattern: Hashable, Sendable {
    /// Steps of a compiled pattern.
    package static let maximumSteps = 500
    /// Characters of its text.
    package static let maximumCharacters = 500

    /// Ranges of characters in all steps together.
    package static let maximumRanges = 1_000
    /// Characters of a value that is held against one: what a look costs is this times steps and ranges.
    package static let maximumValueCharacters = 4_096
    /// Characters of all values that a field is filled with, which are looked at whenever its manifest is read.
    static let maximumDefaultCharacters = 1_024

    /// As the author wrote it.
    package let source: String
    /// The same in the words that JSON Schema's, JavaScript's and Python's expressions share, without anchors.
    package let expression: String
    private let program: [PatternStep]

    /// Throws what is wrong, and at which character.
    init(_ source: String) throws(ValueMistake) {
        var parser = PatternParser(source)
        let node = try parser.parse()
        var compiler = PatternCompiler()
        try compiler.compile(node)
        let ranges = compiler.steps.reduce(0) { sum, step in
            if case .one(let set) = step { sum + set.ranges.count } else { sum }
        }
        guard ranges <= Self.maximumRanges else { throw ValueMistake(.patternManyRanges, .number(Self.maximumRanges)) }
        self.source = source
        expression = node.expression
        program = compiler.steps + [.end]
    }

    /// Its steps as ``Manifest/ruleDescription`` tells them.
    var stepDescription: JSONValue {
        .array(
            program.map { step in
                let numbers: [Int] =
                    switch step {
                    case .one(let set):
                        [set.isNegated ? 1 : 0] + set.ranges.flatMap { [Int($0.lowerBound), Int($0.upperBound)] }
                    case .either(let first, let second): [2, first, second]
                    case .jump(let place): [3, place]
                    case .end: [4]
                    }
                return .array(numbers.map { .integer($0) })
            })
    }

    package static func == (left: Pattern, right: Pattern) -> Bool { left.source == right.source }

    package func hash(into hasher: inout Hasher) { hasher.combine(source) }

    package func matches(_ text: String) -> Bool {
        var states = PatternStates(count: program.count)
        states.enter(0, program)
        for scalar in text.unicodeScalars {
            let reached = states.current
            states.clear()
            for place in reached {
                if case .one(let set) = program[place], set.contains(scalar) { states.enter(place + 1, program) }
            }
            if states.current.isEmpty { return false }
        }
        return states.current.contains(program.count - 1)
    }
}

/// One step of a compiled pattern.
enum PatternStep: Hashable, Sendable {
    case one(ScalarSet)
    /// Goes on at both places.
    case either(Int, Int)
    case jump(Int)
    case end
}

/// Places of the program that stand for a character, each once.
private struct PatternStates {
    private(set) var current: [Int] = []
    private var seen: [Int]
    private var round = 1
    private var open: [Int] = []

    init(count: Int) { seen = Array(repeating: 0, count: count) }

    mutating func clear() {
        current.removeAll(keepingCapacity: true)
        round += 1
    }

    /// Adds a place and what is reached from it without a character.
    mutating func enter(_ place: Int, _ program: [PatternStep]) {
        open.append(place)
        while let place = open.popLast() {
            guard seen[place] != round else { continue }
            seen[place] = round
            switch program[place] {
            case .jump(let next): open.append(next)
            case .either(let first, let second):
                open.append(second)
                open.append(first)
            case .one, .end: current.append(place)
            }
        }
    }
}

/// Characters that may stand at one place.
struct ScalarSet: Hashable, Sendable {
    var ranges: [ClosedRange<UInt32>]
    var isNegated = false

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar.value) } != isNegated
    }

    static let digits = ScalarSet(ranges: [0x30...0x39])
    static let word = ScalarSet(ranges: [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    /// As JavaScript has it.
    static let space = ScalarSet(ranges: [
        0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
        0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
    ])
    static let anyButLineEnd = ScalarSet(ranges: [0x0A...0x0A, 0x0D...0x0D], isNegated: true)

    /// What `\D` and the like mean inside a class.
    var complement: [ClosedRange<UInt32>] {
        var free: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { free.append(next...(range.lowerBound - 1)) }
            next = max(next, range.upperBound + 1)
        }
        if next <= 0x10FFFF { free.append(next...0x10FFFF) }
        return free
    }
}

/// A pattern taken apart.
indirect enum PatternNode: Hashable, Sendable {
    case empty
    case one(ScalarSet)
    case sequence([PatternNode])
    case either([PatternNode])
    /// `most` is nil for any number.
    case repeated(PatternNode, least: Int, most: Int?)
}

/// Makes steps of a pattern; counted repetitions are written out.
struct PatternCompiler {
    private(set) var steps: [PatternStep] = []
    /// Nodes that were looked at: what is empty makes no steps, however often it is repeated.
    private var visits = 0

    mutating func compile(_ node: PatternNode) throws(ValueMistake) {
        visits += 1
        guard steps.count < Pattern.maximumSteps, visits < 20 * Pattern.maximumSteps else {
            throw ValueMistake(.patternTooLarge, .number(Pattern.maximumSteps))
        }
        switch node {
        case .empty: break
        case .one(let set): steps.append(.one(set))
        case .sequence(let nodes): for node in nodes { try compile(node) }
        case .either(let nodes): try compileEither(nodes[...])
        case .repeated(let node, let least, let most):
            for _ in 0..<least { try compile(node) }
            guard let most else { return try compileAnyNumber(of: node) }
            var exits: [Int] = []
            for _ in least..<max(least, most) {
                exits.append(steps.count)
                steps.append(.end)
                try compile(node)
            }
            for exit in exits { steps[exit] = .either(exit + 1, steps.count) }
        }
    }

    private mutating func compileAnyNumber(of node: PatternNode) throws(ValueMistake) {
        let start = steps.count
        steps.append(.end)
        try compile(node)
        steps.append(.jump(start))
        steps[start] = .either(start + 1, steps.count)
    }

    private mutating func compileEither(_ nodes: ArraySlice<PatternNode>) throws(ValueMistake) {
        guard let first = nodes.first else { return }
        guard nodes.count > 1 else { return try compile(first) }
        let fork = steps.count
        steps.append(.end)
        try compile(first)
        let leave = steps.count
        steps.append(.end)
        steps[fork] = .either(fork + 1, steps.count)
        try compileEither(nodes.dropFirst())
        steps[leave] = .jump(steps.count)
    }
}
