/// What is known of a whole subtree, so that a search can pass over what cannot hold what it looks for.
protocol ForestSummary: Sendable {
    /// Of nothing.
    static var none: Self { get }
    mutating func join(_ other: Self)
}

/// Many ordered sets in one arena: each a binary search tree of its own (a treap) behind a `Root`, each node with a summary of
/// what is below it.
///
/// Insertion, removal, change of a summary and the summary of everything before a key cost O(log n) of one set's size. The shape
/// of a tree follows from its keys and the order of insertions alone, so that two runs over the same events are the same.
struct OrderedForest<Key: Comparable & Sendable, Summary: ForestSummary>: Sendable {
    /// One set of the forest.
    struct Root: Sendable {
        fileprivate var node: Int32 = -1
        var isEmpty: Bool { node < 0 }
    }

    private struct Node: Sendable {
        var key: Key
        var left: Int32 = -1
        var right: Int32 = -1
        var priority: UInt32
        var own: Summary
        var total: Summary
    }

    private var nodes: [Node] = []
    private var vacant: [Int32] = []
    private var seed: UInt64 = 0x9E37_79B9_7F4A_7C15

    init() {}

    /// Of the whole set.
    func total(_ root: Root) -> Summary { root.node < 0 ? .none : nodes[Int(root.node)].total }

    func first(_ root: Root) -> Key? {
        guard root.node >= 0 else { return nil }
        var at = root.node
        while nodes[Int(at)].left >= 0 { at = nodes[Int(at)].left }
        return nodes[Int(at)].key
    }

    func contains(_ key: Key, _ root: Root) -> Bool {
        var at = root.node
        while at >= 0 {
            let node = nodes[Int(at)]
            if node.key == key { return true }
            at = key < node.key ? node.left : node.right
        }
        return false
    }

    /// Of everything that stands before `key`, whether `key` itself is there or not.
    func total(before key: Key, _ root: Root) -> Summary {
        var sum = Summary.none
        var at = root.node
        while at >= 0 {
            if nodes[Int(at)].key < key {
                let left = nodes[Int(at)].left
                if left >= 0 { sum.join(nodes[Int(left)].total) }
                sum.join(nodes[Int(at)].own)
                at = nodes[Int(at)].right
            } else {
                at = nodes[Int(at)].left
            }
        }
        return sum
    }

    /// Of `key` and everything that stands after it, whether `key` itself is there or not.
    func total(from key: Key, _ root: Root) -> Summary {
        var sum = Summary.none
        var at = root.node
        while at >= 0 {
            if nodes[Int(at)].key < key {
                at = nodes[Int(at)].right
            } else {
                let right = nodes[Int(at)].right
                if right >= 0 { sum.join(nodes[Int(right)].total) }
                sum.join(nodes[Int(at)].own)
                at = nodes[Int(at)].left
            }
        }
        return sum
    }

    /// The key must not be there yet.
    mutating func insert(_ key: Key, _ own: Summary, into root: inout Root) {
        let node = Node(key: key, priority: nextPriority(), own: own, total: own)
        let index: Int32
        if let reused = vacant.popLast() {
            index = reused
            nodes[Int(reused)] = node
        } else {
            index = Int32(nodes.count)
            nodes.append(node)
        }
        root.node = inserted(index, below: root.node)
    }

    /// False when the key is not there.
    @discardableResult
    mutating func remove(_ key: Key, from root: inout Root) -> Bool {
        var isFound = false
        root.node = removed(key, below: root.node, &isFound)
        return isFound
    }

    /// Changes what is known of a key that is there.
    mutating func update(_ key: Key, to own: Summary, in root: Root) {
        _ = updated(key, own, below: root.node)
    }

    /// In ascending order, every key after `bound` that `visit` is to see: subtrees and keys whose summaries `may` refuses are
    /// passed over. Ends when `visit` answers something, which is then the answer, or when `budget` keys were looked at.
    func search<Found>(
        _ root: Root, after bound: Key? = nil, budget: inout Int, may: (Summary) -> Bool,
        visit: (Key, inout Int) -> Found?
    ) -> Found? {
        // By a stack of its own: with a recursive function each level would take what the closures hold anew. A node is there twice,
        // first for what is before it, then (negative, less one) for itself and what is after it.
        var path: [Int32] = root.node < 0 ? [] : [root.node]
        while budget > 0, let next = path.popLast() {
            let isPassed = next < 0
            let index = Int(isPassed ? -1 - next : next)
            if isPassed {
                if may(nodes[index].own), let found = visit(nodes[index].key, &budget) { return found }
                if nodes[index].right >= 0 { path.append(nodes[index].right) }
                continue
            }
            guard may(nodes[index].total) else { continue }
            budget -= 1
            if let bound, nodes[index].key <= bound {
                if nodes[index].right >= 0 { path.append(nodes[index].right) }
                continue
            }
            path.append(-1 - next)
            if nodes[index].left >= 0 { path.append(nodes[index].left) }
        }
        return nil
    }

