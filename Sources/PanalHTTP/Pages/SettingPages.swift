import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// For administrators: what can be set while the service runs.
struct SettingPages: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] {
        [
            Route(.get, "/settings", .administratorPage) { _, context in try await page(context) },
            Route(.post, "/settings", .administratorPage, change),
        ]
    }

    private func page(
        _ context: WebContext, entered: Form? = nil, _ own: Templates.Values = [:],
        status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let wording = Wording(context)
        let rows = try panal.settings(try context.principal).map { entry -> Templates.Values in
            let name = entry.rule.name
            let value = try entered?.text(name) ?? Self.text(entry.value)
            var row: Templates.Values = [
                "settingName": name, "note": wording.note(of: entry.rule), "value": value,
                "standardText": wording.t(.settingStandard, Self.text(entry.standard)), "isNumber": false,
                "choices": [Templates.Values](), "least": "", "most": "",
            ]
            switch entry.rule.kind {
            case .integer(let range):
                row["isNumber"] = true
                (row["least"], row["most"]) = (String(range.lowerBound), String(range.upperBound))
            case .words(let words):
                row["choices"] = words.map { ["choice": $0, "selected": $0 == value] as Templates.Values }
            }
            return row
        }
        var values: Templates.Values = ["settings": rows, "tabSettings": true]
        values.merge(own) { _, new in new }
        return try frame.page(
            "settings", title: wording.t(.settings), in: .administration, values, context, status: status)
    }

    @Sendable private func change(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let form = try await PageFrame.form(request, context)
        let principal = try context.principal
        do {
            var changes: [String: JSONValue?] = [:]
            for entry in try panal.settings(principal) {
                guard let text = try form.text(entry.rule.name)?.trimmingSpaces else { continue }
                // An empty field is what it is when nobody has set it.
                let value: JSONValue? = text.isEmpty ? nil : Self.value(text, entry.rule.kind)
                if (value ?? entry.standard) != entry.value { changes[entry.rule.name] = value }
            }
            if !changes.isEmpty { _ = try await panal.changeSettings(principal, changes) }
            context.auditNote.detail = changes.sorted { $0.key < $1.key }
                .map { "\($0.key)=\($0.value.map(Self.text) ?? "null")" }.joined(separator: " ")
            return try await page(context, ["done": t(.settingsSaved)])
        } catch let error as ServiceError where error.code == .invalid {
            let names = try panal.settings(principal).map(\.rule.name)
            let labels = Dictionary(uniqueKeysWithValues: names.map { ($0, $0) })
            return try await page(
                context, entered: form, AccountPages.refused(error, t, labels: labels),
                status: Problem(error).status)
        }
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .integer(let number): String(number)
        default: ""
        }
    }

    /// As the rule wants it, where it is that at all; else what was written, which the rule refuses in its own words.
    private static func value(_ text: String, _ kind: SettingRule.Kind) -> JSONValue {
        if case .integer = kind, let number = Int(text) { return .integer(number) }
        return .string(text)
    }
}

extension Wording {
    /// What a setting does.
    func note(of rule: SettingRule) -> String {
        guard t.language == .spanish else { return rule.note }
        let deadline = "deadline."
        if rule.name.hasPrefix(deadline), let state = JobState(rawValue: String(rule.name.dropFirst(deadline.count))) {
            return "Segundos que un trabajo puede estar en el estado «\(self.state(state))»."
        }
        return Self.spanishSettings[rule.name] ?? rule.note
    }

    /// In Spanish; a deadline's is made of its state's name.
    static let spanishSettings: [String: String] = [
        "signUp": "Quién puede registrarse: nadie, con invitación o todos.",
        "sessionLifetime": "Segundos tras los que termina una sesión.",
        "defaultProfile": "El perfil cuando ni el envío ni el manifiesto nombran uno.",
        "queueLimit": "Trabajos que pueden esperar al mismo tiempo.",
        "requestsPerMinute": "Peticiones por minuto de una clave o sesión; 0: sin límite.",
        "requestBurst": "Peticiones de una clave o sesión de una vez.",
        "strangerRequestsPerMinute": "Peticiones por minuto de una dirección sin usuario conocido; 0: sin límite.",
        "strangerRequestBurst": "Tales peticiones de una vez.",
        "auditRetentionDays": "Días que se guarda el registro de auditoría; 0: siempre.",
        "outputRetentionDays": "Días que se guardan las salidas de los trabajos terminados; 0: siempre.",
        "outputWarningDays": "Días, al menos, entre el aviso al dueño y el borrado; 0: sin aviso.",
        "overQuota":
            "Un envío cuyo dueño ha guardado más de lo permitido se rechaza, o las salidas más antiguas hacen sitio.",
        "keptJobs": "Trabajos de un usuario que se pueden guardar a cualquier edad.",
        "deadline.turn": "Segundos que un trabajo puede esperar su turno.",
    ]
}

extension String {
    /// Without white space at both ends.
    var trimmingSpaces: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
