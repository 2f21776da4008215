import PanalCore
import PanalManifest
import PanalService
import Testing

/// Batches' ends, groups, restrictions, pools, settings, the audit log and invitations.
extension AuthorisationTests {
    static let tenancyRows: [Row] = [
        Row(
            route: "POST /api/v1/batches/{id}/cancel",
            uri: { site in
                let requests = [JobRequest(program: "secreto", submission: Submission())]
                let owner = try #require(site.owner.principal)
                let made = try await site.panal.submit(owner, together: requests, once: nil)
                _ = try await site.panal.wait(owner, batch: made.report.batch.id, atMost: .seconds(20))
                return "/api/v1/batches/\(made.report.batch.id)/cancel"
            }, statuses: [401, 404, 200, 200]),
        Row(
            route: "GET /api/v1/users/{id}", uri: { "/api/v1/users/\(try await user($0))" },
            statuses: [401, 403, 403, 200]),
        Row(route: "GET /api/v1/groups", uri: { _ in "/api/v1/groups" }, statuses: [401, 403, 403, 200]),
        Row(
            route: "POST /api/v1/groups", uri: { _ in "/api/v1/groups" }, body: .json(#"{"name": "zoe"}"#),
            statuses: [401, 403, 403, 201]),
        Row(
            route: "GET /api/v1/groups/{id}", uri: { "/api/v1/groups/\(try await group($0))" },
            statuses: [401, 403, 403, 200]),
        Row(
            route: "PATCH /api/v1/groups/{id}", uri: { "/api/v1/groups/\(try await group($0))" },
            body: .json(#"{"share": 2}"#), statuses: [401, 403, 403, 200]),
        Row(
            route: "DELETE /api/v1/groups/{id}", uri: { "/api/v1/groups/\(try await group($0))" },
            statuses: [401, 403, 403, 204]),
        Row(
            route: "GET /api/v1/groups/{id}/members", uri: { "/api/v1/groups/\(try await group($0))/members" },
            statuses: [401, 403, 403, 200]),
        Row(
            route: "PUT /api/v1/groups/{id}/members/{user}",
            uri: { "/api/v1/groups/\(try await group($0))/members/\(try await user($0))" },
            statuses: [401, 403, 403, 204]),
        Row(
            route: "DELETE /api/v1/groups/{id}/members/{user}", uri: { try await membership($0) },
            statuses: [401, 403, 403, 204]),
        Row(
            route: "GET /api/v1/groups/{id}/restriction", uri: { "/api/v1/groups/\(try await group($0))/restriction" },
            statuses: [401, 403, 403, 200]),
        Row(
            route: "PUT /api/v1/groups/{id}/restriction", uri: { "/api/v1/groups/\(try await group($0))/restriction" },
            body: .json(#"{"profiles": ["small"]}"#), statuses: [401, 403, 403, 200]),
        Row(
            route: "DELETE /api/v1/groups/{id}/restriction",
            uri: { "/api/v1/groups/\(try await group($0))/restriction" },
            statuses: [401, 403, 403, 204]),
        Row(
            route: "GET /api/v1/users/{id}/restriction", uri: { "/api/v1/users/\(try await user($0))/restriction" },
            statuses: [401, 403, 403, 200]),
        Row(
            route: "PUT /api/v1/users/{id}/restriction", uri: { "/api/v1/users/\(try await user($0))/restriction" },
            body: .json(#"{"runningCores": 2}"#), statuses: [401, 403, 403, 200]),
        Row(
            route: "DELETE /api/v1/users/{id}/restriction", uri: { "/api/v1/users/\(try await user($0))/restriction" },
            statuses: [401, 403, 403, 204]),
        Row(
            route: "GET /api/v1/credits/budget", uri: { _ in "/api/v1/credits/budget?user=ana" },
            statuses: [401, 403, 403, 200]),
        Row(
            route: "PUT /api/v1/credits/budget", uri: { _ in "/api/v1/credits/budget?user=ana" },
            body: .json(#"{"user": "ana", "amount": null}"#), statuses: [401, 403, 403, 200]),
        Row(
            route: "GET /api/v1/credits/payer", uri: { "/api/v1/credits/payer?group=\(try await payer($0))" },
            statuses: [401, 403, 403, 200]),
        Row(
            route: "PUT /api/v1/credits/payer", uri: { "/api/v1/credits/payer?group=\(try await payer($0))" },
            body: .json(#"{"group": "payers", "pays": true}"#), statuses: [401, 403, 403, 200]),
        Row(
            route: "GET /api/v1/invitations", uri: { _ in "/api/v1/invitations" }, statuses: [401, 403, 403, 200]),
        Row(
            route: "POST /api/v1/invitations", uri: { _ in "/api/v1/invitations" }, body: .json(#"{"label": "x"}"#),
            statuses: [401, 403, 403, 201]),
        Row(
            route: "DELETE /api/v1/invitations/{id}", uri: { "/api/v1/invitations/\(try await invitation($0))" },
            statuses: [401, 403, 403, 204]),
        Row(route: "GET /api/v1/settings", uri: { _ in "/api/v1/settings" }, statuses: [401, 403, 403, 200]),
        Row(
            route: "PATCH /api/v1/settings", uri: { _ in "/api/v1/settings" }, body: .json(#"{"queueLimit": 50}"#),
            statuses: [401, 403, 403, 200]),
        Row(route: "GET /api/v1/audit", uri: { _ in "/api/v1/audit" }, statuses: [401, 403, 403, 200]),
        Row(route: "GET /api/v1/pools", uri: { _ in "/api/v1/pools" }, statuses: [401, 200, 200, 200]),
        Row(route: "GET /api/v1/pools/{name}", uri: { _ in "/api/v1/pools/local" }, statuses: [401, 200, 200, 200]),
        Row(
            route: "PATCH /api/v1/pools/{name}", uri: { _ in "/api/v1/pools/local" }, body: .json(#"{"open": true}"#),
            statuses: [401, 403, 403, 200]),
    ]

    static func payer(_ site: Site) async throws -> String {
        let root = try #require(site.administrator.principal)
        let isThere = try site.panal.groups(root).contains { $0.name == "payers" }
        if !isThere { _ = try await site.panal.createGroup(root, name: "payers", GroupChange()) }
        return "payers"
    }

    /// Somebody who may go.
    static func leaver(_ site: Site) async throws -> String {
        let root = try #require(site.administrator.principal)
        let name = "leaver-\(JobID.make(at: site.panal.now))"
        return try await site.panal.createUser(root, name: name, password: nil, role: .user).user.id.text
    }

    /// What the command line needs besides.
    static let clientRows: [Row] = [
        Row(
            route: "DELETE /api/v1/users/{id}", uri: { "/api/v1/users/\(try await leaver($0))" },
            statuses: [401, 403, 403, 204]),
        Row(
            route: "PATCH /api/v1/jobs/{id}", uri: { "/api/v1/jobs/\(try await $0.job())" },
            body: .json(#"{"kept": false}"#), statuses: [401, 404, 200, 200]),
        Row(
            route: "DELETE /api/v1/jobs/{id}/outputs", uri: { "/api/v1/jobs/\(try await $0.job())/outputs" },
            statuses: [401, 404, 200, 200]),
        Row(
            route: "POST /jobs/{id}/kept", uri: { "/jobs/\(try await $0.job())/kept" }, body: .form(["kept": "false"]),
            statuses: [303, 404, 303, 303]),
        Row(
            route: "POST /jobs/{id}/outputs", uri: { "/jobs/\(try await $0.job())/outputs" }, body: .form([:]),
            statuses: [303, 404, 303, 303]),
        // Open to everybody who has the password.
        Row(
            route: "POST /api/v1/sign-in", uri: { _ in "/api/v1/sign-in" },
            body: .json(#"{"name": "nobody", "password": "guessed", "label": "x"}"#), statuses: [401, 401, 401, 401]),
        Row(
            route: "GET /api/v1/programs/{name}/versions/{version}/content",
            uri: { _ in "/api/v1/programs/secreto/versions/1/content" }, statuses: [401, 404, 200, 200]),
    ]
}
