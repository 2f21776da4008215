import PanalCore
import PanalManifest
import PanalService

/// What the generated form shows between its head and the profiles: headings, fields, and blocks of fields as often as they are given.
struct FormParts: Sendable {
    let entry: ProgramEntry
    /// With its blocks as often as the form has them.
    let manifest: Manifest
    let entered: @Sendable (ManifestInput) -> [String]
    /// By the id of a field or a block.
    let mistakes: [String: String]
    /// Whether the form comes back, and browsers have forgotten the files that were chosen.
    let isAgain: Bool
    let earlier: EarlierJob?
    let wording: Wording

    var values: [Templates.Values] {
        manifest.sectioned.enumerated().map { place, section -> Templates.Values in
            let parts = section.parts.map { part -> Templates.Values in
                switch part {
                case .field(let input): return field(input)
                case .block(let block): return Field.nothing.merging(["block": [values(block)]]) { _, own in own }
                }
            }
            return [
                "heading": PageFrame.optional(section.section?.name), "sectionID": "section-\(place)",
                "about": PageFrame.optional(section.section?.description), "parts": parts,
            ]
        }
    }

    private func field(_ input: ManifestInput) -> Templates.Values {
        let source = earlier?.source(of: input.id) ?? input.id
        return Field(
            input: input, entered: entered(input), mistake: mistakes[input.id], isAgain: isAgain, wording: wording,
            choicesHref: ProgramPages.path(entry, "choices/\(input.fieldID)"), earlier: earlier?.files[source] ?? [],
            source: source, isKept: earlier?.kept[input.id] != nil
        ).values
    }

    private func values(_ block: ManifestRepeat) -> Templates.Values {
        let t = wording.t
        let anchor = Field.anchor(block.id)
        let count = manifest.counts?[block.id] ?? 0
        let shown = count <= block.maximumItems ? count : 0
        let mistake = mistakes[block.id]
        return [
            "blockID": block.id, "anchor": anchor, "name": block.name, "count": String(shown),
            "about": PageFrame.optional(block.description), "mistake": PageFrame.optional(mistake),
            "describedBy": "\(anchor)-hint" + (mistake == nil ? "" : " \(anchor)-mistake"),
            "hint": t(.blockTimes, String(block.minimumItems), String(block.maximumItems)),
            "add": t(.addBlock, block.name), "isFull": shown >= block.maximumItems,
            "times": (0..<shown).map { index in
                let fields = manifest.inputs.filter { $0.place?.block == block.id && $0.place?.index == index }
                return time(
                    block, String(index), number: String(index + 1), isNeeded: shown <= block.minimumItems, fields)
            },
            "blank": [
                time(
                    block, "N", number: "N", isNeeded: false,
                    block.inputs.map { input in
                        var input = input
                        input.id = "\(block.id).N.\(input.id)"
                        return input
                    }, isBlank: true)
            ],
        ]
    }

    /// One repetition; `place` is its number from 0, or a letter in the one that a script copies.
    private func time(
        _ block: ManifestRepeat, _ place: String, number: String, isNeeded: Bool, _ fields: [ManifestInput],
        isBlank: Bool = false
    ) -> Templates.Values {
        let shown = fields.map { input -> Templates.Values in
            guard isBlank else { return field(input) }
            let own = input.id.split(separator: ".").last.map(String.init) ?? input.id
            return Field(
                input: input, entered: input.defaultTexts, mistake: nil, isAgain: false, wording: wording,
                choicesHref: ProgramPages.path(entry, "choices/\(own)"), earlier: [], source: input.id, isKept: false
            ).values
        }
        return [
            "name": block.name, "number": number, "place": "\(block.id).\(place)", "isNeeded": isNeeded,
            "remove": wording.t(.removeBlock, block.name), "fields": shown,
        ]
    }
}
