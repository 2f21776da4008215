/// The trace that a request belongs to, as W3C's Trace Context has it: the client's, or a new one.
package struct TraceContext: Hashable, Sendable {
    /// 32 and 16 hexadecimal digits.
    package let trace: String
    package let span: String
    package let flags: String
    /// Whether somebody else has begun it.
    package let isContinued: Bool

    /// That of the request which is being carried out; nil where nobody told one.
    @TaskLocal package static var current: TraceContext?

    /// A span of this server's in the trace of `header`; in a new one where the header is missing or wrong, as the standard has it.
    package init(continuing header: String?) {
        var generator = SystemRandomNumberGenerator()
        span = Self.hexadecimal(1, &generator)
        if let header, let (trace, flags) = Self.parse(header) {
            self.trace = trace
            self.flags = flags
            isContinued = true
        } else {
            trace = Self.hexadecimal(2, &generator)
            flags = "00"
            isContinued = false
        }
    }

    package var header: String { "00-\(trace)-\(span)-\(flags)" }

    private static func parse(_ header: String) -> (trace: String, flags: String)? {
        guard header.utf8.count <= 256 else { return nil }
        let parts = header.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 4, isHexadecimal(parts[0], 2), parts[0] != "ff", parts[0] != "00" || parts.count == 4,
            isHexadecimal(parts[1], 32), parts[1].contains(where: { $0 != "0" }),
            isHexadecimal(parts[2], 16), parts[2].contains(where: { $0 != "0" }), isHexadecimal(parts[3], 2)
        else { return nil }
        return (parts[1], parts[3])
    }

    private static func isHexadecimal(_ text: String, _ count: Int) -> Bool {
        text.utf8.count == count && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }

    /// Never zero, which stands for no trace.
    private static func hexadecimal(_ words: Int, _ generator: inout SystemRandomNumberGenerator) -> String {
        (0..<words).map { _ in
            let digits = String(UInt64.random(in: 1 ... .max, using: &generator), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
