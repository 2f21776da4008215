/// A pattern over paths: `*` any characters within one part, `?` one of them, `**` any parts. Everything else is meant
/// literally.
///
/// Matching takes time in proportion to pattern times path, whatever stands in either.
struct Glob {
    private enum Token: Hashable {
        case scalar(Unicode.Scalar)
        case one
        case withinPart
        case anything
        /// `**/`: no part, or any number of whole ones.
        case parts
    }

    private var tokens: [Token] = []

    init(_ pattern: String) {
        for scalar in pattern.unicodeScalars {
            switch scalar {
            case "*" where tokens.last == .withinPart: tokens[tokens.count - 1] = .anything
            case "*" where tokens.last == .anything: break
            case "*": tokens.append(.withinPart)
            case "?": tokens.append(.one)
            case "/" where tokens == [.anything] || tokens.suffix(2) == [.scalar("/"), .anything]:
                tokens[tokens.count - 1] = .parts
            default: tokens.append(.scalar(scalar))
            }
        }
    }

    /// Follows all ways through the pattern at once, one character of the path at a time.
    func matches(_ path: String) -> Bool {
        var reached: Set<Int> = [0]
        close(&reached)
        for scalar in path.unicodeScalars {
            var following: Set<Int> = []
            var inParts: Set<Int> = []
            for state in reached where state < tokens.count {
                switch tokens[state] {
                case .scalar(let wanted) where wanted == scalar: following.insert(state + 1)
                case .one where scalar != "/": following.insert(state + 1)
                case .withinPart where scalar != "/": following.insert(state)
                case .anything: following.insert(state)
                case .parts:
                    // Left only where a part ends: what stays inside is kept from `close`.
                    inParts.insert(state)
                    if scalar == "/" { following.insert(state + 1) }
                default: break
                }
            }
            close(&following)
            reached = following.union(inParts)
            if reached.isEmpty { return false }
        }
        return reached.contains(tokens.count)
    }

    /// Adds the states that are reached by letting stars match nothing.
    private func close(_ states: inout Set<Int>) {
        for start in states {
            var state = start
            while state < tokens.count, [.withinPart, .anything, .parts].contains(tokens[state]) {
                state += 1
                states.insert(state)
            }
        }
    }
}
