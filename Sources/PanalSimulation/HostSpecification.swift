import PanalCore
package import PanalScheduler

/// Equal hosts of a simulated machine: `120x2:4GiB@rack` is 120 hosts with 2 cores and 4 GiB each in the pool ‘rack’.
package struct HostSpecification: Hashable, Sendable {
    package var count: Int
    /// Of each host.
    package var cores: Int
    /// Bytes of each host; nil when memory is no matter.
    package var memory: Int?
    package var pool: String

    /// What a host has of which memory is no matter.
    package static let boundless = 1 << 60

    package init(count: Int, cores: Int, memory: Int? = nil, pool: String = "local") {
        self.count = count
        self.cores = cores
        self.memory = memory
        self.pool = pool
    }

    /// Why a text names no hosts, and what would be right.
    package struct Mistake: Error, Hashable, Sendable {
        package var detail: String
    }

    private static let example = "write HOSTSxCORES, such as 120x2, 120x2:4GiB or 120x2:4GiB@pool"

    package init(parsing text: String) throws(Mistake) {
        var rest = Substring(text)
        pool = "local"
        if let at = rest.firstIndex(of: "@") {
            pool = String(rest[rest.index(after: at)...])
            rest = rest[..<at]
            guard !pool.isEmpty else { throw Mistake(detail: "‘\(text)’ has no name behind the @") }
        }
        if let colon = rest.firstIndex(of: ":") {
            do throws(QuantityMistake) {
                memory = try Quantity.bytes(String(rest[rest.index(after: colon)...]))
            } catch {
                throw Mistake(detail: "‘\(text)’: \(error.detail)")
            }
            guard let memory, memory >= 1 else { throw Mistake(detail: "‘\(text)’: a host needs memory") }
            rest = rest[..<colon]
        }
        let parts = rest.split(separator: "x", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Int(parts[0]), let cores = Int(parts[1]) else {
            throw Mistake(detail: "‘\(text)’ names no hosts; \(Self.example)")
        }
        guard (1...1_000_000).contains(count), (1...4_096).contains(cores), count * cores <= 10_000_000 else {
            throw Mistake(
                detail: "‘\(text)’: from 1 to 1000000 hosts with 1 to 4096 cores each, at most 10000000 cores in all")
        }
        self.count = count
        self.cores = cores
    }

    /// Several, with commas between them or a line each; what stands behind a `#` is a comment.
    package static func hosts(parsing text: String) throws(Mistake) -> [HostDescription] {
        var hosts: [HostDescription] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let code = line.prefix { $0 != "#" }
            for word in code.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
                let specification = try HostSpecification(parsing: String(word))
                if let other = hosts.first, (other.memory == boundless) != (specification.memory == nil) {
                    throw Mistake(detail: "‘\(word)’: give the memory of all hosts, or of none")
                }
                hosts += specification.hosts(from: hosts.count)
            }
        }
        guard !hosts.isEmpty else { throw Mistake(detail: "there are no hosts; \(example)") }
        guard Set(hosts.map(\.pool)).count <= 64 else { throw Mistake(detail: "at most 64 pools") }
        return hosts
    }

    /// Numbered from `first`, with names that sort as the numbers do.
    package func hosts(from first: Int) -> [HostDescription] {
        (first..<(first + count)).map { number in
            let digits = String(number)
            return HostDescription(
                name: "host" + String(repeating: "0", count: max(0, 7 - digits.count)) + digits, pool: pool,
                cores: (0..<cores).map { CoreDescription(threads: [$0]) }, memory: memory ?? Self.boundless,
                opportunisticMemory: memory ?? Self.boundless)
        }
    }
}
