import PanalCore

extension Manifest {
    /// Bytes of argv and environment together; more belongs into a file.
    package static let maximumCommandBytes = 131_072

    /// Files of one submission.
    package static let maximumFiles = 256

    /// Unknown fields of a submission that are named one by one.
    static let namedUnknownFields = 20

    /// Holds a submission against the manifest, and says what is to run. Throws every mistake at once, each under `/`
    /// and the id of its field.
    ///
    /// An empty text, and a file without name and content (what a form sends for a field that was left alone), count as
    /// left out. A tick box takes the last of its values, so that a form can send a hidden `false` before the box's own
    /// `true`.
    ///
    /// - Parameter entry: The program file, relative to the program's folder.
    package func plan(_ submission: Submission, entry: String) throws(SubmissionError) -> Invocation {
        var mistakes: [Mistake] = []
        let known = Set(inputs.map(\.id))
        let unknown = submission.values.keys.filter { !known.contains($0) }.sorted()
        // Each costs a comparison with every field, and somebody may send a hundred thousand of them.
        for id in unknown.prefix(Self.namedUnknownFields) {
            let near = Nearest.to(id, among: inputs.map(\.id))
            let right = near.map { "; did you mean ‘\($0)’?" } ?? ""
            mistakes.append(
                Mistake(pointer: JSONPointer.text([Shown.text(id)]), detail: "there is no such field\(right)"))
        }
        if unknown.count > Self.namedUnknownFields {
            mistakes.append(
                Mistake(
                    pointer: "", detail: "there are \(unknown.count - Self.namedUnknownFields) more that are no fields")
            )
        }
        var values: [String: FieldValue] = [:]
        for input in inputs {
            do {
                values[input.id] = try input.resolve(submission.values[input.id] ?? [])
            } catch {
                for detail in error.details {
                    mistakes.append(Mistake(pointer: JSONPointer.text([input.id]), detail: detail))
                }
            }
        }
        let files = values.values.reduce(0) { $0 + $1.files.count }
        if files > Self.maximumFiles {
            mistakes.append(
                Mistake(pointer: "", detail: "\(files) files are too many; \(Self.maximumFiles) is the most"))
        }
        guard mistakes.isEmpty else { throw SubmissionError(mistakes: mistakes) }

        let invocation = Invocation(
            arguments: command.arguments(entry: entry, inputs: inputs, values: values),
            environment: variables(values),
            inputs: inputs.flatMap { values[$0.id]?.files ?? [] },
            standardInput: inputs.first { $0.route == .standardInput }.flatMap { values[$0.id]?.files.first?.content },
            fields: inputs.compactMap { input in
                values[input.id].map { JobField(id: input.id, label: input.name, value: $0.shown) }
            },
            secretIDs: Set(inputs.filter { $0.type == .secret }.map(\.id)))
        let size = (invocation.arguments + invocation.environment).reduce(0) { $0 + $1.utf8.count + 1 }
        if size > Self.maximumCommandBytes {
            throw SubmissionError(mistakes: [
                Mistake(
                    pointer: "",
                    detail: "the values come to \(ByteCount.text(size)) together; "
                        + "\(ByteCount.text(Self.maximumCommandBytes)) is the most")
            ])
        }
        return invocation
    }

    private func variables(_ values: [String: FieldValue]) -> [String] {
        var variables: [String: String] = [:]
        for entry in AttemptSpec.standardEnvironment {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            variables[String(parts[0])] = String(parts[1])
        }
        for variable in environment { variables[variable.name] = variable.value }
        for input in inputs {
            guard case .environment(let name) = input.route, let value = values[input.id]?.joined else { continue }
            variables[name] = value
        }
        return variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }
}

/// What one field came to. A field that was left out and has no default has none.
struct FieldValue: Hashable, Sendable {
    /// As the program gets them; files as paths.
    var texts: [String]
    var files: [InputFile]
    /// All of it in one text, where it goes into one.
    var joined: String
    /// For people.
    var shown: String
}

/// What is wrong with the values of one field.
struct FieldMistakes: Error {
    var details: [String]
}

