import FoundationEssentials
import PanalCore
import PanalManifest

/// Requests as one would send them, chosen by hand: what a schema's parts make by themselves fits the schema, but may name a user and a
/// group at once, or make a key that ends after a second. A test sends all of them.
enum RequestExamples {
    /// By the operation's name; several have a name each.
    static let bodies: [String: KeyValuePairs<String, JSONValue>] = [
        "createKey": ["key": ["label": "laptop", "lifetime": 7_776_000, "scopes": ["read", "jobs"]]],
        "signIn": ["key": ["name": "ana", "password": "a-long-password", "label": "laptop", "lifetime": 7_776_000]],
        "rotateKey": ["withGrace": ["grace": 3_600]],
        "signUp": ["user": ["name": "berta", "password": "correct horse battery staple"]],
        "createUser": ["user": ["name": "carla", "role": "user"]],
        "changeUser": ["block": ["status": "blocked"]],
        "createInvitation": ["invitation": ["label": "Ana of the laboratory", "lifetime": 604_800]],
        "grantCredit": ["toUser": ["user": "ana", "amount": "100", "reason": "November"]],
        "withdrawCredit": ["fromUser": ["user": "ana", "amount": "12.5", "reason": "granted twice"]],
        "setBudget": ["ofUser": ["user": "ana", "amount": "50"], "noLimit": ["user": "ana", "amount": .null]],
        "setPayer": ["pays": ["group": "payers", "pays": true]],
        "setCostItems": [
            "items": [
                "items": [
                    ["name": "database", "unit": "month", "price": "20"],
                    ["name": "power", "unit": "hour", "price": "0.12", "hoursADay": 24],
                ]
            ]
        ],
        "createGroup": ["group": ["name": "imaging", "label": "Image processing", "share": 2]],
        "changeGroup": ["noLimit": ["label": "Imaging", "runningCores": .null]],
        "restrictGroup": ["profiles": ["profiles": ["small"], "queuedJobs": 100]],
        "restrictUser": ["cores": ["runningCores": 2]],
        "changePool": ["close": ["open": false]],
        "changeProgram": ["forEverybody": ["public": true]],
        "changeJob": ["keep": ["kept": true]],
        "shareResults": ["week": ["days": 7]],
        "createWebhook": ["hook": ["url": "https://example.com/hook", "events": ["job.finished", "job.failed"]]],
        "changeSettings": ["signUp": ["signUp": "invitation"]],
        "makeRootfs": ["image": ["name": "python", "upload": .string(upload), "alias": "python:3.13"]],
        "copyJob": [
            "goOn": ["name": "python with my packages"], "end": ["name": "python with my packages", "then": "end"],
        ],
        "changeRootfs": ["disable": ["state": "disabled"]],
        "setRootfsAlias": ["alias": ["alias": "python:3", "image": .string(upload)]],
        "submitJob": [
            "file": [
                "imagen_de_entrada": ["upload": .string(upload)], "tamano_de_filtro": "3", "_profile": "small",
            ],
            "dryRun": [
                "imagen_de_entrada": ["upload": .string(upload)], "tamano_de_filtro": "3", "_dryRun": true,
            ],
        ],
        "submitBatch": [
            "sweep": [
                "sweep": ["input": "tamano_de_filtro", "values": ["1", "3", "5"]],
                "submission": ["imagen_de_entrada": ["upload": .string(upload)]], "profile": "small",
            ],
            "dryRun": [
                "submissions": [["imagen_de_entrada": ["upload": .string(upload)], "tamano_de_filtro": "1"]],
                "dryRun": true,
            ],
            "submissions": [
                "submissions": [
                    ["imagen_de_entrada": ["upload": .string(upload)], "tamano_de_filtro": "1"],
                    ["imagen_de_entrada": ["upload": .string(upload)], "tamano_de_filtro": "3"],
                ]
            ],
        ],
    ]

    /// The parts of forms, as texts.
    static let forms: [String: KeyValuePairs<String, JSONValue>] = [
        "submitJob": [
            "upload": ["imagen_de_entrada": .string("upload:\(upload)"), "tamano_de_filtro": "3", "_profile": "small"]
        ],
        "publishProgram": [
            "upload": [
                "manifest": #"{"name": "Shout", "inputs": [{"name": "text", "type": "text"}]}"#,
                "program": .string("upload:\(upload)"), "public": "false",
            ]
        ],
    ]

    private static let upload = "01k8zq4m3rh7x2c5w9ta"

    /// What stands beside a body's schema: hand-chosen examples, or else the one that is made of it.
    static func members(
        of operation: String, _ type: String, made: JSONValue?
    ) -> [String: JSONValue] {
        let table = type.contains("json") ? bodies : forms
        guard let chosen = table[operation], let first = chosen.first else {
            // Bytes have none.
            guard let made, type.contains("json") || operation.hasPrefix(ProgramOperation.prefix) else { return [:] }
            return ["example": made]
        }
        guard chosen.count > 1 else { return ["example": first.value] }
        return [
            "examples": .object(
                Dictionary(chosen.map { ($0.key, ["value": $0.value]) }, uniquingKeysWith: { first, _ in first }))
        ]
    }
}

extension Manifest {
    /// A submission that could be sent: what is needed, and what is filled in already.
    func exampleSubmission(isForm: Bool) -> JSONValue {
        var members: [String: JSONValue] = [:]
        var blocks: [String: [String: JSONValue]] = [:]
        for (input, texts) in sample() {
            let values = texts.map { Self.value($0, of: input, isForm: isForm) }
            let value = input.isList ? .array(values) : values.first
            // A sample has each block once at least; the first time is enough.
            let parts = input.id.split(separator: ".").map(String.init)
            if parts.count == 3 {
                if parts[1] == "0" { blocks[parts[0], default: [:]][parts[2]] = value }
            } else {
                members[input.id] = value
            }
        }
        for block in repeats where block.minimumItems > 0 {
            let time = JSONValue.object(blocks[block.id] ?? [:])
            members[block.id] = .array(Array(repeating: time, count: block.minimumItems))
        }
        return .object(members)
    }

    private static func value(_ text: String, of input: ManifestInput, isForm: Bool) -> JSONValue {
        let upload = "01k8zq4m3rh7x2c5w9ta"
        switch input.type {
        case .file: return isForm ? .string("upload:\(upload)") : ["upload": .string(upload)]
        case .boolean: return isForm ? .string(text) : .boolean(text == "true")
        case .integer: return Int(text).map { .integer($0) } ?? .string(text)
        case .number: return Int(text).map { .integer($0) } ?? Double(text).map { .number($0) } ?? .string(text)
        case .json: return (try? JSONValue(parsing: Data(text.utf8))) ?? .string(text)
        default: return .string(text)
        }
    }
}
