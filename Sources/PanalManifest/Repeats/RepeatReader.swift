import PanalCore

/// Reads the blocks of fields that are given several times.
enum RepeatReader {
    private static let keys = ["name", "id", "description", "inputs", "minItems", "maxItems", "showIf", "command"]
    private static let foreign = [
        "title": "name", "fields": "inputs", "members": "inputs", "min": "minItems", "max": "maxItems",
        "minimum": "minItems", "maximum": "maxItems", "visibleIf": "showIf", "when": "showIf",
    ]
    /// Blocks of a manifest, and times that one may be given.
    private static let maximumBlocks = 20
    private static let maximumItems = 1_000
    /// Times that one may be given where its author says nothing of it.
    private static let usualItems = 20
    /// Fields of a submission together, each block as often as it may be given.
    static let maximumFields = 2_000

    static func repeats(
        _ document: DocumentReader, inputs: [ManifestInput]
    ) -> [(reader: DocumentReader, block: ManifestRepeat)] {
        var owners: [String: String] = [:]
        var ids = Set(inputs.map(\.id))
        var blocks: [(reader: DocumentReader, block: ManifestRepeat)] = []
        for (index, reader) in document.objects("repeats", maximum: maximumBlocks) {
            reader.reportUnknownKeys(known: keys, foreign: foreign)
            let name = reader.text("name", maximum: 200)
            if name == nil, !reader.has("name") { reader.report(nil, .hasNoName) }
            let id = id(reader, name: name, index: index)
            if !ids.insert(id).inserted { reader.report(reader.has("id") ? "id" : "name", .blockTwice, .text(id)) }
            let members = members(reader, inputs, &owners, block: name ?? id)
            let least = reader.integer("minItems", in: 0...maximumItems) ?? 1
            let most = reader.integer("maxItems", in: 1...maximumItems) ?? max(usualItems, least)
            if least > most { reader.report("minItems", .moreThanOther, .number(least), "maxItems", .number(most)) }
            blocks.append(
                (
                    reader,
                    ManifestRepeat(
                        id: id, name: name ?? id,
                        description: reader.text("description", maximum: 4_000, lines: true), inputs: members,
                        command: CommandTemplate(parts: []), minimumItems: min(least, most), maximumItems: most)
                ))
        }
        let free = inputs.count - owners.count
        let most = blocks.reduce(free) { $0 + $1.block.inputs.count * $1.block.maximumItems }
        if !blocks.isEmpty, most > maximumFields {
            document.report("repeats", .blocksTooLarge, .number(most), .number(maximumFields))
        }
        return blocks
    }

    /// Arguments, conditions and rules of blocks, each as often as it may be there. A command of more arguments could not be started.
    static let maximumParts = 100_000

    static func checkSize(of blocks: [ManifestRepeat], in command: CommandTemplate, _ document: DocumentReader) {
        let parts = blocks.reduce(0) { sum, block in
            let uses = command.parts.count { $0.inputIDs.contains(block.id) }
            let arguments = block.command.parts.reduce(0) { $0 + $1.elements.reduce(0) { $0 + $1.count } }
            let rules =
                block.inputs.reduce(0) { $0 + $1.rulesSize } + block.groups.reduce(0) { $0 + $1.inputs.count }
            return sum + (arguments * max(1, uses) + rules) * block.maximumItems
        }
        if parts > maximumParts { document.report("repeats", .blocksTooLong, .number(parts), .number(maximumParts)) }
    }

    private static func id(_ reader: DocumentReader, name: String?, index: Int) -> String {
        if reader.has("id") {
            guard let id = reader.text("id", maximum: 64) else { return "block_\(index + 1)" }
            if !Slug.isFieldID(id) {
                let near = Slug.fieldID(id)
                reader.report("id", .idOfField, .optional(.write, near.isEmpty ? nil : near))
            }
            return id
        }
        let slug = Slug.fieldID(name ?? "")
        return slug.isEmpty ? "block_\(index + 1)" : slug
    }

    private static func members(
        _ reader: DocumentReader, _ inputs: [ManifestInput], _ owners: inout [String: String], block: String
    ) -> [ManifestInput] {
        let ids = reader.fieldIDs("inputs", among: inputs.map(\.id))
        if reader.has("inputs"), ids.isEmpty, reader.array("inputs", maximum: .max)?.isEmpty == true {
            reader.report("inputs", .blockWithoutFields)
        }
        return ids.enumerated().compactMap { index, id in
            let place = reader.place("inputs") + [String(index)]
            if let other = owners[id] {
                reader.mistakes.add(place, .blockOfTwo, .text(id), .text(other))
                return nil
            }
            owners[id] = block
            guard let input = inputs.first(where: { $0.id == id }) else { return nil }
            if input.route == .standardInput { reader.mistakes.add(place, .blockStandardInput, .text(id)) }
            if case .environment(let variable) = input.route, variable.utf8.count > 60 {
                reader.mistakes.add(place, .blockVariable, .text(variable))
            }
            return input
        }
    }

    /// The fields of no block, and the blocks with theirs, once all rules are read.
    static func split(
        _ rules: RuleReader, _ groups: [ManifestGroup], _ readers: [DocumentReader]
    ) -> (inputs: [ManifestInput], repeats: [ManifestRepeat]) {
        guard !rules.blocks.isEmpty else { return (rules.inputs, []) }
        let byID = Dictionary(rules.inputs.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let owned = Set(rules.blocks.flatMap { $0.inputs.map(\.id) })
        let free = rules.inputs.filter { !owned.contains($0.id) }
        let repeats = zip(rules.blocks, readers).map { block, reader -> ManifestRepeat in
            var block = block
            block.inputs = block.inputs.compactMap { byID[$0.id] }
            let ids = Set(block.inputs.map(\.id))
            block.groups = groups.filter { group in !group.inputs.isEmpty && group.inputs.allSatisfy(ids.contains) }
            let first = block.inputs.map(\.position).min() ?? 0
            block.place = free.count { $0.position < first }
            block.command = CommandReader(reader, inputs: block.inputs, blocks: nil).template
            return block
        }
        return (free, repeats.sorted { ($0.place, $0.firstPosition) < ($1.place, $1.firstPosition) })
    }
}

extension ManifestRepeat {
    fileprivate var firstPosition: Int { inputs.map(\.position).min() ?? 0 }
}

extension ManifestInput {
    fileprivate var rulesSize: Int {
        (showIf?.size ?? 0) + requires.count + disables.count + valueRequires.values.reduce(0) { $0 + $1.count }
            + valueDisables.values.reduce(0) { $0 + $1.count }
    }
}

extension Condition {
    /// How much there is to copy and to judge.
    fileprivate var size: Int {
        switch self {
        case .given, .between: 1
        case .isOneOf(_, let values): 1 + values.count
        case .all(let parts), .any(let parts): parts.reduce(1) { $0 + $1.size }
        case .not(let part): 1 + part.size
        }
    }
}
