package import HTTPTypes
import Hummingbird

/// One row of the table of everything that can be asked for. The router is built from it, and so is the test of who may
/// what.
package struct Route: Sendable {
    package enum Access: String, Hashable, Sendable {
        /// Everybody.
        case open
        /// A page: whoever is signed in. Strangers are sent to the sign-in page.
        case page
        case administratorPage
        /// The programming interface: a key, or a session with the token of its forms. Strangers get 401.
        case interface
        case administratorInterface

        var isPage: Bool { self == .page || self == .administratorPage }
        var isForAdministrators: Bool { self == .administratorPage || self == .administratorInterface }
    }

    typealias Handler = @Sendable (Request, WebContext) async throws -> Response

    package let method: HTTPRequest.Method
    /// As Hummingbird's router writes it: `/jobs/{id}/files/**`.
    package let path: String
    package let access: Access
    let handler: Handler

    init(_ method: HTTPRequest.Method, _ path: String, _ access: Access, _ handler: @escaping Handler) {
        self.method = method
        self.path = path
        self.access = access
        self.handler = handler
    }
}
