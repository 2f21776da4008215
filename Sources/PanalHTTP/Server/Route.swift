package import HTTPTypes
import Hummingbird
package import PanalCore

/// One row of the table of everything that can be asked for. The router is built from it, and so are the OpenAPI document and the test
/// of who may what.
package struct Route: Sendable {
    package enum Access: String, Hashable, Sendable {
        /// Everybody.
        case open
        /// The programming interface, for everybody; who sends a key or has a session is known by it.
        case openInterface
        /// A page: whoever is signed in. Strangers are sent to the sign-in page.
        case page
        case administratorPage
        /// The programming interface: a key, or a session with the token of its forms. Strangers get 401.
        case interface
        case administratorInterface

        var isPage: Bool { self == .page || self == .administratorPage }
        var isForAdministrators: Bool { self == .administratorPage || self == .administratorInterface }
        package var isInterface: Bool {
            self == .interface || self == .administratorInterface || self == .openInterface
        }
    }

    typealias Handler = @Sendable (Request, WebContext) async throws -> Response

    package let method: HTTPRequest.Method
    /// As Hummingbird's router writes it: `/jobs/{id}/files/**`.
    package let path: String
    package let access: Access
    /// What the OpenAPI document says of it; each route of the interface has one.
    package private(set) var operation: Operation?
    let handler: Handler

    init(_ method: HTTPRequest.Method, _ path: String, _ access: Access, _ handler: @escaping Handler) {
        self.method = method
        self.path = path
        self.access = access
        self.handler = handler
    }

    /// The route with its description. `id` is the operation's name for generated clients, unique on this server.
    func described(
        _ id: String, _ tag: Operation.Tag, _ summary: String, _ parts: OperationPart...
    ) -> Route {
        var operation = Operation(id: id, tag: tag, summary: summary)
        for part in parts { part.add(&operation) }
        var route = self
        route.operation = operation
        return route
    }

    /// What a key must be good for to come through here; nil where no key is needed. Where nothing is said, reading is `read`, and a
    /// change is what its address says: of jobs, of programs, else of the account.
    package var scope: KeyScope? {
        if let scope = operation?.scope { return scope }
        switch access {
        case .open, .openInterface, .page, .administratorPage: return nil
        case .administratorInterface: return .administration
        case .interface:
            if method == .get || method == .head { return .read }
            let parts = path.split(separator: "/")
            if parts.contains("jobs") { return .jobs }
            return parts.contains("programs") ? .programs : .account
        }
    }
}

extension Route {
    /// Whether strangers' requests count here.
    var isLimited: Bool { !path.hasPrefix("/assets/") && path != "/healthz" && path != "/readyz" }
}