extension ManifestInput {
    /// Checks what was given for this field; nil when it was left out and may be.
    func resolve(_ given: [SubmittedValue]) throws(FieldMistakes) -> FieldValue? {
        var values = given.filter { !$0.isEmpty }
        if type == .boolean, !isList { values = values.suffix(1) }
        if values.isEmpty {
            values = defaultTexts.map { .text($0) }
            if values.isEmpty, type == .boolean, !isList, !isOptional { values = [.text("false")] }
        }
        if values.isEmpty {
            guard isOptional else { throw FieldMistakes(details: ["is needed"]) }
            return nil
        }
        if !isList, values.count > 1 {
            throw FieldMistakes(details: ["takes one value, \(values.count) were given"])
        }
        if isList, !(minimumItems...maximumItems).contains(values.count) {
            throw FieldMistakes(details: [
                "takes \(minimumItems) to \(maximumItems) values, \(values.count) "
                    + (values.count == 1 ? "was given" : "were given")
            ])
        }
        return try type == .file ? resolveFiles(values) : resolveTexts(values)
    }

    private func resolveTexts(_ values: [SubmittedValue]) throws(FieldMistakes) -> FieldValue {
        var texts: [String] = []
        var details: [String] = []
        for value in values {
            guard case .text(let text) = value else {
                details.append("takes \(type.wording), not a file")
                continue
            }
            do {
                texts.append(try accepted(text))
            } catch {
                details.append(type == .secret ? error.detail.replacingQuoted() : error.detail)
            }
        }
        guard details.isEmpty else { throw FieldMistakes(details: details) }
        let shown = type == .secret ? "" : texts.map { Shown.line($0) }.joined(separator: ", ")
        return FieldValue(texts: texts, files: [], joined: texts.joined(separator: listSeparator ?? ","), shown: shown)
    }

    private func resolveFiles(_ values: [SubmittedValue]) throws(FieldMistakes) -> FieldValue {
        var files: [SubmittedFile] = []
        var details: [String] = []
        for value in values {
            guard case .file(let file) = value else {
                details.append("takes a file; send it as a file part, not as text")
                continue
            }
            if !AcceptedFile.matches(accept, name: file.name, mediaType: file.mediaType) {
                details.append(
                    "‘\(Shown.text(file.name))’ is not of a kind that is taken here: \(accept.joined(separator: ", "))")
            }
            if let maximumBytes, file.bytes > maximumBytes {
                details.append(
                    "‘\(Shown.text(file.name))’ has \(ByteCount.text(file.bytes)); "
                        + "at most \(ByteCount.text(maximumBytes)) are taken")
            }
            files.append(file)
        }
        guard details.isEmpty else { throw FieldMistakes(details: details) }
        let names = FileName.distinct(files.map { FileName.sanitised($0.name) })
        let inputs = zip(names, files).map { InputFile(field: id, name: $0, content: $1.content) }
        return FieldValue(
            texts: inputs.map(\.path), files: inputs,
            joined: inputs.map(\.path).joined(separator: listSeparator ?? ","), shown: names.joined(separator: ", "))
    }
}

extension SubmittedValue {
    /// What a form sends for a field that was left alone.
    fileprivate var isEmpty: Bool {
        switch self {
        case .text(let text): text.isEmpty
        case .file(let file): file.name.isEmpty && file.bytes == 0
        }
    }
}

extension CommandTemplate {
    /// argv for resolved values.
    func arguments(entry: String, inputs: [ManifestInput], values: [String: FieldValue]) -> [String] {
        let inputs = Dictionary(inputs.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        return elements.flatMap { pieces -> [String] in
            if pieces.count == 1, case .input(let id) = pieces[0], let input = inputs[id] {
                return values[id].map { input.arguments(for: $0) } ?? []
            }
            var argument = ""
            for piece in pieces {
                switch piece {
                case .literal(let text): argument += text
                case .program: argument += "/program/\(entry)"
                case .folder: argument += "/program"
                case .input(let id):
                    guard let value = values[id] else { return [] }
                    argument += value.joined
                }
            }
            return [argument]
        }
    }
}

extension ManifestInput {
    /// The field as arguments: with its flag, and as many as it has values.
    fileprivate func arguments(for value: FieldValue) -> [String] {
        if type == .boolean, !isList, let flag { return value.joined == "true" ? [flag] : [] }
        let texts = isList && listSeparator != nil ? [value.joined] : value.texts
        guard let flag else { return texts }
        if let separator { return texts.map { flag + separator + $0 } }
        return [flag] + texts
    }
}

extension String {
    /// The text without what stands between quotation marks, for mistakes about secrets.
    fileprivate func replacingQuoted() -> String {
        guard let start = firstIndex(of: "‘"), let end = lastIndex(of: "’"), start < end else { return self }
        return self[..<start] + "the value" + self[index(after: end)...]
    }
}

extension Shown {
    /// A value in a list of submitted fields: its first lines, cut.
    static func line(_ text: String) -> String {
        String(text.unicodeScalars.prefix(1_000)) + (text.unicodeScalars.count > 1_000 ? "…" : "")
    }
}
