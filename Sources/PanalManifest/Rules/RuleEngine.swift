import PanalCore

/// Judges a submission: what each field comes to, which are not asked for, and whether they go together. It knows no
/// face, keeps nothing, and is the only place that decides; a page's script decides the same out of
/// ``Manifest/ruleDescription`` for courtesy.
///
/// 1. Fields are taken in an order in which each comes after those that its `showIf` looks at.
/// 2. One whose `showIf` does not hold is not asked for: it has no value, not even its default. What was submitted for it is
///    ignored where it is empty or the default, as a form without a script sends it, and is a mistake otherwise.
/// 3. `requires`, `disables` and groups hold over what is given then. A default counts as given; a boolean is given when
///    it is true; of a group only the fields that are asked for count.
/// 4. What hangs on a field that has a mistake itself is not judged.
/// 5. A block that is given several times has its fields among the others as often (``Manifest/unrolled(_:)``); how often it may be is
///    judged here, the least only where it is asked for.
struct RuleEngine {
    let manifest: Manifest
    private(set) var values: [String: FieldValue] = [:]
    private(set) var hidden: Set<String> = []
    private var facts: [String: RuleValue] = [:]
    private var broken: Set<String> = []
    private var remarks: [String: [Remark]] = [:]

    private let hasRules: Bool

    init(_ manifest: Manifest) {
        self.manifest = manifest
        hasRules = manifest.hasRules
    }

    /// Mistakes by field, in the manifest's order.
    mutating func judge(_ submission: Submission) -> [Mistake] {
        for place in manifest.order {
            let input = manifest.inputs[place]
            if let typed = submission.typed?[input.id] {
                take(input, typed, as: submission.values[input.id] ?? [])
            } else if input.type == .json, !input.isList, let document = submission.documents[input.id] {
                take(input, [.text(document.submittedText)])
            } else {
                take(input, submission.values[input.id] ?? [])
            }
        }
        if hasRules {
            for input in manifest.inputs { hold(input) }
            for group in manifest.groups { hold(group) }
        }
        for block in manifest.repeats { hold(block) }
        guard !remarks.isEmpty else { return [] }
        return (manifest.inputs.map(\.id) + manifest.repeats.map(\.id)).flatMap { id in
            (remarks[id] ?? []).map { Mistake(BlockPlace.pointer(to: id), $0) }
        }
    }

    private mutating func hold(_ block: ManifestRepeat) {
        var least = block.minimumItems
        if let condition = block.showIf {
            if !condition.inputs.isDisjoint(with: broken) {
                least = 0
            } else if !condition.holds({ facts[$0] }) {
                hidden.insert(block.id)
                least = 0
            }
        }
        let count = manifest.counts?[block.id] ?? 0
        guard !(least...block.maximumItems).contains(count) else { return }
        note(
            block.id,
            Remark(.takesBlocks, .number(block.minimumItems), .number(block.maximumItems), .number(count)))
    }

    private mutating func note(_ id: String, _ remark: Remark) {
        remarks[id, default: []].append(remark)
    }

    /// A value whose kind is known, beside the same as texts.
    private mutating func take(_ input: ManifestInput, _ typed: JSONValue, as given: [SubmittedValue]) {
        guard input.type == .json else { return take(input, given, input.remark(onKindOf: typed)) }
        // A text is a document like any other, not the text of one.
        let documents = input.isList ? typed.elements ?? [] : [typed]
        take(input, documents.map { .text($0.documentText) }, input.remark(onKindOf: typed))
    }

    private mutating func take(_ input: ManifestInput, _ given: [SubmittedValue], _ wrong: Remark? = nil) {
        if let condition = input.showIf {
            guard condition.inputs.isDisjoint(with: broken) else {
                broken.insert(input.id)
                return
            }
            guard condition.holds({ facts[$0] }) else {
                hidden.insert(input.id)
                if !input.isUntouched(given) { note(input.id, Remark(.notAskedFor)) }
                return
            }
        }
        if let wrong {
            broken.insert(input.id)
            return note(input.id, wrong)
        }
        do {
            guard let value = try input.resolve(given) else { return }
            values[input.id] = value
            if hasRules { facts[input.id] = input.ruleValue(value) }
        } catch {
            broken.insert(input.id)
            for remark in error.remarks { note(input.id, remark) }
        }
    }

