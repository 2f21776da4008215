package import FoundationEssentials
import PanalCore

extension SeccompPolicy {
    /// Reads a policy. JSON with `//` and `/* */` comments is taken too.
    ///
    /// - Parameters:
    ///   - host: What the conditional rules are decided for.
    ///   - base: Gives the policy that this one `extends`.
    /// - Throws: The first mistake, with its place.
    package init(
        parsing data: Data, name: String, host: SeccompHost = .current,
        base: ((_ name: String) throws(SeccompMistake) -> SeccompPolicy)? = nil
    ) throws(SeccompMistake) {
        let decoder = JSONDecoder()
        decoder.allowsJSON5 = true
        let document: JSONValue
        do {
            document = try decoder.decode(JSONValue.self, from: data)
        } catch {
            throw SeccompMistake(policy: name, pointer: "", detail: "is not JSON: \(Self.reason(of: error))")
        }
        let reader = PolicyReader(policy: name, host: host)
        guard case .object(let fields) = document, let extended = fields["extends"] else {
            self = try reader.policy(document)
            return
        }
        self = try reader.addition(fields) { () throws(SeccompMistake) in
            guard case .string(let other) = extended, let base,
                other.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
            else { throw SeccompMistake(policy: name, pointer: "/extends", detail: "names no policy of this folder") }
            return try base(other)
        }
    }

    private static func reason(of error: any Error) -> String {
        guard case DecodingError.dataCorrupted(let context) = error else { return "\(error)" }
        return context.underlyingError.map { "\($0)" } ?? context.debugDescription
    }
}

/// Walks the document and names the place of what it cannot take.
private struct PolicyReader {
    let policy: String
    let host: SeccompHost

    private static let actions: [String: SeccompAction] = [
        "SCMP_ACT_ALLOW": .allow, "SCMP_ACT_LOG": .log, "SCMP_ACT_TRAP": .trap, "SCMP_ACT_KILL": .killThread,
        "SCMP_ACT_KILL_THREAD": .killThread, "SCMP_ACT_KILL_PROCESS": .killProcess,
    ]

    func policy(_ document: JSONValue) throws(SeccompMistake) -> SeccompPolicy {
        let fields = try object(
            document, at: "",
            keys: [
                "defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "flags", "syscalls",
                "comment", "$schema", "refused",
            ])
        guard fields["defaultAction"] != nil else {
            throw mistake("", "`defaultAction` is missing; write \"SCMP_ACT_ERRNO\"")
        }
        let action = try action(
            fields, at: "", key: "defaultAction", numberKey: "defaultErrnoRet", nameKey: "defaultErrno")
        guard !action.permits else {
            throw mistake("/defaultAction", "has to refuse what no rule names; write \"SCMP_ACT_ERRNO\"")
        }
        try checkArchitectures(fields)
        if let flags = fields["flags"], flags != .null, flags != [] {
            throw mistake("/flags", "has to be empty: how a filter is loaded is not the policy's to say")
        }
        return SeccompPolicy(
            name: policy, architecture: host.architecture, defaultAction: action, rules: try rules(fields),
            refusals: try refusals(fields))
    }

    /// A document that only adds to another policy. What it permits is no longer said to be refused.
    func addition(
        _ fields: [String: JSONValue], base: () throws(SeccompMistake) -> SeccompPolicy
    ) throws(SeccompMistake) -> SeccompPolicy {
        _ = try object(.object(fields), at: "", keys: ["extends", "comment", "$schema", "syscalls", "refused"])
        var policy = try base()
        policy.name = self.policy
        let added = try rules(fields)
        let named = Set(added.flatMap(\.names))
        policy.rules += added
        policy.refusals = policy.refusals.map { refusal in
            SeccompRefusal(
                names: refusal.names.filter { !named.contains($0) }, reason: refusal.reason, pointer: refusal.pointer)
        }
        policy.refusals += try refusals(fields)
        return policy
    }

    private func rules(_ fields: [String: JSONValue]) throws(SeccompMistake) -> [SeccompRule] {
        var rules: [SeccompRule] = []
        for (place, entry) in try list(fields["syscalls"], at: "/syscalls").enumerated() {
            if let rule = try rule(entry, at: "/syscalls/\(place)") { rules.append(rule) }
        }
        return rules
    }

