package import FoundationEssentials
import PanalCore

extension Manifest {
    /// Bytes of a manifest.
    package static let maximumDocumentBytes = 1 << 20
    /// Fields of a manifest.
    package static let maximumInputs = 200

    /// Reads a manifest. Throws every mistake at once, each with its JSON pointer, what is wrong and what would be
    /// right.
    ///
    /// Bounds: 1 MiB, 32 levels of nesting, 200 fields, 100 outputs. A key that is not known is a mistake unless it
    /// begins with `x-`; so is a key that later versions will honour and this one cannot.
    package init(parsing data: Data) throws(ManifestError) {
        guard data.count <= Self.maximumDocumentBytes else {
            throw ManifestError(mistakes: [
                Mistake(
                    pointer: "",
                    detail: "the manifest has \(data.count) bytes; \(Self.maximumDocumentBytes) is the most")
            ])
        }
        let document: JSONValue
        do {
            document = try JSONReader.read(Array(data))
        } catch {
            throw ManifestError(mistakes: [error])
        }
        let mistakes = MistakeList()
        guard let reader = DocumentReader(document, at: [], mistakes), let manifest = Manifest(reader),
            mistakes.mistakes.isEmpty
        else { throw ManifestError(mistakes: mistakes.mistakes) }
        self = manifest
    }

    private static let keys = [
        "name", "id", "description", "version", "author", "url", "tags", "command", "inputs", "outputs", "resources",
        "rootfs", "environment", "exitCodes",
    ]
    private static let later = [
        "groups", "sections", "repeats", "conditions", "tests", "showIf", "requires", "disables", "valueRequires",
        "valueDisables",
    ]
    private static let foreign = [
        "tool-version": "version", "command-line": "command", "output-files": "outputs",
        "environment-variables": "environment",
        "error-codes": "exitCodes", "exit-codes": "exitCodes", "container-image": "rootfs",
        "suggested-resources": "resources", "descriptor-url": "url", "slug": "id", "title": "name",
    ]

    /// Nil when a member without which there is no manifest is missing or wrong; what is wrong is in the reader's list.
    private init?(_ reader: DocumentReader) {
        reader.reportUnknownKeys(known: Self.keys, later: Self.later, foreign: Self.foreign)
        let name = reader.text("name", maximum: 100)
        if name == nil, !reader.has("name") {
            reader.report(nil, "has no ‘name’; write \"name\": \"what people call the program\"")
        }
        let slug = Self.slug(reader, name: name)
        let inputs = InputReader.inputs(reader)
        let command = Self.command(reader, inputs: inputs)
        let url = reader.text("url", maximum: 2_000)
        if let url, !AddressText.isURL(url) { reader.report("url", "should begin with https:// or http://") }
        if let rootfs = reader.text("rootfs", maximum: 100), rootfs != "host" {
            reader.report("rootfs", "‘\(rootfs)’ is no file system of this version; \"host\" is the only one")
        }
        let environment = Self.environment(reader, inputs: inputs)
        self.init(
            name: name ?? "", slug: slug ?? "", description: reader.text("description", maximum: 10_000, lines: true),
            version: reader.text("version", maximum: 100), author: reader.text("author", maximum: 200), url: url,
            tags: reader.texts("tags", maximum: 20, length: 50) ?? [], command: command, inputs: inputs,
            outputs: Self.outputs(reader), resources: Self.resources(reader), rootfs: "host", environment: environment,
            exitCodes: Self.exitCodes(reader))
        if name == nil || slug == nil { return nil }
    }

    private static func slug(_ reader: DocumentReader, name: String?) -> String? {
        if reader.has("id") {
            guard let id = reader.text("id", maximum: 63) else { return nil }
            guard Slug.isProgramName(id) else {
                let near = Slug.programName(id)
                reader.report("id", "should be of a-z, 0-9 and -" + (near.isEmpty ? "" : "; write ‘\(near)’"))
                return nil
            }
            return id
        }
        guard let name else { return nil }
        let slug = Slug.programName(name)
        if slug.isEmpty {
            reader.report(
                "name", "has no Latin letter or digit to make an address of; add \"id\": \"a-name-of-a-to-z\"")
            return nil
        }
        return slug
    }

