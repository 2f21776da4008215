import PanalCore
import Yams

/// Reads a file of profiles: a mapping `profiles:` from names to settings, and beside it, if wanted, `defaults:` with
/// the settings that hold where a profile does not say another.
struct ProfileReader {
    private let file: String
    private(set) var mistakes: [ProfileMistake] = []

    init(file: String) {
        self.file = file
    }

    mutating func read(_ text: String) -> [LocatedProfile] {
        guard let root = parse(text) else { return [] }
        guard case .mapping(let document) = root else {
            report(root, "the file should be a mapping that begins with profiles:")
            return []
        }
        var defaults: [ProfileKey: Node] = [:]
        var list: Node?
        for (key, value) in document {
            switch key.string {
            case "profiles": list = value
            case "defaults": defaults = settings(value, owner: "defaults")
            default: report(key, "‘\(key.string ?? "?")’ is no key here; known are profiles and defaults")
            }
        }
        guard let list else {
            report(root, "the file has no profiles:")
            return []
        }
        guard case .mapping(let entries) = list, !entries.isEmpty else {
            report(list, "profiles: should be a mapping from names to settings")
            return []
        }
        var profiles: [LocatedProfile] = []
        for (key, value) in entries {
            guard let name = key.string, Self.isName(name) else {
                report(
                    key,
                    "‘\(key.string ?? "?")’ is no name of a profile; write 1 to 40 of a-z, 0-9 and -, a letter first")
                continue
            }
            let own = settings(value, owner: name)
            if let profile = profile(name, own.merging(defaults) { own, _ in own }, at: key) {
                profiles.append(
                    LocatedProfile(
                        profile: profile, file: file, line: key.mark?.line ?? 0, column: key.mark?.column ?? 0))
            }
        }
        return profiles
    }

    private static func isName(_ text: String) -> Bool {
        guard (1...40).contains(text.utf8.count), let first = text.utf8.first, (0x61...0x7A).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }

    // MARK: YAML

    private mutating func parse(_ text: String) -> Node? {
        do {
            // The basic resolver leaves scalars as they are written: what a number is, the settings say.
            guard let node = try compose(yaml: text, .basic) else {
                mistakes.append(ProfileMistake(file: file, line: 1, column: 1, detail: "the file is empty"))
                return nil
            }
            return node
        } catch let error as YamlError {
            mistakes.append(mistake(error, text))
        } catch {
            mistakes.append(ProfileMistake(file: file, line: 0, column: 0, detail: "is no YAML: \(error)"))
        }
        return nil
    }

    private func mistake(_ error: YamlError, _ text: String) -> ProfileMistake {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return ProfileMistake(file: file, line: mark.line, column: mark.column, detail: "is no YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            let place = Self.second(duplicates, from: context.mark, in: text)
            let names = duplicates.sorted().joined(separator: ", ")
            return ProfileMistake(
                file: file, line: place.line, column: place.column, detail: "\(names): stands twice; keep one of them")
        case .reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0)
            let column = before.reversed().prefix { !$0.isNewline }.count + 1
            let line = before.count { $0.isNewline } + 1
            return ProfileMistake(file: file, line: line, column: column, detail: "is no YAML: \(problem)")
        default:
            return ProfileMistake(file: file, line: 0, column: 0, detail: "is no YAML: \(error)")
        }
    }

    /// The parser says where the mapping begins that has a key twice; the second of them is below.
    private static func second(_ keys: [String], from mark: Mark, in text: String) -> (line: Int, column: Int) {
        var seen: Set<String> = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        where index + 1 >= mark.line {
            let indentation = line.prefix { $0 == " " }.count
            guard indentation == mark.column - 1 else { continue }
            let key = String(line.dropFirst(indentation).prefix { $0 != ":" })
            if keys.contains(key), !seen.insert(key).inserted { return (index + 1, indentation + 1) }
        }
        return (mark.line, mark.column)
    }

    mutating func report(_ node: Node, _ detail: String) {
        mistakes.append(
            ProfileMistake(file: file, line: node.mark?.line ?? 0, column: node.mark?.column ?? 0, detail: detail))
    }

    private mutating func settings(_ node: Node, owner: String) -> [ProfileKey: Node] {
        guard case .mapping(let entries) = node else {
            report(node, "\(owner): should be a mapping of settings, such as cores: 1")
            return [:]
        }
        var settings: [ProfileKey: Node] = [:]
        for (key, value) in entries {
            let word = key.string ?? "?"
            if let known = ProfileKey(rawValue: word) {
                settings[known] = value
                continue
            }
            let near = ProfileKey.synonyms[word.lowercased()].map { "did you mean \($0.rawValue)?" }
            let known = ProfileKey.allCases.map(\.rawValue).joined(separator: ", ")
            report(key, "‘\(word)’ is no setting; \(near ?? "known are \(known)")")
        }
        return settings
    }
}

