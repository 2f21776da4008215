import PanalCore

/// Reads what fields say of each other, once all of them are known. The rules are held against each other too: a circle
/// of conditions, or a rule that nothing can satisfy, is a mistake of the manifest.
struct RuleReader {
    static let inputKeys = ["showIf", "requires", "disables", "valueRequires", "valueDisables"]
    /// As Boutiques and the contract spell them.
    static let spellings = ["value-requires": "valueRequires", "value-disables": "valueDisables"]
    private static let groupKeys = ["name", "description", "inputs", "rule"]
    private static let maximumNesting = 8

    let document: DocumentReader
    /// In the manifest's order.
    private(set) var inputs: [ManifestInput]
    private let readers: [DocumentReader]
    private var places: [String: Int]
    private var ids: [String] { inputs.map(\.id) }
    private let blockReaders: [DocumentReader]
    /// With their conditions, once all is read.
    private(set) var blocks: [ManifestRepeat]
    /// The block of each field that is in one.
    private let blockOf: [String: String]

    init(
        _ document: DocumentReader, _ fields: [(reader: DocumentReader, input: ManifestInput)],
        blocks read: [(reader: DocumentReader, block: ManifestRepeat)]
    ) {
        self.document = document
        blockReaders = read.map(\.reader)
        blocks = read.map(\.block)
        var blockOf: [String: String] = [:]
        for (_, block) in read { for input in block.inputs { blockOf[input.id] = block.id } }
        self.blockOf = blockOf
        inputs = fields.map(\.input)
        readers = fields.map(\.reader)
        places = Dictionary(inputs.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The groups, and the sections with their conditions, which become their fields' too.
    mutating func read(
        _ read: [(reader: DocumentReader, section: ManifestSection)]
    ) -> (groups: [ManifestGroup], sections: [ManifestSection]) {
        var sections = read.map(\.section)
        for place in inputs.indices { readRules(place) }
        for (index, reader) in read.map(\.reader).enumerated() {
            guard let value = reader.members["showIf"] else { continue }
            sections[index].showIf = condition(value, reader.place("showIf"), reader.mistakes, of: nil, depth: 0)
        }
        for (place, reader) in blockReaders.enumerated() {
            guard let value = reader.members["showIf"] else { continue }
            blocks[place].showIf = condition(value, reader.place("showIf"), reader.mistakes, of: nil, depth: 0)
        }
        for section in sections {
            guard let condition = section.showIf else { continue }
            for id in section.inputs {
                if let place = places[id] {
                    inputs[place].showIf = inputs[place].showIf.map { .all([condition, $0]) } ?? condition
                } else if let place = blocks.firstIndex(where: { $0.id == id }) {
                    blocks[place].showIf = blocks[place].showIf.map { .all([condition, $0]) } ?? condition
                }
            }
        }
        let groups = groups()
        checkTargets()
        checkCircles()
        return (groups, sections)
    }

    // MARK: Of a field

    private mutating func readRules(_ place: Int) {
        let reader = readers[place]
        let id = inputs[place].id
        if let value = reader.members["showIf"] {
            inputs[place].showIf = condition(value, reader.place("showIf"), reader.mistakes, of: id, depth: 0)
        }
        inputs[place].requires = others("requires", reader, of: id)
        inputs[place].disables = others("disables", reader, of: id)
        for other in inputs[place].requires where inputs[place].disables.contains(other) {
            reader.report("disables", .requiresAndDisables, .text(other))
        }
        inputs[place].valueRequires = byValue("valueRequires", reader, inputs[place])
        inputs[place].valueDisables = byValue("valueDisables", reader, inputs[place])
    }

    private func others(_ key: String, _ reader: DocumentReader, of id: String) -> [String] {
        guard reader.has(key) else { return [] }
        let found = reader.fieldIDs(key, among: ids)
        if found.contains(id) { reader.report(key, .ofItself) }
        for other in found where !isWithinReach(other, of: id) {
            reader.report(key, .memberOfOtherBlock, .text(other), .text(blockOf[other] ?? ""))
        }
        return found.filter { $0 != id }
    }

    /// Whether a rule of `id` (nil: of a section or a block) can be about `other`: of a field in a block there may be several, and only
    /// those of the same block know which one is meant.
    private func isWithinReach(_ other: String, of id: String?) -> Bool {
        guard let block = blockOf[other] else { return true }
        return id.flatMap { blockOf[$0] } == block
    }

    /// `{"value": ["other field"]}`
    private func byValue(_ key: String, _ reader: DocumentReader, _ input: ManifestInput) -> [String: [String]] {
        let spelling = Self.spellings.first { $0.value == key && reader.has($0.key) }?.key ?? key
        guard let value = reader.members[spelling],
            let object = DocumentReader(value, at: reader.place(spelling), reader.mistakes)
        else { return [:] }
        var found: [String: [String]] = [:]
        for text in object.members.keys.sorted() {
            do {
                let others = others(text, object, of: input.id)
                let canonical = input.canonical(try input.accepted(text))
                if !others.isEmpty { found[canonical] = others }
            } catch {
                object.report(text, error.remark)
            }
        }
        return found
    }

    // MARK: Conditions

    /// Nil, and a mistake, where it cannot be understood.
    private func condition(
        _ value: JSONValue, _ place: [String], _ mistakes: MistakeList, of id: String?, depth: Int
    ) -> Condition? {
        guard depth < Self.maximumNesting else {
            mistakes.add(place, .conditionTooDeep, .number(Self.maximumNesting))
            return nil
        }
        if case .string(let other) = value { return input(other, place, mistakes, of: id).map { .given($0.id) } }
        guard case .object(let members) = value, let reader = DocumentReader(value, at: place, mistakes) else {
            mistakes.add(place, .conditionForm)
            return nil
        }
        let words = members.keys.filter { !$0.hasPrefix("x-") }
        for (word, make) in [("all", Condition.all), ("any", Condition.any)] where words == [word] {
            guard let parts = reader.array(word, maximum: 50), !parts.isEmpty else {
                mistakes.add(place, .conditionForm)
                return nil
            }
            let read = parts.enumerated().map { index, part in
                condition(part, place + [word, String(index)], mistakes, of: id, depth: depth + 1)
            }
            return read.contains(nil) ? nil : make(read.compactMap { $0 })
        }
        if words == ["not"], let part = members["not"] {
            return condition(part, place + ["not"], mistakes, of: id, depth: depth + 1).map { .not($0) }
        }
        if words.contains("input") { return test(reader, of: id) }
        // `{"format": "mp3"}` and `{"format": ["mp3", "ogg"]}`
        guard words.count == 1, let other = words.first, let wanted = members[other] else {
            mistakes.add(place, .conditionForm)
            return nil
        }
        return input(other, place, mistakes, of: id).flatMap { equality($0, wanted, place + [other], mistakes) }
    }

    private static let testKeys = [
        "input", "given", "equals", "in", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    ]

    /// `{"input": "size", "minimum": 3}`
    private func test(_ reader: DocumentReader, of id: String?) -> Condition? {
        reader.reportUnknownKeys(
            known: Self.testKeys, foreign: ["is": "equals", "value": "equals", "field": "input", "values": "in"])
        guard let name = reader.text("input", maximum: 64),
            let input = input(name, reader.place("input"), reader.mistakes, of: id)
        else { return nil }
        var parts: [Condition] = []
        if let isGiven = reader.boolean("given") {
            parts.append(isGiven ? .given(name) : .not(.given(name)))
        }
        for key in ["equals", "in"] {
            guard let wanted = reader.members[key] else { continue }
            parts.append(contentsOf: equality(input, wanted, reader.place(key), reader.mistakes).map { [$0] } ?? [])
        }
        let bounds = InputReader(reader: reader, type: input.type, isList: false)
        let (minimum, maximum) = (bounds.bound("minimum"), bounds.bound("maximum"))
        if minimum != nil || maximum != nil { parts.append(.between(name, minimum: minimum, maximum: maximum)) }
        if parts.isEmpty {
            if reader.members.count == 1 { reader.report(nil, .conditionForm) }
            return nil
        }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    private func equality(
        _ input: ManifestInput, _ wanted: JSONValue, _ place: [String], _ mistakes: MistakeList
    ) -> Condition? {
        if input.type == .file || input.type == .json || input.type == .secret {
            mistakes.add(place, .conditionOnlyGiven, .text(input.type.rawValue))
            return nil
        }
        let elements: [JSONValue] = if case .array(let list) = wanted { list } else { [wanted] }
        // A section's condition is every one of its fields' and stands in the schema as often.
        guard elements.count <= Condition.maximumValues else {
            mistakes.add(place, .tooManyEntries, .number(elements.count), .number(Condition.maximumValues))
            return nil
        }
        var values: [String] = []
        for element in elements {
            do {
                values.append(input.canonical(try input.accepted(element.submittedText)))
            } catch {
                mistakes.add(place, error.remark)
            }
        }
        let characters = values.reduce(0) { $0 + $1.utf8.count }
        guard characters <= Condition.maximumCharacters else {
            mistakes.add(place, .tooManyCharacters, .number(characters), .number(Condition.maximumCharacters))
            return nil
        }
        return values.count == elements.count && !values.isEmpty ? .isOneOf(input.id, values) : nil
    }

    private func input(
        _ other: String, _ place: [String], _ mistakes: MistakeList, of id: String?
    ) -> ManifestInput? {
        guard let found = places[other] else {
            let near = Nearest.to(other, among: ids)
            mistakes.add(
                place,
                near.map { Remark(.unknownFieldNear, .text(other), .text($0)) } ?? Remark(.unknownField, .text(other)))
            return nil
        }
        if other == id {
            mistakes.add(place, .ofItself)
            return nil
        }
        guard isWithinReach(other, of: id) else {
            mistakes.add(place, .memberOfOtherBlock, .text(other), .text(blockOf[other] ?? ""))
            return nil
        }
        return inputs[found]
    }

    // MARK: Groups

    private func groups() -> [ManifestGroup] {
        document.objects("groups", maximum: 50).compactMap { _, reader in
            reader.reportUnknownKeys(
                known: Self.groupKeys,
                foreign: [
                    "members": "inputs", "fields": "inputs", "type": "rule", "mutually-exclusive": "rule",
                    "one-is-required": "rule", "all-or-none": "rule", "title": "name",
                ])
            let members = reader.fieldIDs("inputs", among: ids)
            if reader.has("inputs"), members.count < 2 { reader.report("inputs", .groupOfTwo) }
            if Set(members.map { blockOf[$0] }).count > 1 { reader.report("inputs", .groupAcrossBlocks) }
            let words = ManifestGroup.Rule.allCases.map(\.rawValue)
            guard reader.has("rule") else {
                reader.report(nil, .noRule, .list(words))
                return nil
            }
            guard let word = reader.text("rule", maximum: 40) else { return nil }
            guard let rule = ManifestGroup.Rule(word: word) else {
                reader.report("rule", .unknownRule, .text(word), .nearest(to: word, among: words))
                return nil
            }
            for (index, id) in members.enumerated() {
                checkLeaveable(id, reader.place("inputs") + [String(index)], .groupNeedsOptional)
            }
            return ManifestGroup(
                name: reader.text("name", maximum: 200),
                description: reader.text("description", maximum: 4_000, lines: true), inputs: members, rule: rule)
        }
    }

    // MARK: Rules against each other

    /// What a rule may forbid has to be a field that can be left out: a default would always be there.
    private func checkLeaveable(_ id: String, _ place: [String], _ phrase: ManifestPhrase) {
        guard let found = places[id] else { return }
        let input = inputs[found]
        if input.isRequired { document.mistakes.add(place, phrase, .text(id)) }
        if input.defaultValue != nil, input.defaultValue != .boolean(false) {
            document.mistakes.add(place, .ruleWithDefault, .text(id))
        }
    }

    private func checkTargets() {
        for (input, reader) in zip(inputs, readers) {
            for other in input.disables { checkLeaveable(other, reader.place("disables"), .disabledNeedsOptional) }
            for other in Set(input.valueDisables.values.joined()).sorted() {
                checkLeaveable(other, reader.place("valueDisables"), .disabledNeedsOptional)
            }
        }
    }

    /// A field's showing may not hang on itself by way of others.
    private func checkCircles() {
        var done: Set<String> = []
        for (place, input) in inputs.enumerated() where input.showIf != nil {
            guard let circle = circle(from: input.id, path: [], &done) else { continue }
            let reader = readers[place]
            reader.report(reader.has("showIf") ? "showIf" : nil, .circle, .text(circle.joined(separator: " → ")))
            return
        }
    }

    private func circle(from id: String, path: [String], _ done: inout Set<String>) -> [String]? {
        if let start = path.firstIndex(of: id) { return Array(path[start...]) + [id] }
        guard !done.contains(id) else { return nil }
        let found = places[id].map { inputs[$0] }
        for other in (found?.showIf?.inputs ?? []).sorted() {
            if let circle = circle(from: other, path: path + [id], &done) { return circle }
        }
        done.insert(id)
        return nil
    }
}
