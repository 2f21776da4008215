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
                Mistake([], Remark(.documentTooLarge, .number(data.count), .number(Self.maximumDocumentBytes)))
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
        "rootfs", "writable", "environment", "exitCodes", "sections", "repeats", "groups", "tests",
    ]
    private static let foreign = [
        "tool-version": "version", "command-line": "command", "output-files": "outputs",
        "environment-variables": "environment",
        "error-codes": "exitCodes", "exit-codes": "exitCodes", "container-image": "rootfs",
        "suggested-resources": "resources", "descriptor-url": "url", "slug": "id", "title": "name",
        "repeat": "repeats", "blocks": "repeats",
    ]

    /// Nil when a member without which there is no manifest is missing or wrong; what is wrong is in the reader's list.
    private init?(_ reader: DocumentReader) {
        reader.reportUnknownKeys(known: Self.keys, foreign: Self.foreign)
        let name = reader.text("name", maximum: 100)
        if name == nil, !reader.has("name") {
            reader.report(nil, .noName)
        }
        let slug = Self.slug(reader, name: name)
        let fields = InputReader.inputs(reader)
        let blocks = RepeatReader.repeats(reader, inputs: fields.map(\.input))
        var rules = RuleReader(reader, fields, blocks: blocks)
        let (groups, sections) = rules.read(
            Self.sections(reader, inputs: fields.map(\.input), blocks: blocks.map(\.block)))
        let (inputs, repeats) = RepeatReader.split(rules, groups, blocks.map(\.reader))
        let command = CommandReader(reader, inputs: inputs, blocks: repeats).template
        RepeatReader.checkSize(of: repeats, in: command, reader)
        let url = reader.text("url", maximum: 2_000)
        if let url, !AddressText.isURL(url) { reader.report("url", .notWebAddress) }
        let rootfs = reader.text("rootfs", maximum: 100) ?? "host"
        if !Self.isRootfsName(rootfs) { reader.report("rootfs", .unknownRootfs, .text(rootfs)) }
        let hasWritableRoot = reader.boolean("writable") ?? false
        if hasWritableRoot, rootfs == "host" { reader.report("writable", .writableHost) }
        let environment = Self.environment(reader, inputs: inputs, blocks: repeats)
        self.init(
            name: name ?? "", slug: slug ?? "", description: reader.text("description", maximum: 10_000, lines: true),
            version: reader.text("version", maximum: 100), author: reader.text("author", maximum: 200), url: url,
            tags: reader.texts("tags", maximum: 20, length: 50) ?? [], command: command, inputs: inputs,
            outputs: Self.outputs(reader), resources: Self.resources(reader), rootfs: rootfs,
            hasWritableRoot: hasWritableRoot, environment: environment,
            exitCodes: Self.exitCodes(reader), sections: sections,
            groups: groups.filter { group in !repeats.contains { $0.groups.contains(group) } }, repeats: repeats,
            counts: nil, tests: [], order: Self.order(of: inputs))
        if name == nil || slug == nil { return nil }
        // A test is held against the manifest, which has to be right for that.
        if reader.mistakes.mistakes.isEmpty { tests = ManifestTest.read(reader, of: self) }
    }

    private static func slug(_ reader: DocumentReader, name: String?) -> String? {
        if reader.has("id") {
            guard let id = reader.text("id", maximum: 63) else { return nil }
            guard Slug.isProgramName(id) else {
                let near = Slug.programName(id)
                reader.report("id", .idOfProgram, .optional(.write, near.isEmpty ? nil : near))
                return nil
            }
            return id
        }
        guard let name else { return nil }
        let slug = Slug.programName(name)
        if slug.isEmpty {
            reader.report("name", .nameWithoutLatin)
            return nil
        }
        return slug
    }

    /// What a name may be made of; whether there is such a file system, the server knows.
    private static func isRootfsName(_ text: String) -> Bool {
        guard let first = text.utf8.first, isLetterOrDigit(first) else { return false }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || ".:_/+-".utf8.contains($0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte)
    }

    private static func environment(
        _ reader: DocumentReader, inputs: [ManifestInput], blocks: [ManifestRepeat]
    ) -> [EnvironmentVariable] {
        // A field of a block has a variable for each time: `COLOUR_1`, `COLOUR_2`.
        let numbered = blocks.flatMap(\.inputs).compactMap { input -> String? in
            if case .environment(let variable) = input.route { "\(variable)_" } else { nil }
        }
        let isNumbered = { (name: String) in
            numbered.contains { name.hasPrefix($0) && Int(name.dropFirst($0.utf8.count)) != nil }
        }
        var taken: Set<String> = []
        let fields = (inputs + blocks.flatMap(\.inputs)).sorted { $0.position < $1.position }
        for input in fields {
            guard case .environment(let variable) = input.route else { continue }
            if isNumbered(variable) || !taken.insert(variable).inserted {
                reader.mistakes.add(["inputs", String(input.position)], .variableTwice, .text(variable))
            }
        }
        guard let value = reader.members["environment"],
            let object = DocumentReader(value, at: ["environment"], reader.mistakes)
        else { return [] }
        var variables: [EnvironmentVariable] = []
        for name in object.members.keys.sorted() {
            if !VariableName.isValid(name) {
                object.report(name, .variableName)
            } else if taken.contains(name) || isNumbered(name) {
                object.report(name, .variableOfField)
            } else if let text = object.text(name, minimum: 0, maximum: 10_000, lines: true) {
                variables.append(EnvironmentVariable(name: name, value: text))
            }
        }
        if variables.count > 100 { reader.report("environment", .tooManyVariables, .number(100)) }
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

extension Manifest {
    /// The keys of a manifest, for its schema.
    static let knownKeys = keys
}
