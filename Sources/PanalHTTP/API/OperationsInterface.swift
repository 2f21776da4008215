import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `/api/v1/settings` and `/api/v1/audit`; for administrators.
struct OperationsInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/settings", .administratorInterface, settings)
                .described(
                    "listSettings", .service, "What can be set while the service runs",
                    .document(.object(["settings": .list(of: .setting)]), "All settings")),
            Route(.patch, "/api/v1/settings", .administratorInterface, changeSettings)
                .described(
                    "changeSettings", .service, "Set something", .guarded,
                    .note("All or none of the settings that are named; `null` makes one what it was at first."),
                    .body(.settingsChange),
                    .answer(.ok, .object(["settings": .list(of: .setting)]), "All settings", .eTag)),
            Route(.get, "/api/v1/audit", .administratorInterface, audit)
                .described(
                    "listAudit", .service, "Who did what, the newest first",
                    .query("user", .userName, "Only of this user."),
                    .query("action", .text(1...100).example("createKey"), "Only this operation."),
                    .query("before", .integer(1 ... .max), "Only entries before this number."),
                    .pages("audit", of: .auditEntry, "The entries")),
        ]
    }

    @Sendable private func settings(_ request: Request, _ context: WebContext) async throws -> Response {
        try .json(Documents.settings(try panal.settings(try context.principal)), unlessKnownTo: request)
    }

    @Sendable private func changeSettings(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        let principal = try context.principal
        // None of them is a secret.
        let texts = try members.sorted { $0.key < $1.key }.map {
            "\($0.key)=\(String(decoding: try $0.value.serialized(), as: UTF8.self))"
        }
        context.auditNote.detail = String(texts.joined(separator: " ").prefix(1_024))
        return try await Preconditions.guarded(
            request, current: { try await panal.storedSettings(principal) },
            document: { Documents.settings($0.entries) }
        ) { known in
            let entries = try await panal.changeSettings(
                principal, members.mapValues { $0 == .null ? nil : $0 }, expecting: known?.stored)
            return try .marked(Documents.settings(entries))
        }
    }

    @Sendable private func audit(_ request: Request, _ context: WebContext) async throws -> Response {
        let query = try Query(request)
        var user: UserID?
        if let text = try query.text("user") {
            // Of one who is gone the entries stay.
            let id = UserID(text)
            user = if let id { id } else { try await panal.userID(try context.principal, meantBy: text) }
        }
        let page = try await panal.auditPage(
            try context.principal, user: user, action: try query.text("action"),
            before: try query.integer("before", in: 1...Int.max), try Paging.wish(query))
        return try Paging.answer("audit", page.entries.map(Documents.auditEntry), next: page.next, request)
    }
}

extension Documents {
    static func settings(_ entries: [SettingEntry]) -> JSONValue {
        .object(["settings": .array(entries.map(setting))])
    }

    static func setting(_ entry: SettingEntry) -> JSONValue {
        var members: [String: JSONValue?] = [
            "name": .string(entry.rule.name), "value": entry.value, "standard": entry.standard,
            "note": .string(entry.rule.note),
        ]
        switch entry.rule.kind {
        case .integer(let range):
            members["minimum"] = .integer(range.lowerBound)
            members["maximum"] = .integer(range.upperBound)
        case .words(let words): members["words"] = .array(words.map(JSONValue.string))
        }
        return object(members)
    }

    static func auditEntry(_ entry: AuditEntry) -> JSONValue {
        object([
            "number": .integer(entry.number), "at": time(entry.at), "user": entry.user.map { .string($0.text) },
            "name": entry.name.map(JSONValue.string), "key": entry.key.map { .string($0.text) },
            "address": .string(entry.address), "request": .string(entry.request), "action": .string(entry.action),
            "target": .string(entry.target), "status": .integer(entry.status),
            "done": .boolean(entry.status < 400), "detail": entry.detail.map(JSONValue.string),
        ])
    }
}

extension Schema {
    static let setting = component(
        "Setting",
        .object([
            "name": text.example("signUp"), "value": any(of: [.text, .integer(0 ... .max)]),
            "standard": any(of: [.text, .integer(0 ... .max)]).note("What it is when nobody has set it."),
            "note": text, "minimum?": count, "maximum?": count, "words?": list(of: text),
        ]))

    static let settingsChange = Schema([
        "type": "object", "additionalProperties": any(of: [.text, .integer(0 ... .max), .null]).json,
        "examples": [["signUp": "invitation", "sessionLifetime": 3600]],
    ])

    static let auditEntry = component(
        "AuditEntry",
        .object([
            "number": integer(1 ... .max), "at": time, "user?": identifier, "name?": userName, "key?": identifier,
            "address": text.example("192.0.2.7"), "request": text.note("The request's number, as in the log."),
            "action": text.example("createKey").note("The operation's name."),
            "target": reference.example("/api/v1/keys"),
            "status": integer(100...599), "done": boolean.note("Whether it was not refused."), "detail?": text,
        ]))
}