    private static func command(_ reader: DocumentReader, inputs: [ManifestInput]) -> CommandTemplate {
        let standard = CommandTemplate.standard(inputs: inputs)
        guard let value = reader.members["command"] else { return standard }
        if case .string = value {
            reader.report(
                "command",
                "is a text, should be a list of arguments: [\"{@program}\", \"--fast\", \"{field}\"]; "
                    + "there is no shell to take it apart"
            )
            return standard
        }
        guard let elements = reader.array("command", maximum: 500) else { return standard }
        if elements.isEmpty { reader.report("command", "is empty; its first entry is the program, \"{@program}\"") }
        let byID = Dictionary(inputs.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var template = CommandTemplate(elements: [])
        for (index, element) in elements.enumerated() {
            guard !reader.mistakes.isFull else { break }
            let place = reader.pointer + ["command", String(index)]
            guard case .string(let text) = element, text.utf8.count <= 4_096, !text.unicodeScalars.contains("\0") else {
                reader.mistakes.add(place, "should be a text of at most 4,096 bytes without NUL")
                continue
            }
            do {
                let pieces = try CommandTemplate.pieces(of: text)
                for detail in complaints(pieces, isProgram: index == 0, byID) { reader.mistakes.add(place, detail) }
                template.elements.append(pieces)
            } catch {
                reader.mistakes.add(place, error.detail)
            }
        }
        let used = template.inputIDs
        for input in inputs where input.route == .argument && !used.contains(input.id) {
            reader.report("command", "does not use the field ‘\(input.id)’; add \"{\(input.id)}\" to it")
        }
        return template
    }

    /// What is wrong with one element of the command.
    private static func complaints(
        _ pieces: [CommandTemplate.Piece], isProgram: Bool, _ inputs: [String: ManifestInput]
    ) -> [String] {
        var details: [String] = []
        for case .input(let id) in pieces {
            // One element has room for a thousand wrong names.
            guard details.count < 10 else { break }
            guard let input = inputs[id] else {
                let near = Nearest.to(id, among: inputs.keys.sorted())
                details.append("there is no field ‘\(id)’" + (near.map { "; did you mean ‘{\($0)}’?" } ?? ""))
                continue
            }
            if isProgram { details.append("the program cannot come from a field; write \"{@program}\"") }
            if input.route != .argument {
                details.append("the field ‘\(id)’ does not go into argv: its ‘via’ says otherwise")
            }
            if pieces.count > 1, input.isList, input.listSeparator == nil {
                details.append("‘{\(id)}’ has several values; let it stand alone, or give the field a ‘listSeparator’")
            }
        }
        if isProgram, pieces == [.literal("")] { details.append("is empty; write \"{@program}\"") }
        return details
    }

    private static func environment(_ reader: DocumentReader, inputs: [ManifestInput]) -> [EnvironmentVariable] {
        var taken: Set<String> = []
        for (index, input) in inputs.enumerated() {
            guard case .environment(let variable) = input.route else { continue }
            if !taken.insert(variable).inserted {
                reader.mistakes.add(["inputs", String(index)], "the variable \(variable) is already another field's")
            }
        }
        guard let value = reader.members["environment"],
            let object = DocumentReader(value, at: ["environment"], reader.mistakes)
        else { return [] }
        var variables: [EnvironmentVariable] = []
        for name in object.members.keys.sorted() {
            if !VariableName.isValid(name) {
                object.report(name, "is no name of a variable; write letters, digits and _, no digit first")
            } else if taken.contains(name) {
                object.report(name, "is also the variable of a field; keep one of them")
            } else if let text = object.text(name, minimum: 0, maximum: 10_000, lines: true) {
                variables.append(EnvironmentVariable(name: name, value: text))
            }
        }
        if variables.count > 100 { reader.report("environment", "has more than 100 variables") }
        return variables
    }
}

/// Names of environment variables.
enum VariableName {
    /// 1 to 64 letters, digits and `_`, no digit first.
    static func isValid(_ name: String) -> Bool {
        guard (1...64).contains(name.utf8.count), let first = name.utf8.first, !(0x30...0x39).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
        }
    }
}
