import PanalCore

/// What one field came to. A field that was left out and has no default has none.
struct FieldValue: Hashable, Sendable {
    /// As the program gets them; files as paths.
    var texts: [String]
    /// Each value as it was taken; none for files.
    var values: [String] = []
    var files: [InputFile] = []
    /// A text that the program gets as a file.
    var written: InputText?
    /// All of it in one text, where it goes into one.
    var joined: String
    /// For people.
    var shown: String
}

/// What is wrong with the values of one field.
struct FieldMistakes: Error {
    var remarks: [Remark]

    init(_ remarks: [Remark]) { self.remarks = remarks }

    init(_ phrase: ManifestPhrase, _ values: Remark.Value...) { remarks = [Remark(phrase, all: values)] }
}

extension ManifestInput {
    /// Checks what was given for this field; nil when it was left out and may be.
    func resolve(_ given: [SubmittedValue]) throws(FieldMistakes) -> FieldValue? {
        var values = given.filter { !$0.isEmpty }
        if type == .boolean, !isList { values = values.suffix(1) }
        let isDefault = values.isEmpty
        if isDefault {
            values = defaultTexts.map { .text($0) }
            if values.isEmpty, type == .boolean, !isList, !isOptional { values = [.text("false")] }
        }
        if values.isEmpty {
            guard isOptional else { throw FieldMistakes(.isNeeded) }
            return nil
        }
        if !isList, values.count > 1 { throw FieldMistakes(.takesOne, .number(values.count)) }
        if isList, !(minimumItems...maximumItems).contains(values.count) {
            throw FieldMistakes(
                .takesSeveral, .number(minimumItems), .number(maximumItems), .number(values.count),
                values.count == 1 ? "was given" : "were given")
        }
        return try type == .file ? resolveFiles(values) : resolveTexts(values, isDefault: isDefault)
    }

    private func resolveTexts(_ values: [SubmittedValue], isDefault: Bool) throws(FieldMistakes) -> FieldValue {
        var texts: [String] = []
        var remarks: [Remark] = []
        for value in values {
            guard case .text(let text) = value else {
                remarks.append(Remark(.takesNotFile, .phrase(type.phrase)))
                continue
            }
            do {
                texts.append(try accepted(text, isKnown: isDefault))
            } catch {
                remarks.append(type == .secret ? error.remark.withoutGiven : error.remark)
            }
        }
        guard remarks.isEmpty else { throw FieldMistakes(remarks) }
        let shown = type == .secret ? "" : texts.map { Shown.line($0) }.joined(separator: ", ")
        let joined = texts.joined(separator: listSeparator ?? (isWritten ? "\n" : ","))
        guard route == .file else { return FieldValue(texts: texts, values: texts, joined: joined, shown: shown) }
        let written = InputText(field: id, name: type == .json ? "value.json" : "value.txt", text: joined)
        return FieldValue(texts: [written.path], values: texts, written: written, joined: written.path, shown: shown)
    }

    /// Whether the value becomes the content of a file or of standard input.
    private var isWritten: Bool { route == .file || route == .standardInput }

    private func resolveFiles(_ values: [SubmittedValue]) throws(FieldMistakes) -> FieldValue {
        var files: [SubmittedFile] = []
        var remarks: [Remark] = []
        for value in values {
            guard case .file(let file) = value else {
                remarks.append(Remark(.takesFile))
                continue
            }
            if !AcceptedFile.matches(accept, name: file.name, mediaType: file.mediaType) {
                remarks.append(Remark(.fileKind, .given(file.name), .list(accept)))
            }
            if let maximumBytes, file.bytes > maximumBytes {
                remarks.append(
                    Remark(
                        .fileTooLarge, .given(file.name), .text(ByteCount.text(file.bytes)),
                        .text(ByteCount.text(maximumBytes))))
            }
            files.append(file)
        }
        guard remarks.isEmpty else { throw FieldMistakes(remarks) }
        let names = FileName.distinct(files.map { FileName.sanitised($0.name) })
        let inputs = zip(names, files).map { InputFile(field: id, name: $0, content: $1.content) }
        return FieldValue(
            texts: inputs.map(\.path), files: inputs,
            joined: inputs.map(\.path).joined(separator: listSeparator ?? ","), shown: names.joined(separator: ", "))
    }
}

extension SubmittedValue {
    /// What a form sends for a field that was left alone.
    var isEmpty: Bool {
        switch self {
        case .text(let text): text.isEmpty
        case .file(let file): file.name.isEmpty && file.bytes == 0
        }
    }

    var textBytes: Int {
        if case .text(let text) = self { text.utf8.count } else { 0 }
    }
}

extension Shown {
    /// A value in a list of submitted fields: its first lines, cut.
    static func line(_ text: String) -> String {
        String(text.unicodeScalars.prefix(1_000)) + (text.unicodeScalars.count > 1_000 ? "…" : "")
    }
}
