/// How argv is put together. There is no shell: each element is one argument, whatever stands in it.
///
/// | element | becomes |
/// |---|---|
/// | `{id}` alone | the whole of that field: flag and value, as many arguments as it has, none when it was left out |
/// | `{id}` among other text | its value without a flag; the argument is left out when the field was |
/// | `{id of a block}` alone | what the block's own `command` comes to, once for each time it is given (``ManifestRepeat``) |
/// | `{@program}` | the program file, `/program/` and its name |
/// | `{@folder}` | the program's folder, `/program` |
/// | `{{` and `}}` | a brace itself |
/// | `["--encrypt", "{id}", "256"]` | these elements, or none of them: none when one of its fields was left out or is a tick box that is not ticked |
///
/// A value that begins with `-` is passed on as it is: whether the program takes it for an option is decided by what
/// the author puts before it (a `flag`, a `separator` that makes it part of one argument, or a literal `--` in the
/// template).
package struct CommandTemplate: Hashable, Sendable {
    enum Piece: Hashable, Sendable {
        case literal(String)
        case program
        case folder
        case input(String)
    }

    /// One element of argv, or several that are there together or not at all.
    struct Part: Hashable, Sendable {
        /// Each in pieces; one `.input` alone is the whole field.
        var elements: [[Piece]]
        var isTogether = false
        /// The block that it is part of, once that is as often there as it was given.
        var block: String?

        /// Ids of the fields that are used.
        var inputIDs: Set<String> {
            var ids: Set<String> = []
            for case .input(let id) in elements.joined() { ids.insert(id) }
            return ids
        }
    }

    /// In order.
    var parts: [Part]

    var elements: [[Piece]] { parts.flatMap(\.elements) }

    /// The program, then the fields in order, each block where its first field stands.
    static func standard(inputs: [ManifestInput], blocks: [ManifestRepeat]) -> CommandTemplate {
        var elements: [[Piece]] = [[.program]]
        for place in 0...inputs.count {
            for block in blocks where block.place == place && block.hasArguments { elements.append([.input(block.id)]) }
            if place < inputs.count, inputs[place].isArgument { elements.append([.input(inputs[place].id)]) }
        }
        return CommandTemplate(parts: elements.map { Part(elements: [$0]) })
    }

    /// The fields in order.
    static func fields(_ inputs: [ManifestInput]) -> CommandTemplate {
        CommandTemplate(parts: inputs.filter(\.isArgument).map { Part(elements: [[.input($0.id)]]) })
    }

    /// Ids of the fields that are used.
    var inputIDs: Set<String> { parts.reduce(into: []) { $0.formUnion($1.inputIDs) } }

    /// Takes one element apart. Throws what is wrong with it.
    static func pieces(of element: String) throws(ValueMistake) -> [Piece] {
        var pieces: [Piece] = []
        var literal = ""
        var rest = Substring(element)
        while let character = rest.popFirst() {
            if (character == "{" || character == "}") && rest.first == character {
                rest.removeFirst()
                literal.append(character)
            } else if character == "}" {
                throw ValueMistake(.singleBrace)
            } else if character == "{" {
                guard let end = rest.firstIndex(of: "}") else {
                    throw ValueMistake(.openPlaceholder)
                }
                if !literal.isEmpty { pieces.append(.literal(literal)) }
                literal = ""
                pieces.append(try placeholder(String(rest[..<end])))
                rest = rest[rest.index(after: end)...]
            } else {
                literal.append(character)
            }
        }
        if !literal.isEmpty || pieces.isEmpty { pieces.append(.literal(literal)) }
        return pieces
    }

    private static func placeholder(_ name: String) throws(ValueMistake) -> Piece {
        switch name {
        case "@program": return .program
        case "@folder": return .folder
        case _ where Slug.isFieldID(name): return .input(name)
        default:
            throw ValueMistake(.noPlaceholder, .text(name))
        }
    }
}
