import Configuration
import FoundationEssentials
import PanalCore
import SystemPackage
import Yams

/// Why the settings cannot be used: for the operator, naming the flag, the variable or the line, and what would be
/// right.
struct SettingsMistake: Error, Hashable {
    var detail: String
}

/// Takes the settings from flags, environment and file, in this order, through one reader.
struct SettingsReader {
    private let reader: ConfigReader
    /// Where a key's value came from, for messages.
    private let origins: [(keys: Set<String>, name: @Sendable (Setting) -> String)]

    /// `arguments` without the program's name. Throws `SettingsMistake`.
    init(arguments: [String], environment: [String: String]) async throws {
        let flags = try Self.flags(arguments)
        var variables: [String: String] = [:]
        for setting in [Setting.file] + Setting.all {
            // Under the names that the provider looks for: the prefix is ours.
            if let value = environment[setting.variable], !value.isEmpty {
                variables[String(setting.variable.dropFirst(6))] = value
            }
        }
        let flagProvider = CommandLineArgumentsProvider(
            arguments: ["panald"] + flags.flatMap { ["--\($0.key)=\($0.value)"] })
        let variableProvider = EnvironmentVariablesProvider(environmentVariables: variables)
        var providers: [any ConfigProvider] = [flagProvider, variableProvider]
        var origins: [(Set<String>, @Sendable (Setting) -> String)] = [
            (Set(flags.keys), { $0.flag }),
            (
                Set(([Setting.file] + Setting.all).filter { environment[$0.variable]?.isEmpty == false }.map(\.key)),
                { "the variable \($0.variable)" }
            ),
        ]
        if let path = ConfigReader(providers: providers).string(forKey: ConfigKey([Setting.file.key])) {
            let keys = try Self.keys(ofFile: path)
            do {
                providers.append(try await FileProvider<YAMLSnapshot>(filePath: FilePath(path)))
            } catch {
                throw SettingsMistake(detail: "\(path) cannot be read as YAML: \(error)")
            }
            origins.append((keys, { "\(path), \($0.key)" }))
        }
        reader = ConfigReader(providers: providers)
        self.origins = origins
    }

    /// The value as it was written; the default where it was not.
    func text(_ key: String) throws -> String {
        let setting = try Self.setting(key)
        do {
            return try reader.fetchedString(key) ?? setting.standard
        } catch {
            throw SettingsMistake(detail: "\(origin(setting)): one value is expected")
        }
    }

    func integer(_ key: String) throws -> Int {
        let setting = try Self.setting(key)
        guard case .integer(let range) = setting.kind, let value = Int(try text(key)), range.contains(value) else {
            throw try wrong(setting, "a whole number\(Self.bounds(setting.kind))")
        }
        return value
    }

    func bytes(_ key: String) throws -> Int {
        do {
            return try Quantity.bytes(try text(key))
        } catch let mistake as QuantityMistake {
            throw SettingsMistake(detail: "\(origin(try Self.setting(key))): \(mistake.detail)")
        }
    }

    /// `shortest` at least.
    func duration(_ key: String, shortest: Duration = .seconds(1)) throws -> Duration {
        do {
            let span = try Quantity.duration(try text(key))
            guard span >= shortest else {
                throw try wrong(try Self.setting(key), "at least \(Quantity.text(shortest))")
            }
            return span
        } catch let mistake as QuantityMistake {
            throw SettingsMistake(detail: "\(origin(try Self.setting(key))): \(mistake.detail)")
        }
    }

    func boolean(_ key: String) throws -> Bool {
        switch try text(key) {
        case "true", "yes", "1": return true
        case "false", "no", "0": return false
        default: throw try wrong(try Self.setting(key), "true or false")
        }
    }

    func word(_ key: String) throws -> String {
        let setting = try Self.setting(key)
        let value = try text(key)
        guard case .word(let words) = setting.kind, words.contains(value) else {
            throw try wrong(setting, "one of \(setting.kind.placeholder.replacing("|", with: ", "))")
        }
        return value
    }

