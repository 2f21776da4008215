import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `/api/v1/sign-in`: how a client that has no key yet comes to one, without a page.
struct SignInInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.post, "/api/v1/sign-in", .openInterface, signIn)
                .described(
                    "signIn", .account, "Make a key by name and password",
                    .note("For clients that have no key yet. Failed tries are throttled, by name and by address."),
                    .body(
                        .object(
                            [
                                "name": .text(0...64).example("ana"), "password": .text(0...1_024),
                                "label": .text(1...80).example("laptop"),
                                "lifetime?": .integer(1...Self.longestLifetime)
                                    .note("Seconds; for good when missing."),
                            ], isClosed: true)),
                    .answer(
                        .created,
                        .newKey, "The key", .location),
                    .refuses(.unauthorized, .forbidden, .tooManyRequests))
        ]
    }

    /// `{"name": …, "password": …, "label": …, "lifetime": seconds}`; the answer is the new key, as that of `POST /keys`. No session stays.
    @Sendable private func signIn(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["name", "password", "label", "lifetime"], in: members)
        guard let name = try JSONBody.text("name", in: members) else { throw JSONBody.required("name") }
        guard let password = try JSONBody.text("password", in: members) else { throw JSONBody.required("password") }
        guard let label = try JSONBody.text("label", in: members) else { throw JSONBody.required("label") }
        let lifetime = try JSONBody.integer("lifetime", in: members)
        if let lifetime, !(1...Self.longestLifetime).contains(lifetime) {
            throw ServiceError(
                .invalid, "a member is wrong",
                mistakes: [Mistake(pointer: "/lifetime", detail: "seconds, from 1 to \(Self.longestLifetime)")])
        }
        let signedIn = try await panal.signIn(name: name, password: password, from: context.address)
        // The session was only the way to the principal.
        try await panal.signOut(token: signedIn.token)
        let made = try await panal.createKey(
            signedIn.principal, label: label, lifetime: lifetime.map { .seconds($0) })
        guard case .object(var document) = Documents.key(made.key) else { throw ServiceError(.internal, "no document") }
        document["secret"] = .string(made.secret)
        var response = try Response.json(.object(document), status: .created)
        response.headers[.location] = "\(Documents.base)/keys/\(made.key.id)"
        return response
    }

    /// Ten years, in seconds.
    private static let longestLifetime = 10 * 366 * 86_400
}