    /// Every key, ascending.
    func forEach(_ root: Root, _ body: (Key) -> Void) {
        var path: [Int32] = []
        var at = root.node
        while at >= 0 || !path.isEmpty {
            while at >= 0 {
                path.append(at)
                at = nodes[Int(at)].left
            }
            at = path.removeLast()
            body(nodes[Int(at)].key)
            at = nodes[Int(at)].right
        }
    }
}

// MARK: - The trees

extension OrderedForest {
    /// xorshift64*: the same in every run.
    private mutating func nextPriority() -> UInt32 {
        seed ^= seed >> 12
        seed ^= seed << 25
        seed ^= seed >> 27
        return UInt32(truncatingIfNeeded: (seed &* 0x2545_F491_4F6C_DD1D) >> 32)
    }

    private mutating func refresh(_ at: Int32) {
        let (left, right) = (nodes[Int(at)].left, nodes[Int(at)].right)
        var total = nodes[Int(at)].own
        if left >= 0 { total.join(nodes[Int(left)].total) }
        if right >= 0 { total.join(nodes[Int(right)].total) }
        nodes[Int(at)].total = total
    }

    private mutating func inserted(_ new: Int32, below at: Int32) -> Int32 {
        guard at >= 0 else { return new }
        if nodes[Int(new)].priority > nodes[Int(at)].priority {
            let (left, right) = split(at, by: nodes[Int(new)].key)
            nodes[Int(new)].left = left
            nodes[Int(new)].right = right
            refresh(new)
            return new
        }
        if nodes[Int(new)].key < nodes[Int(at)].key {
            let child = inserted(new, below: nodes[Int(at)].left)
            nodes[Int(at)].left = child
        } else {
            let child = inserted(new, below: nodes[Int(at)].right)
            nodes[Int(at)].right = child
        }
        refresh(at)
        return at
    }

    /// What is before `key`, and what is not.
    private mutating func split(_ at: Int32, by key: Key) -> (Int32, Int32) {
        guard at >= 0 else { return (-1, -1) }
        if nodes[Int(at)].key < key {
            let (left, right) = split(nodes[Int(at)].right, by: key)
            nodes[Int(at)].right = left
            refresh(at)
            return (at, right)
        }
        let (left, right) = split(nodes[Int(at)].left, by: key)
        nodes[Int(at)].left = right
        refresh(at)
        return (left, at)
    }

    /// Every key of `left` is before every one of `right`.
    private mutating func merged(_ left: Int32, _ right: Int32) -> Int32 {
        guard left >= 0 else { return right }
        guard right >= 0 else { return left }
        if nodes[Int(left)].priority > nodes[Int(right)].priority {
            let child = merged(nodes[Int(left)].right, right)
            nodes[Int(left)].right = child
            refresh(left)
            return left
        }
        let child = merged(left, nodes[Int(right)].left)
        nodes[Int(right)].left = child
        refresh(right)
        return right
    }

    private mutating func removed(_ key: Key, below at: Int32, _ isFound: inout Bool) -> Int32 {
        guard at >= 0 else { return -1 }
        if nodes[Int(at)].key == key {
            isFound = true
            vacant.append(at)
            return merged(nodes[Int(at)].left, nodes[Int(at)].right)
        }
        if key < nodes[Int(at)].key {
            let child = removed(key, below: nodes[Int(at)].left, &isFound)
            nodes[Int(at)].left = child
        } else {
            let child = removed(key, below: nodes[Int(at)].right, &isFound)
            nodes[Int(at)].right = child
        }
        if isFound { refresh(at) }
        return at
    }

    private mutating func updated(_ key: Key, _ own: Summary, below at: Int32) -> Bool {
        guard at >= 0 else { return false }
        let isFound: Bool
        if nodes[Int(at)].key == key {
            nodes[Int(at)].own = own
            isFound = true
        } else {
            isFound = updated(key, own, below: key < nodes[Int(at)].key ? nodes[Int(at)].left : nodes[Int(at)].right)
        }
        if isFound { refresh(at) }
        return isFound
    }
}