// MARK: - Values

extension ProfileReader {
    private mutating func profile(_ name: String, _ settings: [ProfileKey: Node], at place: Node) -> Profile? {
        let missing = ProfileKey.allCases.filter { settings[$0] == nil && !$0.isOptional }
        for key in missing {
            report(place, "\(name): \(key.rawValue) is missing; write for example \(key.rawValue): \(key.example)")
        }
        let before = mistakes.count
        let cores = grant(settings[.cores])
        let limits = CellLimits(
            cpu: cores, cpuBurst: burst(settings, of: cores), memory: bytes(.memory, settings),
            processes: count(.processes, settings),
            wallTime: time(.time, settings), cpuTime: time(.cpuTime, settings), scratchBytes: bytes(.scratch, settings),
            scratchFiles: count(.scratchFiles, settings), outputBytes: bytes(.output, settings),
            collectedFiles: count(.resultFiles, settings), collectedBytes: bytes(.results, settings),
            openFiles: count(.openFiles, settings), fileBytes: bytes(.fileSize, settings),
            diskRead: rate(.diskRead, settings))
        let profile = Profile(
            name: name, summary: text(.summary, settings, limit: 200) ?? "", limits: limits, seccomp: policy(settings),
            network: network(settings), tariff: tariff(settings))
        guard missing.isEmpty, mistakes.count == before else { return nil }
        if limits.scratchBytes > limits.memory, let node = settings[.scratch] {
            report(
                node,
                "scratch: \(ByteCount.text(limits.scratchBytes)) is more than the memory, "
                    + "\(ByteCount.text(limits.memory)); "
                    + "scratch files are kept in memory and count as such")
            return nil
        }
        let most = Duration.seconds(ProfileKey.longestTime * limits.cpu.parallelism)
        if limits.cpuTime > most, let node = settings[.cpuTime] {
            report(
                node,
                "cpu-time: \(Quantity.text(limits.cpuTime)) is more than \(limits.cpu.parallelism) "
                    + "\(limits.cpu.parallelism == 1 ? "core" : "cores") can use in the longest time that a run may take; "
                    + "write at most \(Quantity.text(most))")
            return nil
        }
        return profile
    }