    private func isGiven(_ id: String) -> Bool { facts[id]?.isGiven ?? false }

    private func label(_ id: String) -> Remark.Value { .text(manifest.input(id: id)?.name ?? id) }

    private mutating func hold(_ input: ManifestInput) {
        guard let fact = facts[input.id] else { return }
        var required = fact.isGiven ? input.requires : []
        var disabled = fact.isGiven ? input.disables : []
        for value in fact.canonical {
            required += input.valueRequires[value] ?? []
            disabled += input.valueDisables[value] ?? []
        }
        for other in required where !isGiven(other) && !broken.contains(other) {
            if hidden.contains(other) {
                note(input.id, Remark(.needsHidden, label(other)))
            } else {
                note(other, Remark(.neededWith, label(input.id)))
            }
        }
        for other in disabled where isGiven(other) { note(other, Remark(.notTogether, label(input.id))) }
    }

    private mutating func hold(_ group: ManifestGroup) {
        let members = group.inputs.filter { !hidden.contains($0) }
        guard members.allSatisfy({ !broken.contains($0) }), let first = members.first else { return }
        let given = members.filter { isGiven($0) }
        var names: Remark.Value { .list(members.map { manifest.input(id: $0)?.name ?? $0 }) }
        if given.count > 1, group.rule == .oneOf || group.rule == .atMostOne {
            for id in given.dropFirst() { note(id, Remark(.onlyOneOf, names)) }
        }
        if given.isEmpty, group.rule == .oneOf || group.rule == .atLeastOne {
            note(first, Remark(group.rule == .oneOf ? .oneOfNeeded : .someNeeded, names))
        }
        if group.rule == .allOrNone, let one = given.first {
            for id in members where !isGiven(id) { note(id, Remark(.neededWith, label(one))) }
        }
    }
}

extension ManifestInput {
    /// Whether what was sent for a field that is not asked for is what a form without a script sends: nothing, or what it
    /// was filled in with.
    fileprivate func isUntouched(_ given: [SubmittedValue]) -> Bool {
        let values = given.filter { !$0.isEmpty }
        if values.isEmpty { return true }
        var texts: [String] = []
        for value in values {
            guard case .text(let text) = value, let taken = try? accepted(text) else { return false }
            texts.append(canonical(taken))
        }
        if type == .boolean { return texts.allSatisfy { $0 == "false" } || texts.last == defaultTexts.first }
        return texts == defaultTexts.map(canonical)
    }
}

extension Manifest {
    /// Whether fields say anything of each other.
    var hasRules: Bool {
        !groups.isEmpty || inputs.contains { $0.hasRules } || repeats.contains { $0.showIf != nil }
    }

    /// Places of the inputs, each after those that its `showIf` looks at.
    static func order(of inputs: [ManifestInput]) -> [Int] {
        guard inputs.contains(where: { $0.showIf != nil }) else { return Array(inputs.indices) }
        let places = Dictionary(inputs.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
        var order: [Int] = []
        var done: Set<Int> = []
        func visit(_ place: Int) {
            // A circle was found at reading.
            guard done.insert(place).inserted else { return }
            for id in (inputs[place].showIf?.inputs ?? []).sorted() { if let other = places[id] { visit(other) } }
            order.append(place)
        }
        for place in inputs.indices { visit(place) }
        return order
    }
}

extension ManifestInput {
    var hasRules: Bool {
        showIf != nil || !requires.isEmpty || !disables.isEmpty || !valueRequires.isEmpty || !valueDisables.isEmpty
    }
}
