/// Where a server is: `http://127.0.0.1:8080`, `https://panal.example`, with a path before the interface's own where a proxy has one.
package struct ServerAddress: Hashable, Sendable, CustomStringConvertible {
    /// Without a slash at its end.
    package let text: String
    package let isEncrypted: Bool
    /// Lower case, without the port.
    package let host: String

    /// Where `panal serve` listens when nothing else is set.
    package static let standard = "http://127.0.0.1:8080"

    /// Throws `local` with what would be right.
    package init(_ given: String) throws(ClientFailure) {
        let scheme = ["http://", "https://"].first { given.lowercased().hasPrefix($0) }
        guard let scheme else { throw Self.mistake(given) }
        var rest = given.dropFirst(scheme.count)
        while rest.last == "/" { rest.removeLast() }
        let authority = rest.prefix { $0 != "/" }
        guard !authority.contains("@") else {
            throw ClientFailure(
                .local, "no name and no password in an address: every user of this machine can see them")
        }
        guard let (host, port) = Self.split(authority), !rest.contains(where: { $0 == "?" || $0 == "#" }),
            rest.utf8.allSatisfy({ (33...126).contains($0) }), !host.isEmpty,
            port.isEmpty || UInt16(port).map({ $0 > 0 }) == true
        else { throw Self.mistake(given) }
        text = scheme + rest
        isEncrypted = scheme == "https://"
        self.host = host.lowercased()
    }

    private static func split(_ authority: Substring) -> (host: String, port: String)? {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let rest = authority[authority.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            return (String(authority[...end]), String(rest.dropFirst()))
        }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard let host = parts.first, parts.count <= 2 else { return nil }
        return (String(host), parts.count == 2 ? String(parts[1]) : "")
    }

    private static func mistake(_ given: String) -> ClientFailure {
        ClientFailure(
            .local, "‘\(given)’ is not an address of a server; write \(standard) or https://panal.example")
    }

    /// Whether what is sent stays on this machine.
    package var isLoopback: Bool {
        host == "localhost" || host == "[::1]" || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == 46 || $0 < 58 }
    }

    package var description: String { text }
}