    mutating func scalar(_ key: ProfileKey, _ settings: [ProfileKey: Node]) -> String? {
        guard let node = settings[key] else { return nil }
        guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
            report(node, "\(key.rawValue): should be one value, for example \(key.example)")
            return nil
        }
        return scalar.string
    }

    private mutating func text(_ key: ProfileKey, _ settings: [ProfileKey: Node], limit: Int) -> String? {
        guard let text = scalar(key, settings), let node = settings[key] else { return nil }
        guard text.unicodeScalars.count <= limit else {
            report(node, "\(key.rawValue): has more than \(limit) characters")
            return nil
        }
        return text
    }

    private mutating func policy(_ settings: [ProfileKey: Node]) -> String {
        guard let name = text(.seccomp, settings, limit: 40), let node = settings[.seccomp] else { return "" }
        if !Self.isName(name) {
            report(
                node,
                "seccomp: ‘\(name)’ is no name of a policy; write the name of its file without .json, such as default")
        }
        return name
    }

    private mutating func burst(_ settings: [ProfileKey: Node], of cores: CPUGrant) -> Duration {
        guard let text = scalar(.cpuBurst, settings), let node = settings[.cpuBurst] else { return .zero }
        do {
            let span = try Quantity.duration(text)
            guard case .shared(let millicores) = cores else {
                if span > .zero { report(node, "cpu-burst: whole cores have nothing to save up; leave it out") }
                return .zero
            }
            let share = Duration.microseconds(millicores * 100)
            if span > share {
                report(
                    node,
                    "cpu-burst: \(text) is more than the share of one period of 100ms, which is "
                        + "\(Quantity.text(share))")
            }
            return span
        } catch {
            report(node, "cpu-burst: \(error.detail)")
            return .zero
        }
    }

    private mutating func network(_ settings: [ProfileKey: Node]) -> CellNetwork {
        guard let word = scalar(.network, settings), let node = settings[.network] else { return .none }
        if let network = CellNetwork(rawValue: word) { return network }
        let known = CellNetwork.allCases.map(\.rawValue).joined(separator: " or ")
        report(node, "network: ‘\(word)’ is no network; write \(known)")
        return .none
    }

    /// Whole cores are exclusive; a fraction is a share.
    private mutating func grant(_ node: Node?) -> CPUGrant {
        let nothing = CPUGrant.exclusive(cores: 1)
        guard let node, let text = scalar(.cores, [.cores: node]) else { return nothing }
        if let whole = Int(text) {
            if (1...ProfileKey.maximumCores).contains(whole) { return .exclusive(cores: whole) }
            report(
                node, "cores: \(whole) is out of range; write 1 to \(ProfileKey.maximumCores), or a fraction from 0.01")
            return nothing
        }
        let digits = text.split(separator: ".", omittingEmptySubsequences: false)
        guard digits.count == 2,
            digits.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let value = Double(text)
        else {
            report(
                node, "cores: ‘\(text)’ is no number of cores; write whole ones such as 2, or a fraction such as 0.5")
            return nothing
        }
        let millicores = (value * 1_000).rounded()
        guard abs(value * 1_000 - millicores) < 1e-6 else {
            report(node, "cores: ‘\(text)’ is finer than a thousandth of a core; write at most three places")
            return nothing
        }
        guard millicores >= 10, millicores <= Double(ProfileKey.maximumCores * 1_000) else {
            report(node, "cores: \(text) is out of range; write 0.01 to \(ProfileKey.maximumCores)")
            return nothing
        }
        if millicores.truncatingRemainder(dividingBy: 1_000) == 0 {
            report(
                node,
                "cores: ‘\(text)’ could be whole cores or a share; write \(Int(value)) for cores that nobody else uses")
            return nothing
        }
        return .shared(millicores: Int(millicores))
    }

    private mutating func bytes(_ key: ProfileKey, _ settings: [ProfileKey: Node]) -> Int {
        guard case .bytes(let range) = key.kind, let text = scalar(key, settings), let node = settings[key] else {
            return 0
        }
        do {
            let bytes = try Quantity.bytes(text)
            if Int(text) != nil, bytes != 0 {
                report(
                    node,
                    "\(key.rawValue): ‘\(text)’ has no unit; write for example \(key.example), or \(text)B for bytes")
            } else if !range.contains(bytes) {
                report(
                    node,
                    "\(key.rawValue): \(text) is out of range; write "
                        + "\(ByteCount.text(range.lowerBound)) to \(ByteCount.text(range.upperBound))")
            }
            return bytes
        } catch {
            report(node, "\(key.rawValue): \(error.detail)")
            return 0
        }
    }

    /// Nil where it is left out.
    private mutating func rate(_ key: ProfileKey, _ settings: [ProfileKey: Node]) -> Int? {
        guard case .rate(let range) = key.kind, let text = scalar(key, settings), let node = settings[key] else {
            return nil
        }
        do {
            let bytes = try Quantity.bytesPerSecond(text)
            if !range.contains(bytes) {
                report(
                    node,
                    "\(key.rawValue): \(text) is out of range; write \(ByteCount.text(range.lowerBound))/s to "
                        + "\(ByteCount.text(range.upperBound))/s, or leave it out for no limit")
            }
            return bytes
        } catch {
            report(node, "\(key.rawValue): \(error.detail)")
            return nil
        }
    }

    private mutating func count(_ key: ProfileKey, _ settings: [ProfileKey: Node]) -> Int {
        guard case .count(let range) = key.kind, let text = scalar(key, settings), let node = settings[key] else {
            return 0
        }
        guard let count = Int(text), range.contains(count) else {
            report(
                node,
                "\(key.rawValue): ‘\(text)’ should be a whole number from \(range.lowerBound) to \(range.upperBound)")
            return 0
        }
        return count
    }

    private mutating func time(_ key: ProfileKey, _ settings: [ProfileKey: Node]) -> Duration {
        guard case .time(let range) = key.kind, let text = scalar(key, settings), let node = settings[key] else {
            return .zero
        }
        do {
            let span = try Quantity.duration(text)
            if span < .seconds(range.lowerBound) || span > .seconds(range.upperBound) {
                let most = Quantity.text(.seconds(range.upperBound))
                report(node, "\(key.rawValue): \(text) is out of range; write \(range.lowerBound)s to \(most)")
            }
            return span
        } catch {
            report(node, "\(key.rawValue): \(error.detail)")
            return .zero
        }
    }
}
