package import PanalCore

/// A submission with the manifest's blocks as often as it has them.
package struct LaidOutSubmission {
    /// Its `inputs` hold each block's fields as often as the block was given, under ids such as `layer.0.text`.
    package var manifest: Manifest
    /// Values under those ids, and for each block how often it was given.
    package var submission: Submission
    /// What could not be laid out.
    package var mistakes: [Mistake]
}

extension Manifest {
    /// The field's description, whether it is one of a block or not; `id` as the manifest has it.
    package func anyInput(id: String) -> ManifestInput? {
        input(id: id) ?? repeats.lazy.flatMap(\.inputs).first { $0.id == id }
    }

    /// All fields, those of blocks once.
    package var allInputs: [ManifestInput] { inputs + repeats.flatMap(\.inputs) }

    /// The same with each block's fields among the others as often as `counts` says, and not at all where that is more than may be: what
    /// judges, plans and shows fields knows no blocks but by their ids.
    package func unrolled(_ counts: [String: Int]) -> Manifest {
        guard !repeats.isEmpty, self.counts == nil else { return self }
        var unrolled = self
        unrolled.counts = counts
        var all: [ManifestInput] = []
        var commands: [String: [CommandTemplate.Part]] = [:]
        var rest = repeats[...]
        for place in 0...inputs.count {
            while let block = rest.first, block.place <= place {
                rest.removeFirst()
                for index in 0..<block.times(counts) {
                    all += block.inputs(at: index)
                    unrolled.groups += block.groups(at: index)
                    commands[block.id, default: []] += block.command(at: index).parts
                }
            }
            if place < inputs.count { all.append(inputs[place]) }
        }
        unrolled.inputs = all
        unrolled.command.parts = command.parts.flatMap { part -> [CommandTemplate.Part] in
            guard !part.isTogether, part.elements.count == 1, part.elements[0].count == 1,
                case .input(let id) = part.elements[0][0], repeats.contains(where: { $0.id == id })
            else { return [part] }
            return commands[id] ?? []
        }
        // Fields of blocks look at those of none, never the other way round.
        let free = all.indices.filter { all[$0].place == nil }
        unrolled.order = order.map { free[$0] }
        let places = Dictionary(all.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
        for block in repeats {
            let order = block.order
            for index in 0..<block.times(counts) {
                unrolled.order += order.compactMap { places[block.fieldID(block.inputs[$0].id, at: index)] }
            }
        }
        return unrolled
    }

    /// Lays a submission out: `{"layer": [{"text": "a"}]}` and a form's `layer.0.text=a` are the same from there. Of a block that is given more
    /// often than it may be nothing but the number is kept.
    package func laidOut(_ submission: Submission) -> LaidOutSubmission {
        var laid = LaidOutSubmission(manifest: self, submission: submission, mistakes: [])
        guard !repeats.isEmpty, counts == nil else { return laid }
        let blocks = Dictionary(repeats.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var counts: [String: Int] = [:]
        for name in submission.values.keys {
            guard let parts = BlockPlace.parts(of: name), let block = blocks[String(parts.block)] else { continue }
            counts[block.id] = max(counts[block.id] ?? 0, parts.index + 1)
        }
        for block in repeats {
            let count = laid.takeOut(block)
            counts[block.id] = max(counts[block.id] ?? 0, count)
            laid.submission.values[block.id] = [.text(String(counts[block.id] ?? 0))]
        }
        for name in submission.values.keys {
            guard let parts = BlockPlace.parts(of: name), let block = blocks[String(parts.block)],
                counts[block.id] ?? 0 > block.maximumItems
            else { continue }
            laid.submission.values[name] = nil
            laid.submission.documents[name] = nil
        }
        laid.manifest = unrolled(counts)
        return laid
    }
}

extension LaidOutSubmission {
    /// Takes out what stands under the block's own id, a list of objects or a number, and answers how many there are.
    fileprivate mutating func takeOut(_ block: ManifestRepeat) -> Int {
        if let value = submission.typed?.removeValue(forKey: block.id), value.elements == nil {
            submission.values[block.id] = nil
            mistakes.append(Mistake([block.id], Remark(.shouldBeList, value.kindPhrase)))
            return 0
        }
        let given = (submission.values.removeValue(forKey: block.id) ?? []).filter { !$0.isEmpty }
        let elements: [JSONValue]
        if case .array(let list)? = submission.documents.removeValue(forKey: block.id) {
            elements = list
        } else if given.count == 1, case .text(let text) = given[0], text.utf8.count <= 9, let count = Int(text) {
            guard count >= 0 else {
                mistakes.append(Mistake([block.id], Remark(.blockForm)))
                return 0
            }
            return count
        } else if given.count > block.maximumItems {
            return given.count
        } else {
            elements = parsed(given, block)
        }
        guard elements.count <= block.maximumItems else { return elements.count }
        for (index, element) in elements.enumerated() { take(element, index, block) }
        return elements.count
    }

    private mutating func parsed(_ given: [SubmittedValue], _ block: ManifestRepeat) -> [JSONValue] {
        guard given.reduce(0, { $0 + $1.textBytes }) <= Manifest.maximumTextsBytes else {
            let most = ByteCount.text(Manifest.maximumTextsBytes)
            let size = ByteCount.text(given.reduce(0) { $0 + $1.textBytes })
            mistakes.append(Mistake([block.id], Remark(.textsTooLarge, .text(size), .text(most))))
            return []
        }
        var elements: [JSONValue] = []
        for value in given {
            guard case .text(let text) = value, let element = try? JSONReader.read(Array(text.utf8)) else {
                mistakes.append(Mistake([block.id], Remark(.blockForm)))
                return []
            }
            elements.append(element)
        }
        return elements
    }

    private mutating func take(_ element: JSONValue, _ index: Int, _ block: ManifestRepeat) {
        guard case .object(let members) = element else {
            mistakes.append(Mistake([block.id, String(index)], Remark(.shouldBeObject, element.kindPhrase)))
            return
        }
        let known = block.inputs.map(\.id)
        for (name, value) in members.sorted(by: { $0.key < $1.key }) where value != .null {
            guard known.contains(name) else {
                guard mistakes.count < Manifest.namedUnknownFields else { continue }
                let near = Nearest.to(name, among: known)
                mistakes.append(
                    Mistake(
                        [block.id, String(index), Shown.text(name)],
                        near.map { Remark(.noSuchFieldNear, .text($0)) } ?? Remark(.noSuchField)))
                continue
            }
            let id = block.fieldID(name, at: index)
            submission.typed?[id] = value
            if case .array(let list) = value {
                submission.values[id, default: []] += list.map { .text($0.submittedText) }
                submission.documents[id] = value
            } else {
                submission.values[id, default: []].append(.text(value.submittedText))
            }
        }
    }
}

// MARK: - One repetition

extension ManifestRepeat {
    private func renaming(at index: Int) -> (String) -> String {
        let own = Set(inputs.map(\.id))
        return { id in own.contains(id) ? fieldID(id, at: index) : id }
    }

    /// How often its fields stand among the others: not at all where that is more than may be, or nothing that can be.
    fileprivate func times(_ counts: [String: Int]) -> Int {
        let count = counts[id] ?? 0
        return (0...maximumItems).contains(count) ? count : 0
    }

    /// The fields of the repetition `index`, counted from 0.
    package func inputs(at index: Int) -> [ManifestInput] {
        let renamed = renaming(at: index)
        return inputs.map { input in
            var input = input
            input.place = BlockPlace(block: id, index: index, field: input.id, label: label(at: index))
            input.id = renamed(input.id)
            input.showIf = input.showIf.map { $0.renamed(renamed) }
            // The block's condition is about fields of no block.
            if let showIf { input.showIf = input.showIf.map { .all([showIf, $0]) } ?? showIf }
            input.requires = input.requires.map(renamed)
            input.disables = input.disables.map(renamed)
            input.valueRequires = input.valueRequires.mapValues { $0.map(renamed) }
            input.valueDisables = input.valueDisables.mapValues { $0.map(renamed) }
            if case .environment(let variable) = input.route {
                input.route = .environment(variable: "\(variable)_\(index + 1)")
            }
            return input
        }
    }

    fileprivate func groups(at index: Int) -> [ManifestGroup] {
        let renamed = renaming(at: index)
        return groups.map { group in
            var group = group
            group.inputs = group.inputs.map(renamed)
            return group
        }
    }

    fileprivate func command(at index: Int) -> CommandTemplate {
        let renamed = renaming(at: index)
        return CommandTemplate(
            parts: command.parts.map { part in
                var part = part
                part.block = id
                part.elements = part.elements.map { pieces in
                    pieces.map { piece in
                        if case .input(let id) = piece { return .input(renamed(id)) }
                        return piece
                    }
                }
                return part
            })
    }
}

extension Condition {
    /// The same about fields of other ids.
    fileprivate func renamed(_ name: (String) -> String) -> Condition {
        switch self {
        case .given(let id): .given(name(id))
        case .isOneOf(let id, let values): .isOneOf(name(id), values)
        case .between(let id, let minimum, let maximum): .between(name(id), minimum: minimum, maximum: maximum)
        case .all(let parts): .all(parts.map { $0.renamed(name) })
        case .any(let parts): .any(parts.map { $0.renamed(name) })
        case .not(let part): .not(part.renamed(name))
        }
    }
}
