/// Why a request of the command line came to nothing.
package struct ClientFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// The server understood and said no: its HTTP status, 400 to 499.
        case refused(status: Int)
        /// The server cannot do it now, but perhaps later: 429, and 500 to 599.
        case later(status: Int)
        /// Nobody answers, or the connection was lost and did not come back.
        case unreachable
        /// What answers is no Panal server, or one that this client does not understand.
        case misunderstood
        /// Something on this side: a file, a setting, a key that is missing.
        case local
    }

    package var kind: Kind
    package var description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// An answer that has not the form of the server's documents.
    package static func notUnderstood(_ what: String) -> ClientFailure {
        ClientFailure(.misunderstood, "the server's answer is not understood: \(what)")
    }
}
