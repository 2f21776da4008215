/// How long something took, counted into spans that grow by about a factor of two.
package struct Histogram: Hashable, Sendable {
    /// Upper ends in seconds; what took longer is in none of them.
    package static let bounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    /// By the first of `bounds` that is not exceeded.
    package private(set) var counts = [Int](repeating: 0, count: bounds.count)
    package private(set) var count = 0
    package private(set) var sum = Duration.zero

    package init() {}

    package mutating func add(_ span: Duration) {
        count += 1
        sum += span
        let seconds = span.inSeconds
        if let place = Self.bounds.firstIndex(where: { seconds <= $0 }) { counts[place] += 1 }
    }
}

/// What the store has done since it was opened, and how large it is.
package struct StoreFigures: Hashable, Sendable {
    /// Transactions that wrote, with the time until they were as durable as they have to be.
    package var transactions: Histogram
    package var failures: Int
    /// Bytes of the database with its log.
    package var databaseBytes: Int

    package init(transactions: Histogram, failures: Int, databaseBytes: Int) {
        self.transactions = transactions
        self.failures = failures
        self.databaseBytes = databaseBytes
    }
}

/// What the blob store holds.
package struct BlobFigures: Hashable, Sendable {
    package var count: Int
    package var bytes: Int
    /// What its disk has left for an ordinary user.
    package var freeBytes: Int

    package init(count: Int, bytes: Int, freeBytes: Int) {
        self.count = count
        self.bytes = bytes
        self.freeBytes = freeBytes
    }
}

/// What can be asked for its figures.
package protocol StoreMeter: Sendable {
    func figures() throws -> StoreFigures
}

/// Walks through what it holds: for now and then.
package protocol BlobMeter: Sendable {
    func figures() async throws -> BlobFigures
}