    private func refusals(_ fields: [String: JSONValue]) throws(SeccompMistake) -> [SeccompRefusal] {
        var refusals: [SeccompRefusal] = []
        for (place, entry) in try list(fields["refused"], at: "/refused").enumerated() {
            let pointer = "/refused/\(place)"
            let fields = try object(entry, at: pointer, keys: ["names", "comment"])
            refusals.append(
                SeccompRefusal(
                    names: try texts(fields["names"], at: pointer + "/names"),
                    reason: try text(fields["comment"] ?? .null, at: pointer + "/comment"), pointer: pointer))
        }
        return refusals
    }

    private func checkArchitectures(_ fields: [String: JSONValue]) throws(SeccompMistake) {
        let native = host.architecture.name
        if let listed = fields["architectures"], listed != .null {
            guard try texts(listed, at: "/architectures").contains(where: { $0 == native || $0 == "SCMP_ARCH_NATIVE" })
            else { throw mistake("/architectures", "does not list \(native), the one that cells run") }
        }
        guard let map = fields["archMap"], map != .null else { return }
        var found = false
        for (place, entry) in try list(map, at: "/archMap").enumerated() {
            let pointer = "/archMap/\(place)"
            let pair = try object(entry, at: pointer, keys: ["architecture", "subArchitectures"])
            if let value = pair["architecture"] {
                found = try text(value, at: pointer + "/architecture") == native || found
            }
            _ = try texts(pair["subArchitectures"], at: pointer + "/subArchitectures")
        }
        guard found else { throw mistake("/archMap", "does not list \(native), the one that cells run") }
    }

