import PanalCore

/// Reads a `command`: the manifest's, or what a block adds to it each time it is given.
struct CommandReader {
    private let reader: DocumentReader
    private let inputs: [ManifestInput]
    /// Nil for the command of a block.
    private let blocks: [ManifestRepeat]?
    private let byID: [String: ManifestInput]

    init(_ reader: DocumentReader, inputs: [ManifestInput], blocks: [ManifestRepeat]?) {
        self.reader = reader
        self.inputs = inputs
        self.blocks = blocks
        byID = Dictionary(inputs.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private var standard: CommandTemplate {
        guard let blocks else { return .fields(inputs) }
        return CommandTemplate.standard(inputs: inputs, blocks: blocks)
    }

    /// The standard one where there is none, or where it is wrong.
    var template: CommandTemplate {
        guard let value = reader.members["command"] else { return standard }
        if case .string = value {
            reader.report("command", .commandIsText)
            return standard
        }
        guard let elements = reader.array("command", maximum: 500) else { return standard }
        if elements.isEmpty { reader.report("command", blocks == nil ? .isEmpty : .commandIsEmpty) }
        var template = CommandTemplate(parts: [])
        for (index, element) in elements.enumerated() {
            guard !reader.mistakes.isFull else { break }
            template.parts.append(part(element, index))
        }
        let used = template.inputIDs
        for input in inputs where input.isArgument && !used.contains(input.id) {
            reader.report("command", .commandLeavesOut, .text(input.id))
        }
        for block in blocks ?? [] where block.hasArguments && !used.contains(block.id) {
            reader.report("command", .commandLeavesOut, .text(block.id))
        }
        return template
    }

    private func part(_ element: JSONValue, _ index: Int) -> CommandTemplate.Part {
        let place = reader.place("command") + [String(index)]
        let isProgram = index == 0 && blocks != nil
        guard case .array(let together) = element, !isProgram else {
            let pieces = pieces(element, place, isProgram: isProgram, isAlone: true)
            return CommandTemplate.Part(elements: pieces.map { [$0] } ?? [])
        }
        let part = CommandTemplate.Part(
            elements: together.prefix(100).enumerated().compactMap { number, element in
                pieces(element, place + [String(number)], isProgram: false, isAlone: false)
            }, isTogether: true)
        if together.count > 100 || part.inputIDs.isEmpty { reader.mistakes.add(place, .commandTogether) }
        return part
    }

    /// One element of the command; nil, and a mistake, where it is none.
    private func pieces(
        _ element: JSONValue, _ place: [String], isProgram: Bool, isAlone: Bool
    ) -> [CommandTemplate.Piece]? {
        guard case .string(let text) = element, text.utf8.count <= 4_096, !text.unicodeScalars.contains("\0") else {
            reader.mistakes.add(place, .commandElement)
            return nil
        }
        do {
            let pieces = try CommandTemplate.pieces(of: text)
            for remark in complaints(pieces, isProgram: isProgram, isAlone: isAlone && pieces.count == 1) {
                reader.mistakes.add(place, remark)
            }
            return pieces
        } catch {
            reader.mistakes.add(place, error.remark)
            return nil
        }
    }

    /// What is wrong with one element of the command.
    private func complaints(_ pieces: [CommandTemplate.Piece], isProgram: Bool, isAlone: Bool) -> [Remark] {
        var remarks: [Remark] = []
        for case .input(let id) in pieces {
            // One element has room for a thousand wrong names.
            guard remarks.count < 10 else { break }
            if blocks?.contains(where: { $0.id == id }) == true {
                if isProgram { remarks.append(Remark(.programFromField)) }
                if !isAlone { remarks.append(Remark(.blockStandsAlone, .text(id))) }
                continue
            }
            guard let input = byID[id] else {
                remarks.append(unknown(id))
                continue
            }
            if isProgram { remarks.append(Remark(.programFromField)) }
            if !input.isArgument { remarks.append(Remark(.fieldNotInArguments, .text(id))) }
            if pieces.count > 1, input.isList, input.listSeparator == nil {
                remarks.append(Remark(.severalValuesInText, .text(id)))
            }
        }
        if isProgram, pieces == [.literal("")] { remarks.append(Remark(.emptyProgram)) }
        return remarks
    }

    private func unknown(_ id: String) -> Remark {
        if let block = blocks?.first(where: { $0.inputs.contains { $0.id == id } }) {
            return Remark(.commandRepeatsMembers, .text(id), .text(block.id))
        }
        let near = Nearest.to(id, among: (byID.keys + (blocks ?? []).map(\.id)).sorted())
        return near.map { Remark(.unknownFieldNear, .text(id), .text("{\($0)}")) } ?? Remark(.unknownField, .text(id))
    }
}
