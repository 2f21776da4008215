/// A block of fields that is given several times: the layers of a picture, the tracks of a mix.
///
/// ```json
/// "inputs": [{"name": "text", "type": "text"}, {"name": "x", "type": "integer", "flag": "-x"}],
/// "repeats": [{"name": "layer", "inputs": ["text", "x"], "minItems": 1, "maxItems": 8, "command": ["-layer", "{text}", "{x}"]}]
/// ```
///
/// | face | a block given twice |
/// |---|---|
/// | JSON | `{"layer": [{"text": "a", "x": 1}, {"text": "b"}]}` |
/// | form | `layer.0.text=a`, `layer.0.x=1`, `layer.1.text=b`, and where needed `layer=2`, how many there are; or for each a part `layer` with its JSON object |
/// | mistakes | `/layer/0/text` for a field, `/layer` for how many there are |
/// | argv | where `{layer}` stands in the program's `command`, what the block's own `command` comes to for the first, then for the second; without one its fields in order |
/// | files | `/input/layer.0.picture/a.png`, `/input/layer.1.picture/a.png` |
/// | environment | `COLOUR_1`, `COLOUR_2` for a field whose variable is `COLOUR` |
///
/// Its fields' rules are about fields of the same repetition, or about fields of no block; other fields' rules cannot be about them. Nothing
/// of it goes to standard input, and blocks hold no blocks.
package struct ManifestRepeat: Hashable, Sendable {
    /// As a field's; no field has the same.
    package var id: String
    /// The heading, in any language.
    package var name: String
    package var description: String?
    /// As the manifest has them: once.
    package var inputs: [ManifestInput]
    /// What one repetition becomes in argv.
    var command: CommandTemplate
    /// How often it is given.
    package var minimumItems: Int
    package var maximumItems: Int
    /// When it is asked for, by fields of no block; nil for always.
    package var showIf: Condition?
    /// Of its fields.
    var groups: [ManifestGroup] = []
    /// How many fields of no block stand before it.
    var place = 0

    /// Whether anything of it goes into argv.
    var hasArguments: Bool { inputs.contains(where: \.isArgument) }

    /// Its fields' places, each after those that its `showIf` looks at.
    var order: [Int] { Manifest.order(of: inputs) }

    /// The id of one of its fields in the repetition `index`, counted from 0.
    package func fieldID(_ field: String, at index: Int) -> String { "\(id).\(index).\(field)" }

    /// What people call the repetition `index`, counted from 0: `layer 1`.
    package func label(at index: Int) -> String { "\(name) \(index + 1)" }
}

/// Which one a field is where its block is given several times.
package struct BlockPlace: Hashable, Sendable {
    /// The block's id.
    package var block: String
    /// Counted from 0.
    package var index: Int
    /// The field's id in its block.
    package var field: String
    /// What people call this repetition.
    package var label: String

    /// `layer.3.text` taken apart: the block, the number, the field. Nil for all else.
    static func parts(of id: String) -> (block: Substring, index: Int, field: Substring)? {
        let parts = id.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, (1...6).contains(parts[1].utf8.count), let index = Int(parts[1]),
            String(index) == parts[1], index >= 0
        else { return nil }
        return (parts[0], index, parts[2])
    }

    /// The pointer to a field of a submission.
    static func pointer(to id: String) -> [String] {
        guard let parts = parts(of: id) else { return [id] }
        return [String(parts.block), String(parts.index), String(parts.field)]
    }
}