    func userRange(_ key: String) throws -> Range<UInt32> {
        let halves = try text(key).split(separator: "-", omittingEmptySubsequences: false)
        guard halves.count == 2, let first = UInt32(halves[0]), let last = UInt32(halves[1]), first >= 1_000,
            last > first, last < .max
        else {
            throw try wrong(try Self.setting(key), "two ids such as 2000000000-2000008191, the first at least 1000")
        }
        return first..<(last + 1)
    }

    func wrong(_ setting: Setting, _ expected: String) throws -> SettingsMistake {
        SettingsMistake(detail: "\(origin(setting)): ‘\(try text(setting.key))’ is not \(expected)")
    }

    private func origin(_ setting: Setting) -> String {
        origins.first { $0.keys.contains(setting.key) }?.name(setting) ?? "the default of \(setting.flag)"
    }

    private static func bounds(_ kind: Setting.Kind) -> String {
        guard case .integer(let range) = kind else { return "" }
        return " from \(range.lowerBound) to \(range.upperBound)"
    }

    static func setting(_ key: String) throws -> Setting {
        guard let setting = ([Setting.file] + Setting.all).first(where: { $0.key == key }) else {
            throw SettingsMistake(detail: "there is no setting ‘\(key)’")
        }
        return setting
    }

    /// The flags by key. Every argument must be one that the table has.
    private static func flags(_ arguments: [String]) throws -> [String: String] {
        var found: [String: String] = [:]
        var rest = arguments[...]
        if rest.first == "serve" { rest.removeFirst() }
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--"), argument != "--" else {
                throw SettingsMistake(detail: "‘\(argument)’ is no setting; they are written --name VALUE (see --help)")
            }
            let halves = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(halves[0])
            guard let setting = ([Setting.file] + Setting.all).first(where: { $0.key == key }) else {
                throw SettingsMistake(detail: unknown("--\(key)", among: ([Setting.file] + Setting.all).map(\.flag)))
            }
            guard found[key] == nil else { throw SettingsMistake(detail: "\(setting.flag) is given twice") }
            if halves.count == 2 {
                found[key] = String(halves[1])
            } else if setting.kind == .boolean, rest.first?.hasPrefix("--") ?? true {
                found[key] = "true"
            } else if let value = rest.popFirst(), !value.hasPrefix("--") {
                found[key] = value
            } else {
                throw SettingsMistake(
                    detail: "\(setting.flag) needs a value: \(setting.flag) \(setting.kind.placeholder)")
            }
        }
        return found
    }

    /// The keys of the settings file; every one must be one that the table has.
    private static func keys(ofFile path: String) throws -> Set<String> {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SettingsMistake(detail: "the settings file \(path) cannot be read")
        }
        let root: Node?
        do {
            root = try Parser(yaml: data).singleRoot()
        } catch {
            throw SettingsMistake(detail: "\(path) is not YAML: \(error)")
        }
        guard let mapping = root?.mapping else {
            throw SettingsMistake(detail: "\(path): expected lines of the form ‘key: value’")
        }
        var keys: Set<String> = []
        for (node, _) in mapping {
            let key = node.string ?? ""
            guard Setting.all.contains(where: { $0.key == key }) else {
                let line = node.mark.map { ":\($0.line):\($0.column)" } ?? ""
                throw SettingsMistake(detail: "\(path)\(line): \(unknown(key, among: Setting.all.map(\.key)))")
            }
            keys.insert(key)
        }
        return keys
    }

    private static func unknown(_ name: String, among known: [String]) -> String {
        let near = known.min { distance($0, name) < distance($1, name) }.flatMap { distance($0, name) <= 3 ? $0 : nil }
        return "there is no setting ‘\(name)’" + (near.map { "; did you mean \($0)?" } ?? " (see --help)")
    }

    /// How many letters have to change (Levenshtein).
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (i, letter) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in right.indices {
                let cost = diagonal + (letter == right[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(cost, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[right.count]
    }
}

extension ConfigReader {
    /// Throws where a provider has the key with more than one value.
    fileprivate func fetchedString(_ key: String) throws -> String? {
        // `requiredString` throws both for a missing key and for one that is not a text; only the latter is a mistake
        // here.
        if let value = string(forKey: ConfigKey([key])) { return value }
        return nil
    }
}
