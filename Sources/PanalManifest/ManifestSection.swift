import PanalCore

/// Fields under a heading.
package struct ManifestSection: Hashable, Sendable {
    /// The heading, in any language.
    package var name: String
    package var description: String?
    /// Ids of its fields and blocks, in the order in which they are shown.
    package var inputs: [String]
    /// When its fields are asked for; nil for always.
    package var showIf: Condition?
}

extension Manifest {
    private static let sectionKeys = ["name", "description", "inputs", "showIf"]

    static func sections(
        _ reader: DocumentReader, inputs: [ManifestInput], blocks: [ManifestRepeat]
    ) -> [(reader: DocumentReader, section: ManifestSection)] {
        var owners: [String: String] = [:]
        var members: [String: String] = [:]
        for block in blocks { for input in block.inputs { members[input.id] = block.id } }
        let known = inputs.map(\.id).filter { members[$0] == nil } + blocks.map(\.id)
        return reader.objects("sections", maximum: 50).compactMap { _, section in
            section.reportUnknownKeys(
                known: sectionKeys,
                foreign: ["title": "name", "heading": "name", "fields": "inputs", "members": "inputs"])
            let name = section.text("name", maximum: 200)
            if name == nil, !section.has("name") { section.report(nil, .hasNoName) }
            let shown = section.fieldIDs("inputs", among: known, blocks: members)
            for (index, id) in shown.enumerated() {
                guard let other = owners.updateValue(name ?? "", forKey: id) else { continue }
                section.mistakes.add(section.place("inputs") + [String(index)], .sectionOfTwo, .text(id), .text(other))
            }
            let description = section.text("description", maximum: 4_000, lines: true)
            return (section, ManifestSection(name: name ?? "", description: description, inputs: shown))
        }
    }

    /// What a page shows under a heading.
    package enum Part: Hashable, Sendable {
        case field(ManifestInput)
        case block(ManifestRepeat)
    }

    /// The fields as people see them: those of no section, then each section's, with its heading. A block stands before the fields that
    /// follow its first one.
    package var sectioned: [(section: ManifestSection?, parts: [Part])] {
        let named = Set(sections.flatMap(\.inputs))
        var own = inputs.filter { $0.place == nil }.map(Part.field)
        for block in repeats.reversed() { own.insert(.block(block), at: block.place) }
        let free = own.filter { !named.contains($0.id) }
        let rest = sections.map { section -> (ManifestSection?, [Part]) in
            (section, section.inputs.compactMap { id in own.first { $0.id == id } })
        }
        return (free.isEmpty ? [] : [(nil, free)]) + rest
    }
}

extension Manifest.Part {
    package var id: String {
        switch self {
        case .field(let input): input.id
        case .block(let block): block.id
        }
    }
}

extension DocumentReader {
    /// A list of ids of fields that there are, each once. `blocks` has the block of each field that cannot be named here.
    func fieldIDs(_ key: String, among known: [String], blocks: [String: String] = [:]) -> [String] {
        guard has(key) else {
            report(nil, .fieldListMissing, .text(key), .text(known.first ?? "id"))
            return []
        }
        var ids: [String] = []
        for (index, id) in (texts(key, maximum: Manifest.maximumInputs, length: 64) ?? []).enumerated() {
            let place = self.place(key) + [String(index)]
            if let block = blocks[id] {
                mistakes.add(place, .memberOfBlock, .text(id), .text(block))
            } else if !known.contains(id) {
                let near = Nearest.to(id, among: known)
                mistakes.add(
                    place,
                    near.map { Remark(.unknownFieldNear, .text(id), .text($0)) } ?? Remark(.unknownField, .text(id)))
            } else if ids.contains(id) {
                mistakes.add(place, .fieldTwice, .text(id))
            } else {
                ids.append(id)
            }
        }
        return ids
    }
}

extension Manifest {
    static let sectionKeyNames = sectionKeys
}
