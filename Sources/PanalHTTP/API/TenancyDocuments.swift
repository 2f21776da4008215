import PanalCore
import PanalService

extension Documents {
    static func group(_ group: UserGroup) -> JSONValue {
        object([
            "id": .string(group.id.text), "name": .string(group.name), "label": .string(group.label),
            "created": time(group.created), "share": .number(group.share),
            "runningCores": group.runningCores.map(JSONValue.integer),
            "queuedJobs": group.queuedJobs.map(JSONValue.integer), "url": .string("\(base)/groups/\(group.id)"),
        ])
    }

    static func restriction(_ restriction: Restriction) -> JSONValue {
        func list(_ names: Set<String>?) -> JSONValue? { names.map { .array($0.sorted().map(JSONValue.string)) } }
        return object([
            "profiles": list(restriction.profiles), "pools": list(restriction.pools),
            "allocator": restriction.allocator.map(JSONValue.string), "repositories": list(restriction.repositories),
            "runningCores": restriction.runningCores.map(JSONValue.integer),
            "queuedJobs": restriction.queuedJobs.map(JSONValue.integer),
            "storedBytes": restriction.storedBytes.map(JSONValue.integer),
            "outputDays": restriction.outputDays.map(JSONValue.integer),
        ])
    }

    static func user(_ account: User, _ rights: AccountRights) -> JSONValue {
        guard case .object(var document) = user(account) else { return .null }
        document["rights"] = Self.rights(rights)
        return .object(document)
    }

    static func days(_ span: Duration) -> Int { Int(span.inSeconds / 86_400) }

    static func rights(_ rights: AccountRights) -> JSONValue {
        func list(_ names: [String]) -> JSONValue { .array(names.map(JSONValue.string)) }
        return object([
            "groups": .array(
                rights.groups.map {
                    .object([
                        "id": .string($0.id.text), "name": .string($0.name), "label": .string($0.label),
                    ])
                }),
            "profiles": list(rights.profiles), "pools": list(rights.pools),
            "repositories": list(rights.repositories), "allocator": .string(rights.allocator),
            "runningCores": rights.runningCores.map(JSONValue.integer),
            "queuedJobs": rights.queuedJobs.map(JSONValue.integer),
            "storedBytes": rights.storedBytes.map(JSONValue.integer), "storedNow": .integer(rights.storedNow),
            "outputDays": rights.outputs.lifetime.map { .integer(days($0)) },
            "outputWarningDays": .integer(days(rights.outputs.warning)),
        ])
    }

    static func pool(_ pool: PoolEntry) -> JSONValue {
        .object([
            "name": .string(pool.name), "open": .boolean(pool.isOpen), "hosts": .integer(pool.hosts),
            "cores": .integer(pool.cores),
        ])
    }
}
