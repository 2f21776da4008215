import Glibc

/// An address of the internet protocol, 4 or 16 bytes; a version 4 address that is written as one of version 6 is the former.
package struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    /// `bytes` in network order; nil for any other number than 4 or 16.
    package init?(bytes: [UInt8]) {
        let isMapped =
            bytes.count == 16 && bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 255 && bytes[11] == 255
        let plain = isMapped ? Array(bytes.suffix(4)) : bytes
        guard plain.count == 4 || plain.count == 16 else { return nil }
        self.bytes = plain
    }

    /// In the usual notation (RFC 4291 §2.2, dotted decimal), nothing else.
    package init?(_ text: String) {
        var four = in_addr()
        var six = in6_addr()
        if unsafe inet_pton(AF_INET, text, &four) == 1 {
            self.init(bytes: unsafe withUnsafeBytes(of: &four) { unsafe Array($0) })
        } else if unsafe inet_pton(AF_INET6, text, &six) == 1 {
            self.init(bytes: unsafe withUnsafeBytes(of: &six) { unsafe Array($0) })
        } else {
            return nil
        }
    }

    package var description: String {
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        return stride(from: 0, to: 16, by: 2).map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
            .joined(separator: ":")
    }
}

/// Addresses that begin with the same bits.
package struct Network: Hashable, Sendable, CustomStringConvertible {
    package let address: NetworkAddress
    package let length: Int

    /// `10.0.0.0/8`; one address alone without a length. Nil for anything else.
    package init?(_ text: String) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(halves.count), let address = NetworkAddress(String(halves[0])) else { return nil }
        let longest = address.bytes.count * 8
        let length = halves.count == 2 ? Int(halves[1]) : longest
        guard let length, (0...longest).contains(length) else { return nil }
        self.address = address
        self.length = length
    }

    package func contains(_ other: NetworkAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        return (0..<length).allSatisfy { bit in
            let mask = UInt8(0x80) >> (bit % 8)
            return address.bytes[bit / 8] & mask == other.bytes[bit / 8] & mask
        }
    }

    package var description: String { "\(address)/\(length)" }
}

/// Where webhooks may go. Whoever gives an address chooses where this server connects to, from inside the operator's network: only what
/// is anybody's on the internet is allowed, but for networks that the operator names.
package struct WebhookPolicy: Hashable, Sendable {
    package var allowed: [Network]

    package init(allowed: [Network] = []) {
        self.allowed = allowed
    }

    /// Why nothing is sent to `address`; nil when it may be.
    package func refusal(of address: NetworkAddress) -> String? {
        if allowed.contains(where: { $0.contains(address) }) { return nil }
        if address.bytes.count == 4 {
            guard let network = Self.special.first(where: { $0.contains(address) }) else { return nil }
            return "\(address) is not on the public internet (\(network))"
        }
        // Of version 6 only 2000::/3 is given out at all, and some of it leads back into version 4 or nowhere.
        guard let global = Self.global, global.contains(address) else {
            return "\(address) is not on the public internet"
        }
        return Self.special.first { $0.contains(address) }.map { "\(address) is not on the public internet (\($0))" }
    }

    /// Why nothing would be sent to `target`, as far as that is known without asking a name server; nil where it may be sent, or where only
    /// the moment of sending tells.
    package func refusal(of target: WebhookTarget) -> String? {
        if let literal = target.literal { return refusal(of: literal) }
        guard target.isThisMachine, Self.loopback.allSatisfy({ refusal(of: $0) != nil }) else { return nil }
        return "‘\(target.host)’ is this machine itself, not on the public internet"
    }

    private static let loopback = ["127.0.0.1", "::1"].compactMap { NetworkAddress($0) }

    private static let global = Network("2000::/3")

    /// IANA's special-purpose registries (RFC 6890), multicast, and a cloud's metadata service that has a public address.
    private static let special = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    ].compactMap(Network.init)
}
