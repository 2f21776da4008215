import Hummingbird

/// The address under which a request has reached this server, for what people copy out of a page.
struct HomeAddress: Sendable {
    /// Whether browsers come by TLS, this server's own or that of a proxy in front of it.
    let isSecure: Bool

    /// `https://panal.example.org`
    func text(of request: Request) -> String { text(authority: request.head.authority) }

    /// The host that a request named, where it is one; it stands in commands that people copy.
    func text(authority: String?) -> String {
        let letters = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]".utf8)
        let host = authority.flatMap { $0.utf8.allSatisfy(letters.contains) && !$0.isEmpty ? $0 : nil } ?? "localhost"
        return "\(isSecure ? "https" : "http")://\(host)"
    }
}