    /// Nil when the rule is not for this host.
    private func rule(_ entry: JSONValue, at pointer: String) throws(SeccompMistake) -> SeccompRule? {
        let fields = try object(
            entry, at: pointer,
            keys: ["names", "name", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes"])
        var names = try texts(fields["names"], at: pointer + "/names")
        if let single = fields["name"], single != .null, single != "" {
            names.append(try text(single, at: pointer + "/name"))
        }
        guard !names.isEmpty else { throw mistake(pointer, "`names` is missing or empty; write [\"read\", …]") }
        guard fields["action"] != nil else { throw mistake(pointer, "`action` is missing; write \"SCMP_ACT_ALLOW\"") }
        let action = try action(fields, at: pointer, key: "action", numberKey: "errnoRet", nameKey: "errno")
        var conditions: [SeccompCondition] = []
        for (place, argument) in try list(fields["args"], at: pointer + "/args").enumerated() {
            conditions.append(try condition(argument, at: pointer + "/args/\(place)"))
        }
        var comment = ""
        if let value = fields["comment"], value != .null { comment = try text(value, at: pointer + "/comment") }
        guard try applies(fields, at: pointer) else { return nil }
        return SeccompRule(names: names, action: action, conditions: conditions, pointer: pointer, comment: comment)
    }

    private func condition(_ entry: JSONValue, at pointer: String) throws(SeccompMistake) -> SeccompCondition {
        let fields = try object(entry, at: pointer, keys: ["index", "value", "valueTwo", "op", "comment"])
        guard let index = fields["index"], let value = fields["value"], let name = fields["op"] else {
            throw mistake(pointer, "needs `index`, `value` and `op`")
        }
        let word = try text(name, at: pointer + "/op")
        guard let comparison = SeccompOperator(rawValue: word) else {
            let known = SeccompOperator.allCases.map(\.rawValue).joined(separator: ", ")
            throw mistake(pointer + "/op", "‘\(word)’ is not a comparison; there are \(known)")
        }
        let number = try unsigned(index, at: pointer + "/index")
        guard number <= 5 else { throw mistake(pointer + "/index", "is \(number); arguments are 0 to 5") }
        return SeccompCondition(
            index: UInt32(number), comparison: comparison, value: try unsigned(value, at: pointer + "/value"),
            valueTwo: try unsigned(fields["valueTwo"] ?? 0, at: pointer + "/valueTwo"))
    }

    // MARK: - includes and excludes

    private func applies(_ fields: [String: JSONValue], at pointer: String) throws(SeccompMistake) -> Bool {
        let excludes = try filter(fields["excludes"], at: pointer + "/excludes")
        if excludes.architectures.contains(host.architecture.rawValue) { return false }
        if excludes.capabilities.contains(where: host.capabilities.contains) { return false }
        if let least = excludes.kernel, host.kernel >= least { return false }
        let includes = try filter(fields["includes"], at: pointer + "/includes")
        if !includes.architectures.isEmpty, !includes.architectures.contains(host.architecture.rawValue) {
            return false
        }
        if !includes.capabilities.allSatisfy(host.capabilities.contains) { return false }
        if let least = includes.kernel, host.kernel < least { return false }
        return true
    }

    private struct Filter {
        var capabilities: [String] = []
        var architectures: [String] = []
        var kernel: (Int, Int)?
    }

    private func filter(_ value: JSONValue?, at pointer: String) throws(SeccompMistake) -> Filter {
        guard let value, value != .null else { return Filter() }
        let fields = try object(value, at: pointer, keys: ["caps", "arches", "minKernel"])
        var filter = Filter()
        filter.capabilities = try texts(fields["caps"], at: pointer + "/caps")
        filter.architectures = try texts(fields["arches"], at: pointer + "/arches")
        if let least = fields["minKernel"], least != .null, least != "" {
            let written = try text(least, at: pointer + "/minKernel")
            guard let version = SeccompHost.version(written) else {
                throw mistake(pointer + "/minKernel", "‘\(written)’ is not a kernel version; write \"5.10\"")
            }
            filter.kernel = version
        }
        return filter
    }

    // MARK: - actions

    private func action(
        _ fields: [String: JSONValue], at pointer: String, key: String, numberKey: String, nameKey: String
    ) throws(SeccompMistake) -> SeccompAction {
        let word = try text(fields[key] ?? .null, at: "\(pointer)/\(key)")
        var number: UInt64?
        if let value = fields[numberKey], value != .null {
            let read = try unsigned(value, at: "\(pointer)/\(numberKey)")
            guard (1...4095).contains(read) else {
                throw mistake("\(pointer)/\(numberKey)", "is \(read); an errno is 1 to 4095")
            }
            number = read
        }
        if let value = fields[nameKey], value != .null, value != "" {
            let written = try text(value, at: "\(pointer)/\(nameKey)")
            guard let named = ErrnoName.number(written) else {
                throw mistake(
                    "\(pointer)/\(nameKey)", "‘\(written)’ is not known here; write the number as `\(numberKey)`")
            }
            guard number == nil || number == UInt64(named) else {
                throw mistake("\(pointer)/\(nameKey)", "\(written) is \(named), but `\(numberKey)` says otherwise")
            }
            number = UInt64(named)
        }
        if word == "SCMP_ACT_ERRNO" { return .errno(UInt16(number ?? UInt64(ErrnoName.notPermitted))) }
        guard let action = Self.actions[word] else {
            let known = (Self.actions.keys + ["SCMP_ACT_ERRNO"]).sorted().joined(separator: ", ")
            throw mistake("\(pointer)/\(key)", "‘\(word)’ is not an action that can be taken; there are \(known)")
        }
        return action
    }

    // MARK: - values

    private func mistake(_ pointer: String, _ detail: String) -> SeccompMistake {
        SeccompMistake(policy: policy, pointer: pointer, detail: detail)
    }

    private func object(
        _ value: JSONValue, at pointer: String, keys: Set<String>
    ) throws(SeccompMistake) -> [String: JSONValue] {
        guard case .object(let fields) = value else { throw mistake(pointer, "is \(value.kind), should be an object") }
        if let unknown = fields.keys.filter({ !keys.contains($0) }).min() {
            throw mistake(
                "\(pointer)/\(unknown)", "is not a key here; there are \(keys.sorted().joined(separator: ", "))")
        }
        return fields
    }

    /// A missing list and `null` are empty, as Docker's own policy writes them.
    private func list(_ value: JSONValue?, at pointer: String) throws(SeccompMistake) -> [JSONValue] {
        switch value {
        case nil, .null: return []
        case .array(let entries): return entries
        case .some(let other): throw mistake(pointer, "is \(other.kind), should be a list")
        }
    }

    private func texts(_ value: JSONValue?, at pointer: String) throws(SeccompMistake) -> [String] {
        var texts: [String] = []
        for (place, entry) in try list(value, at: pointer).enumerated() {
            texts.append(try text(entry, at: "\(pointer)/\(place)"))
        }
        return texts
    }

    private func text(_ value: JSONValue, at pointer: String) throws(SeccompMistake) -> String {
        guard case .string(let text) = value else { throw mistake(pointer, "is \(value.kind), should be a text") }
        return text
    }

    private func unsigned(_ value: JSONValue, at pointer: String) throws(SeccompMistake) -> UInt64 {
        switch value {
        case .integer(let number) where number >= 0: return UInt64(number)
        case .integer, .number: throw mistake(pointer, "should be a whole number from 0 to \(Int.max)")
        default: throw mistake(pointer, "is \(value.kind), should be a number")
        }
    }
}
