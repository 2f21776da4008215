import PanalCore

/// Content that is there for the time being: a publication's, until its tests have ended. Equal content is stored once, so what one lets
/// go of may be another's.
struct Holds {
    private struct Hold {
        var holders: Int
        /// It was there before, or somebody has stored the same to stay.
        var isKept: Bool
    }

    private var held: [ContentHash: Hold] = [:]

    func holds(_ content: ContentHash) -> Bool { held[content] != nil }

    /// Whether one holds it and nobody else wants it.
    func isOnlyHeld(_ content: ContentHash) -> Bool { held[content].map { $0.holders == 1 && !$0.isKept } ?? false }

    mutating func notePlaced(_ content: ContentHash, isHeld: Bool, wasThere: Bool) {
        if isHeld {
            held[content, default: Hold(holders: 0, isKept: wasThere)].holders += 1
        } else {
            held[content]?.isKept = true
        }
    }

    /// Answers whether it is to be removed: nobody holds it any more, and nobody wants it.
    mutating func release(_ content: ContentHash, isKept: Bool) -> Bool {
        guard var hold = held[content] else { return false }
        hold.holders -= 1
        hold.isKept = hold.isKept || isKept
        held[content] = hold.holders > 0 ? hold : nil
        return hold.holders == 0 && !hold.isKept
    }
}
