import PanalCore

/// Pages of administration and of webhooks.
extension AuthorisationTests {
    static let pageRows: [Row] = [
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
}
