import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `/api/v1/keys`: one's own keys.
struct KeyInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/keys", .interface, keys)
                .described(
                    "listKeys", .account, "One's keys", .scope(.account),
                    .pages("keys", of: .key, "In the order of their making", .most)),
            Route(.post, "/api/v1/keys", .interface, makeKey)
                .described(
                    "createKey", .account, "Make a key",
                    .note("A key cannot make one that may more, or holds longer, than itself."),
                    .body(
                        .object(
                            [
                                "label": .text(1...80).example("laptop"),
                                "lifetime?": .integer(1...Self.longestLifetime).note("Seconds; for good when missing."),
                                "scopes?": .list(of: .words(KeyScope.self), 1 ... .max).example(["read", "jobs"]).note(
                                    "What it is good for; when missing, all that its maker may."),
                            ], isClosed: true)), .answer(.created, .newKey, "The key", .location)),
            Route(.get, "/api/v1/keys/{id}", .interface, key)
                .described(
                    "getKey", .account, "One of one's keys", .scope(.account),
                    .note("Its mark says nothing of `lastUsed`: it stays while the key is only used."),
                    .document(.key, "The key")),
            Route(.delete, "/api/v1/keys/{id}", .interface, revokeKey)
                .described(
                    "revokeKey", .account, "End a key", .guarded, .empty(.noContent, "It is not valid any more")),
            Route(.post, "/api/v1/keys/{id}/rotate", .interface, rotateKey)
                .described(
                    "rotateKey", .account, "Give a key a new secret", .guarded,
                    .note(
                        "Id, scopes and end stay. The secret before is taken for `grace` seconds more; with 0, or without it, nothing "
                            + "but the new one is taken from now on. A grace that was given before is not cut short: another rotation "
                            + "with a grace is refused (409) while it lasts, `until` and `Retry-After` say how long."),
                    .body(
                        .object(
                            [
                                "grace?": .integer(0...Int(Panal.longestGrace.inSeconds)).note("Seconds.").unset(0)
                            ], isClosed: true)),
                    .answer(.ok, .newKey, "The key with its new secret"), .refuses(.conflict)),
        ]
    }

    @Sendable private func keys(_ request: Request, _ context: WebContext) async throws -> Response {
        let page = try await panal.keyPage(try context.principal, try Paging.wish(try Query(request), .most))
        return try Paging.answer("keys", page.entries.map(Documents.key), next: page.next, request)
    }

    @Sendable private func key(_ request: Request, _ context: WebContext) async throws -> Response {
        let key = try await panal.key(try context.principal, try Self.id(context))
        return try .marked(Documents.key(key), as: Self.mark(key))
    }

    /// `{"label": …, "lifetime": seconds, "scopes": […]}`; the answer is the only place that holds the key itself, as `secret`.
    @Sendable private func makeKey(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["label", "lifetime", "scopes"], in: members)
        guard let label = try JSONBody.text("label", in: members) else { throw JSONBody.required("label") }
        let lifetime = try JSONBody.integer("lifetime", in: members).map { seconds -> Duration in
            guard (1...Self.longestLifetime).contains(seconds) else {
                throw Self.wrong("lifetime", "seconds, from 1 to \(Self.longestLifetime)")
            }
            return .seconds(seconds)
        }
        let scopes = try JSONBody.texts("scopes", in: members).map { words in
            Set(
                try words.map { word in
                    guard let scope = KeyScope(rawValue: word) else {
                        let known = KeyScope.allCases.map(\.rawValue).joined(separator: ", ")
                        throw Self.wrong("scopes", "‘\(word)’ is none of \(known)")
                    }
                    return scope
                })
        }
        let made = try await panal.createKey(
            try context.principal, label: label, lifetime: lifetime, scopes: scopes)
        var response = try Response.json(try Self.document(made), status: .created)
        response.headers[.location] = "\(Documents.base)/keys/\(made.key.id)"
        return response
    }

    /// Ten years, in seconds.
    static let longestLifetime = 10 * 366 * 86_400

    @Sendable private func revokeKey(_ request: Request, _ context: WebContext) async throws -> Response {
        let (principal, id) = (try context.principal, try Self.id(context))
        return try await Preconditions.guarded(
            request, current: { try await panal.revocableKey(principal, id) }, document: Self.mark
        ) { known in
            try await panal.revokeKey(principal, id, expecting: known)
            return Response(status: .noContent)
        }
    }

    /// `{"grace": seconds}`
    @Sendable private func rotateKey(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["grace"], in: members)
        let grace = try JSONBody.integer("grace", in: members) ?? 0
        guard grace >= 0, grace <= Int(Panal.longestGrace.inSeconds) else {
            throw Self.wrong("grace", "seconds, from 0 to \(Int(Panal.longestGrace.inSeconds))")
        }
        let (principal, id) = (try context.principal, try Self.id(context))
        return try await Preconditions.guarded(
            request, current: { try await panal.key(principal, id) }, document: Self.mark
        ) { known in
            try .json(
                try Self.document(
                    try await panal.rotateKey(principal, id, grace: .seconds(grace), expecting: known)))
        }
    }

    /// What a key's mark is made of: using it, if only to read the mark, changes nothing that anybody has decided.
    @Sendable private static func mark(_ key: APIKey) -> JSONValue {
        var key = key
        key.lastUsed = nil
        return Documents.key(key)
    }

    private static func document(_ made: (key: APIKey, secret: String)) throws -> JSONValue {
        guard case .object(var document) = Documents.key(made.key) else { throw ServiceError(.internal, "no document") }
        document["secret"] = .string(made.secret)
        return .object(document)
    }

    private static func id(_ context: WebContext) throws -> APIKeyID { try context.identifier("id", of: APIKey.self) }

    private static func wrong(_ name: String, _ detail: String) -> ServiceError {
        ServiceError(.invalid, "a member is wrong", mistakes: [Mistake(pointer: "/\(name)", detail: detail)])
    }
}
