/// The word that somebody probably meant.
enum Nearest {
    /// The candidate with the fewest letters changed, when they are few enough for a slip of the finger.
    static func to(_ word: String, among candidates: [String]) -> String? {
        let word = Array(word.lowercased().unicodeScalars.prefix(64))
        let best = candidates.map { (name: $0, distance: distance(word, Array($0.lowercased().unicodeScalars))) }
            .min { $0.distance < $1.distance }
        guard let best, best.distance <= max(1, word.count / 3) else { return nil }
        return best.name
    }

    /// Changes, gaps, additions and swaps of neighbours (optimal string alignment).
    private static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        var before: [Int] = []
        var above = Array(0...right.count)
        for i in left.indices {
            var row = [i + 1]
            for j in right.indices {
                var cost = min(above[j] + (left[i] == right[j] ? 0 : 1), row[j] + 1, above[j + 1] + 1)
                let isSwap = i > 0 && j > 0 && left[i] == right[j - 1] && left[i - 1] == right[j]
                if isSwap { cost = min(cost, before[j - 1] + 1) }
                row.append(cost)
            }
            before = above
            above = row
        }
        return above[right.count]
    }
}
