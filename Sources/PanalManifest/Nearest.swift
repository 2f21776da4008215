/// The word that somebody probably meant.
package enum Nearest {
    /// The candidate with the fewest letters changed, when they are few enough for a slip of the finger.
    package static func to(_ word: String, among candidates: [String]) -> String? {
        let word = Array(word.lowercased().unicodeScalars.prefix(64))
        let limit = max(1, word.count / 3)
        let best = candidates.compactMap { name -> (name: String, distance: Int)? in
            let letters = Array(name.lowercased().unicodeScalars.prefix(128))
            // Each letter more or less is a change of its own.
            guard abs(letters.count - word.count) <= limit else { return nil }
            return (name, distance(word, letters, limit: limit))
        }
        .min { $0.distance < $1.distance }
        guard let best, best.distance <= limit else { return nil }
        return best.name
    }

    /// Changes, gaps, additions and swaps of neighbours (optimal string alignment).
    /// Once no way is within `limit` any more, a number above it.
    private static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar], limit: Int) -> Int {
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
            // A swap reaches over one row.
            if row.allSatisfy({ $0 > limit }), above.allSatisfy({ $0 > limit }) { return limit + 1 }
            before = above
            above = row
        }
        return above[right.count]
    }
}
