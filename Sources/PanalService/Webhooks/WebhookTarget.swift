import FoundationEssentials
import Glibc
package import PanalCore

/// The address of a receiver, taken apart so strictly that no two readers can see different hosts in it.
package struct WebhookTarget: Hashable, Sendable {
    package let isSecure: Bool
    /// In small letters: a name, or an address; one of version 6 without brackets.
    package let host: String
    package let port: Int
    /// With its query, beginning with `/`.
    package let path: String

    static let longest = 2_048

    /// Throws `ServiceError.invalid` at `pointer`, with what would be right.
    package init(_ text: String, pointer: String = "/url") throws(ServiceError) {
        func wrong(_ detail: String) -> ServiceError { ServiceError(.invalid, mistake: pointer, detail) }
        guard text.utf8.count <= Self.longest, text.utf8.allSatisfy({ (33...126).contains($0) && $0 != 92 }) else {
            throw wrong("an address has at most \(Self.longest) printable ASCII characters, and no spaces or \\")
        }
        var rest = text[...]
        let scheme = rest.prefix { $0 != ":" }.lowercased()
        guard scheme == "https" || scheme == "http", rest.dropFirst(scheme.utf8.count).hasPrefix("://") else {
            throw wrong("an address begins with https:// or http://")
        }
        isSecure = scheme == "https"
        rest = rest.dropFirst(scheme.utf8.count + 3)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        rest = rest.dropFirst(authority.count)
        guard !authority.contains("@") else { throw wrong("an address has no user name and no password in it") }
        guard !rest.contains("#") else { throw wrong("an address for a server has no part behind #") }
        guard let (host, port) = Self.split(authority), Self.isWhole(host) else {
            throw wrong("‘\(authority)’ is no host")
        }
        self.host = host
        self.port = port ?? (isSecure ? 443 : 80)
        // Below 1024 other services listen, which take what is sent for something else.
        guard self.port == 80 || self.port == 443 || self.port >= 1_024 else {
            throw wrong("the port is 80, 443, or 1024 and above")
        }
        path = rest.isEmpty ? "/" : rest.hasPrefix("/") ? String(rest) : "/\(rest)"
    }

    /// The address that stands in place of a name, in every spelling that the operating system takes for one: `127.1`, `0x7f000001`,
    /// `2130706433`, `0177.0.0.1`.
    package var literal: NetworkAddress? { Self.literal(host) }

    /// Whether the host means the machine that asks, wherever it is looked up (RFC 6761 §6.3).
    package var isThisMachine: Bool {
        let name = Self.withoutEnd(host)
        return name == "localhost" || name.hasSuffix(".localhost")
    }

    private static func literal(_ host: String) -> NetworkAddress? {
        let name = withoutEnd(host)
        if let usual = NetworkAddress(name) { return usual }
        var four = in_addr()
        guard unsafe inet_aton(name, &four) == 1 else { return nil }
        return NetworkAddress(bytes: unsafe withUnsafeBytes(of: &four) { unsafe Array($0) })
    }

    /// A name may end with a point, which changes nothing.
    private static func withoutEnd(_ host: String) -> String { host.hasSuffix(".") ? String(host.dropLast()) : host }

    /// A host that ends in a number is an address or nothing: readers do not agree on any other.
    private static func isWhole(_ host: String) -> Bool {
        let last = withoutEnd(host).split(separator: ".").last ?? ""
        let isNumber =
            last.utf8.allSatisfy { (48...57).contains($0) }
            || (last.hasPrefix("0x") && last.dropFirst(2).allSatisfy(\.isHexDigit))
        return !isNumber || literal(host) != nil
    }

    /// As an HTTP client wants it.
    package var url: String {
        let shown = host.contains(":") ? "[\(host)]" : host
        return "\(isSecure ? "https" : "http")://\(shown):\(port)\(path)"
    }

    private static func split(_ authority: Substring) -> (host: String, port: Int?)? {
        var host = authority[...]
        var port: Int?
        func number(_ text: Substring) -> Int? {
            guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
                let port = Int(text),
                (1...65_535).contains(port)
            else { return nil }
            return port
        }
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return nil }
            let behind = host[host.index(after: end)...]
            if !behind.isEmpty {
                guard behind.hasPrefix(":"), let given = number(behind.dropFirst()) else { return nil }
                port = given
            }
            host = host[host.index(after: host.startIndex)..<end]
            guard NetworkAddress(String(host)) != nil, host.contains(":") else { return nil }
            return (host.lowercased(), port)
        }
        if let colon = host.firstIndex(of: ":") {
            guard let given = number(host[host.index(after: colon)...]) else { return nil }
            port = given
            host = host[..<colon]
        }
        let name = host.lowercased()
        let isName = name.utf8.allSatisfy {
            (97...122).contains($0) || (48...57).contains($0) || $0 == 45 || $0 == 46 || $0 == 95
        }
        guard isName, (1...253).contains(name.utf8.count), !name.contains(".."), !name.hasPrefix(".") else {
            return nil
        }
        return (name, port)
    }
}
