import PanalCore
import PanalManifest
import PanalService
import Testing

/// Pages of administration and of webhooks.
extension AuthorisationTests {
    /// A program of the owner's that may go.
    private static func doomed(_ site: Site) async throws -> String {
        try await site.publish(
            #"{"name": "doomed", "inputs": []}"#, isPublic: false, as: try #require(site.owner.principal)
        ).program.name
    }

    static let pageRows: [Row] = [
        Row(
            route: "DELETE /api/v1/programs/{name}", uri: { "/api/v1/programs/\(try await doomed($0))" },
            statuses: [401, 404, 204, 204]),
        Row(
            route: "DELETE /api/v1/programs/{name}/versions/{version}",
            uri: { "/api/v1/programs/\(try await doomed($0))/versions/1" }, statuses: [401, 404, 204, 204]),
        Row(
            route: "POST /programs/{name}/withdraw", uri: { "/programs/\(try await doomed($0))/withdraw" },
            body: .form(["version": "1", "sure": "true"]), statuses: [303, 404, 303, 303]),
        Row(route: "GET /machine", uri: { _ in "/machine" }, statuses: [303, 403, 403, 200]),
        Row(route: "GET /machine/live", uri: { _ in "/machine/live" }, statuses: [303, 403, 403, 200]),
        Row(route: "GET /audit", uri: { _ in "/audit" }, statuses: [303, 403, 403, 200]),
        Row(
            route: "GET /programs/{name}/rules", uri: { _ in "/programs/secreto/rules" },
            statuses: [303, 404, 200, 200]),
        // It has no fields, so that nobody finds one.
        Row(
            route: "GET /programs/{name}/choices/{field}", uri: { _ in "/programs/secreto/choices/a" },
            statuses: [303, 404, 404, 404]),
        Row(
            route: "GET /api/v1/jobs/{id}/archive", uri: { "/api/v1/jobs/\(try await withFile($0))/archive" },
            statuses: [401, 404, 200, 200]),
        Row(
            route: "GET /jobs/{id}/archive", uri: { "/jobs/\(try await withFile($0))/archive" },
            statuses: [303, 404, 200, 200]),
        Row(
            route: "GET /jobs/{id}/stream", uri: { "/jobs/\(try await withFile($0))/stream" },
            statuses: [303, 404, 200, 200]),
        Row(
            route: "POST /jobs/{id}/share", uri: { "/jobs/\(try await withFile($0))/share" },
            body: .form(["days": "3"]), statuses: [303, 404, 201, 201]),
        Row(
            route: "POST /jobs/{id}/shares/{share}/end", uri: { "/jobs/\(try await link($0))/end" }, body: .form([:]),
            statuses: [303, 404, 303, 303]),
        Row(
            route: "GET /api/v1/jobs/{id}/samples", uri: { "/api/v1/jobs/\(try await withFile($0))/samples" },
            statuses: [401, 404, 200, 200]),
        Row(
            route: "GET /api/v1/jobs/{id}/shares", uri: { "/api/v1/jobs/\(try await withFile($0))/shares" },
            statuses: [401, 404, 200, 200]),
        Row(
            route: "POST /api/v1/jobs/{id}/shares", uri: { "/api/v1/jobs/\(try await withFile($0))/shares" },
            body: .json(#"{"days": 3}"#), statuses: [401, 404, 201, 201]),
        Row(
            route: "DELETE /api/v1/jobs/{id}/shares/{share}", uri: { "/api/v1/jobs/\(try await link($0))" },
            statuses: [401, 404, 204, 204]),
        Row(
            route: "POST /programs/{name}/favourite", uri: { _ in "/programs/secreto/favourite" },
            body: .form(["favourite": "true", "return": "/programs"]), statuses: [303, 404, 303, 303]),
        Row(route: "GET /batches/{id}", uri: { "/batches/\(try await batch($0))" }, statuses: [303, 404, 200, 200]),
        Row(
            route: "GET /batches/{id}/live", uri: { "/batches/\(try await batch($0))/live" },
            statuses: [303, 404, 200, 200]),
        Row(
            route: "GET /batches/{id}/table", uri: { "/batches/\(try await batch($0))/table" },
            statuses: [303, 404, 200, 200]),
        Row(
            route: "POST /batches/{id}/cancel", uri: { "/batches/\(try await batch($0))/cancel" }, body: .form([:]),
            statuses: [303, 404, 303, 303]),
        Row(route: "GET /api/v1/favourites", uri: { _ in "/api/v1/favourites" }, statuses: [401, 200, 200, 200]),
        Row(
            route: "PUT /api/v1/programs/{name}/favourite", uri: { _ in "/api/v1/programs/secreto/favourite" },
            statuses: [401, 404, 204, 204]),
        Row(
            route: "DELETE /api/v1/programs/{name}/favourite", uri: { _ in "/api/v1/programs/secreto/favourite" },
            statuses: [401, 404, 204, 204]),
        // Whoever has the link.
        Row(
            route: "GET /shared/{secret}", uri: { "/shared/\(try await shared($0))" },
            statuses: [200, 200, 200, 200]),
        Row(
            route: "GET /shared/{secret}/files/**", uri: { "/shared/\(try await shared($0))/files/a/b.txt" },
            statuses: [200, 200, 200, 200]),
        Row(
            route: "GET /shared/{secret}/archive", uri: { "/shared/\(try await shared($0))/archive" },
            statuses: [200, 200, 200, 200]),
        Row(route: "GET /settings", uri: { _ in "/settings" }, statuses: [303, 403, 403, 200]),
        Row(
            route: "POST /settings", uri: { _ in "/settings" }, body: .form(["queueLimit": "50"]),
            statuses: [303, 403, 403, 200]),
        Row(route: "GET /credits", uri: { _ in "/credits" }, statuses: [303, 403, 403, 200]),
        Row(
            route: "POST /credits/movements", uri: { _ in "/credits/movements" },
            body: .form(["holder": "user:ana", "kind": "grant", "amount": "1", "reason": "a test"]),
            statuses: [303, 403, 403, 200]),
        Row(
            route: "POST /credits/budget", uri: { _ in "/credits/budget" },
            body: .form(["holder": "user:ana", "amount": ""]), statuses: [303, 403, 403, 200]),
        Row(
            route: "POST /credits/payer", uri: { _ in "/credits/payer" },
            body: .form(["group": "nobody", "pays": "true"]), statuses: [303, 403, 403, 404]),
        Row(route: "GET /costs", uri: { _ in "/costs" }, statuses: [303, 403, 403, 200]),
        Row(
            route: "POST /costs/items", uri: { _ in "/costs/items" },
            body: .form(["name": "machine", "unit": "month", "price": "free", "quantity": "1", "hours": "24"]),
            statuses: [303, 403, 403, 422]),
        Row(
            route: "POST /costs/items/remove", uri: { _ in "/costs/items/remove" }, body: .form(["name": "nothing"]),
            statuses: [303, 403, 403, 404]),
        Row(route: "GET /users/{id}", uri: { "/users/\(try await user($0))" }, statuses: [303, 403, 403, 200]),
        Row(
            route: "POST /users/{id}/restriction", uri: { "/users/\(try await user($0))/restriction" },
            body: .form(["runningCores": "2"]), statuses: [303, 403, 403, 303]),
        Row(
            route: "POST /users/{id}/close", uri: { "/users/\(try await leaver($0))/close" },
            body: .form(["sure": "true"]), statuses: [303, 403, 403, 303]),
        Row(route: "GET /webhooks", uri: { _ in "/webhooks" }, statuses: [303, 200, 200, 200]),
        Row(
            route: "POST /webhooks", uri: { _ in "/webhooks" },
            body: .form(["url": "https://hooks.example/", "event": "job.failed"]), statuses: [303, 201, 201, 201]),
        Row(
            route: "POST /webhooks/callback-secret", uri: { _ in "/webhooks/callback-secret" }, body: .form([:]),
            statuses: [303, 201, 201, 201]),
        // A webhook is its user's alone.
        Row(
            route: "GET /webhooks/{id}", uri: { "/webhooks/\(try await $0.webhook())" },
            statuses: [303, 404, 200, 404]),
        Row(
            route: "POST /webhooks/{id}/test", uri: { "/webhooks/\(try await $0.webhook())/test" }, body: .form([:]),
            statuses: [303, 404, 303, 404]),
        Row(
            route: "POST /webhooks/{id}/delete", uri: { "/webhooks/\(try await $0.webhook())/delete" },
            body: .form([:]), statuses: [303, 404, 303, 404]),
    ]

    /// The secret of a link to a job of the owner's.
    private static func shared(_ site: Site) async throws -> String {
        let job = try await withFile(site)
        guard let owner = site.owner.principal else { return "" }
        return try await site.panal.share(owner, job, days: 1).secret
    }

    /// A batch of the owner's.
    private static func batch(_ site: Site) async throws -> BatchID {
        guard let owner = site.owner.principal else { return .make(at: Timestamp(microseconds: 0)) }
        let requests = [JobRequest(program: "secreto", submission: Submission())]
        return try await site.panal.submit(owner, together: requests, once: nil).report.batch.id
    }

    /// A job of the owner's with a link to its results.
    private static func link(_ site: Site) async throws -> String {
        let job = try await withFile(site)
        guard let owner = site.owner.principal else { return "" }
        return "\(job)/shares/\(try await site.panal.share(owner, job, days: 1).link.id)"
    }

    /// A job of the owner's that has left a file.
    static func withFile(_ site: Site) async throws -> JobID {
        try await site.job(Script(files: [("a/b.txt", Array("x".utf8))]))
    }
}
