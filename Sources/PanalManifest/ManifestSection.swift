import PanalCore

/// Fields under a heading.
package struct ManifestSection: Hashable, Sendable {
    /// The heading, in any language.
    package var name: String
    package var description: String?
    /// Ids of its fields, in the order in which they are shown.
    package var inputs: [String]
    /// When its fields are asked for; nil for always.
    package var showIf: Condition?
}

extension Manifest {
    private static let sectionKeys = ["name", "description", "inputs", "showIf"]

    static func sections(
        _ reader: DocumentReader, inputs: [ManifestInput]
    ) -> [(reader: DocumentReader, section: ManifestSection)] {
        var owners: [String: String] = [:]
        return reader.objects("sections", maximum: 50).compactMap { _, section in
            section.reportUnknownKeys(
                known: sectionKeys,
                foreign: ["title": "name", "heading": "name", "fields": "inputs", "members": "inputs"])
            let name = section.text("name", maximum: 200)
            if name == nil, !section.has("name") { section.report(nil, .hasNoName) }
            let members = section.fieldIDs("inputs", among: inputs.map(\.id))
            for (index, id) in members.enumerated() {
                guard let other = owners.updateValue(name ?? "", forKey: id) else { continue }
                section.mistakes.add(section.place("inputs") + [String(index)], .sectionOfTwo, .text(id), .text(other))
            }
            let description = section.text("description", maximum: 4_000, lines: true)
            return (section, ManifestSection(name: name ?? "", description: description, inputs: members))
        }
    }

    /// The fields as people see them: those of no section, then each section's, with its heading.
    package var sectioned: [(section: ManifestSection?, inputs: [ManifestInput])] {
        let named = Set(sections.flatMap(\.inputs))
        let free = inputs.filter { !named.contains($0.id) }
        let rest = sections.map { section -> (ManifestSection?, [ManifestInput]) in
            (section, section.inputs.compactMap { input(id: $0) })
        }
        return (free.isEmpty ? [] : [(nil, free)]) + rest
    }
}

extension DocumentReader {
    /// A list of ids of fields that there are, each once.
    func fieldIDs(_ key: String, among known: [String]) -> [String] {
        guard has(key) else {
            report(nil, .fieldListMissing, .text(key), .text(known.first ?? "id"))
            return []
        }
        var ids: [String] = []
        for (index, id) in (texts(key, maximum: Manifest.maximumInputs, length: 64) ?? []).enumerated() {
            let place = self.place(key) + [String(index)]
            if !known.contains(id) {
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
