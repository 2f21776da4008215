package import FoundationEssentials
import PanalCore

/// The servers that this user has signed in to, with a key for each: the content of one file that only the user can read.
package struct ServerList: Hashable, Sendable, Codable {
    package struct Entry: Hashable, Sendable, Codable {
        package var url: String
        /// Who one is there.
        package var user: String
        package var key: String
        /// The key's name, to revoke it by.
        package var keyID: String
        /// Whether signing in made the key: then signing out revokes it.
        package var isOwnKey: Bool

        package init(url: String, user: String, key: String, keyID: String, isOwnKey: Bool) {
            self.url = url
            self.user = user
            self.key = key
            self.keyID = keyID
            self.isOwnKey = isOwnKey
        }
    }

    private var version = 1
    /// The server that is meant when none is named.
    package private(set) var current: String?
    package private(set) var servers: [String: Entry] = [:]

    package init() {}

    package mutating func add(_ entry: Entry, as name: String) {
        servers[name] = entry
        current = name
    }

    /// Forgets a server. When it was the current one, the only one that is left takes its place.
    package mutating func remove(_ name: String) -> Entry? {
        let entry = servers.removeValue(forKey: name)
        if current == name { current = servers.count == 1 ? servers.keys.first : nil }
        return entry
    }

    /// Replaces the secret of a server's key. Throws `local` when the server is not there.
    package mutating func renew(_ name: String, key: String) throws(ClientFailure) {
        guard servers[name] != nil else { throw unknown(name) }
        servers[name]?.key = key
    }

    /// Throws `local` with the names that there are.
    package mutating func use(_ name: String) throws(ClientFailure) {
        guard servers[name] != nil else { throw unknown(name) }
        current = name
    }

    package func unknown(_ name: String) -> ClientFailure {
        let names = servers.keys.sorted().joined(separator: ", ")
        return ClientFailure(
            .local,
            names.isEmpty
                ? "you are signed in to no server: panal login URL"
                : "you are signed in to no server ‘\(name)’; there are \(names)")
    }

    /// A name for a server that was given none: its host, and its port where that is no usual one.
    package static func name(of address: ServerAddress) -> String {
        let authority = address.text.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" }
        return String(authority)
    }

    /// Whether `text` can name a server: no address, no path, nothing that a terminal would obey.
    package static func isName(_ text: String) -> Bool {
        (1...100).contains(text.utf8.count) && !text.contains("/") && text.utf8.allSatisfy { (33...126).contains($0) }
            && text.first != "-"
    }
}

// MARK: - As bytes

extension ServerList {
    /// Throws `local` when the bytes are not such a list.
    package init(parsing data: Data, file: String) throws(ClientFailure) {
        do {
            self = try JSONDecoder().decode(ServerList.self, from: data)
        } catch {
            throw ClientFailure(.local, "\(file) cannot be understood; move it away and sign in again")
        }
        guard version == 1 else {
            throw ClientFailure(
                .local, "\(file) was written by a newer panal (version \(version)); this one reads version 1")
        }
    }

    package func serialized() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        return try encoder.encode(self) + Data([10])
    }
}
