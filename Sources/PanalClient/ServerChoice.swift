/// Which server a command talks to, and with which key.
///
/// A key is only ever sent to the server that it belongs to: PANAL_KEY to the address that was named beside it, a stored key to the
/// address that it was made at.
package struct ServerChoice: Hashable, Sendable {
    package var address: ServerAddress
    package var key: String
    /// The name in the user's list, nil when the key came from the environment.
    package var name: String?

    /// `option` is a name of the list or an address. Without one the environment's PANAL_URL is taken, else the list's current one. Throws
    /// `local` with what to do.
    package static func make(
        option: String?, environment: [String: String], list: ServerList
    ) throws(ClientFailure) -> ServerChoice {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let option {
            if let entry = list.servers[option] { return try stored(entry, as: option) }
            guard option.contains("://") else {
                throw ServerList.isName(option) && !list.servers.isEmpty
                    ? list.unknown(option)
                    : ClientFailure(
                        .local,
                        "‘\(option)’ is not an address of a server, such as \(ServerAddress.standard), and no server "
                            + "that you are signed in to; panal login URL signs in")
            }
            return try at(ServerAddress(option), key: variable("PANAL_KEY"), list: list)
        }
        if let url = variable("PANAL_URL") {
            return try at(ServerAddress(url), key: variable("PANAL_KEY"), list: list)
        }
        guard variable("PANAL_KEY") == nil else {
            throw ClientFailure(
                .local, "PANAL_KEY is set, but not which server it belongs to: set PANAL_URL too, or --server")
        }
        if let current = list.current, let entry = list.servers[current] { return try stored(entry, as: current) }
        throw ClientFailure(
            .local,
            list.servers.isEmpty
                ? "which server, and as whom? sign in with: panal login URL (or set PANAL_URL and PANAL_KEY)"
                : "which server? name one with --server, or choose one for good with: panal server use NAME; there are "
                    + list.servers.keys.sorted().joined(separator: ", "))
    }

    private static func at(
        _ address: ServerAddress, key: String?, list: ServerList
    ) throws(ClientFailure) -> ServerChoice {
        if let key { return ServerChoice(address: address, key: key) }
        let known = list.servers.filter { $0.value.url == address.text }.keys.sorted()
        guard let name = known.first(where: { $0 == list.current }) ?? known.first, let entry = list.servers[name]
        else {
            throw ClientFailure(
                .local, "a key for \(address) is needed: sign in with: panal login \(address) (or set PANAL_KEY)")
        }
        return ServerChoice(address: address, key: entry.key, name: name)
    }

    private static func stored(_ entry: ServerList.Entry, as name: String) throws(ClientFailure) -> ServerChoice {
        ServerChoice(address: try ServerAddress(entry.url), key: entry.key, name: name)
    }
}
