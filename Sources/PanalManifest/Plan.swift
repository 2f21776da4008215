import PanalCore

extension Manifest {
    /// Bytes of argv and environment together; more belongs into a file.
    package static let maximumCommandBytes = 131_072

    /// Bytes of all texts of one submission together.
    package static let maximumTextsBytes = 1 << 20

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
        let laid = laidOut(submission)
        return try laid.manifest.plan(laid, entry: entry)
    }

    private func plan(_ laid: LaidOutSubmission, entry: String) throws(SubmissionError) -> Invocation {
        let (values, hidden) = try resolve(laid)
        let invocation = Invocation(
            arguments: command.arguments(entry: entry, inputs: inputs, values: values, hidden: hidden),
            environment: variables(values),
            inputs: inputs.flatMap { values[$0.id]?.files ?? [] },
            standardInput: standardInput.flatMap { values[$0.id]?.files.first?.content },
            texts: inputs.compactMap { values[$0.id]?.written },
            standardInputText: standardInput.flatMap { $0.type == .file ? nil : values[$0.id]?.joined },
            fields: counted(hidden) + inputs.compactMap { input in values[input.id].map { input.field($0) } },
            secretIDs: Set(inputs.filter { $0.type == .secret }.map(\.id)))
        let size = (invocation.arguments + invocation.environment).reduce(0) { $0 + $1.utf8.count + 1 }
        if size > Self.maximumCommandBytes {
            let most = ByteCount.text(Self.maximumCommandBytes)
            throw SubmissionError(mistakes: [
                Mistake([], Remark(.tooLargeTogether, .text(ByteCount.text(size)), .text(most)))
            ])
        }
        return invocation
    }

    private var standardInput: ManifestInput? { inputs.first { $0.route == .standardInput } }

    /// How often each block was given, so that it can be given so again.
    private func counted(_ hidden: Set<String>) -> [JobField] {
        guard let counts else { return [] }
        return repeats.filter { !hidden.contains($0.id) }.map { block in
            JobField(id: block.id, label: block.name, value: String(counts[block.id] ?? 0))
        }
    }

    /// What each field comes to, and what is not asked for.
    private func resolve(
        _ laid: LaidOutSubmission
    ) throws(SubmissionError) -> (values: [String: FieldValue], hidden: Set<String>) {
        let submission = laid.submission
        var mistakes = laid.mistakes + unknownFields(of: submission)
        let texts = submission.values.values.joined().reduce(0) { $0 + $1.textBytes }
        guard texts <= Self.maximumTextsBytes else {
            let most = ByteCount.text(Self.maximumTextsBytes)
            throw SubmissionError(mistakes: [
                Mistake([], Remark(.textsTooLarge, .text(ByteCount.text(texts)), .text(most)))
            ])
        }
        var rules = RuleEngine(self)
        mistakes += rules.judge(submission)
        let values = rules.values
        let files = values.values.reduce(0) { $0 + $1.files.count }
        if files > Self.maximumFiles {
            mistakes.append(Mistake([], Remark(.tooManyFiles, .number(files), .number(Self.maximumFiles))))
        }
        guard mistakes.isEmpty else { throw SubmissionError(mistakes: mistakes) }
        return (values, rules.hidden)
    }

    private func unknownFields(of submission: Submission) -> [Mistake] {
        let known = Set(inputs.map(\.id) + repeats.map(\.id))
        let unknown = submission.values.keys.filter { !known.contains($0) }.sorted()
        // Each costs a comparison with every field, and somebody may send a hundred thousand of them.
        var mistakes = unknown.prefix(Self.namedUnknownFields).map { id in
            if let block = repeats.first(where: { $0.inputs.contains { $0.id == id } }) {
                return Mistake([id], Remark(.memberAlone, .text(block.id), .text(id)))
            }
            if let parts = BlockPlace.parts(of: id), let block = repeats.first(where: { $0.id == parts.block }) {
                let near = Nearest.to(String(parts.field), among: block.inputs.map(\.id))
                return Mistake(
                    BlockPlace.pointer(to: id).map { Shown.text($0) },
                    near.map { Remark(.noSuchFieldNear, .text($0)) } ?? Remark(.noSuchField))
            }
            let near = Nearest.to(id, among: inputs.map(\.id) + repeats.map(\.id))
            return Mistake(
                [Shown.text(id)], near.map { Remark(.noSuchFieldNear, .text($0)) } ?? Remark(.noSuchField))
        }
        if unknown.count > Self.namedUnknownFields {
            let more = unknown.count - Self.namedUnknownFields
            mistakes.append(Mistake([], Remark(.moreUnknownFields, .number(more))))
        }
        return mistakes
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

extension CommandTemplate {
    /// argv for resolved values; nothing of a block that is not asked for.
    func arguments(
        entry: String, inputs: [ManifestInput], values: [String: FieldValue], hidden: Set<String> = []
    ) -> [String] {
        let inputs = Dictionary(inputs.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        return parts.flatMap { part -> [String] in
            if let block = part.block, hidden.contains(block) { return [] }
            let isLeftOut = { (id: String) in
                guard let input = inputs[id], let value = values[id] else { return true }
                return !input.ruleValue(value).isGiven
            }
            if part.isTogether, part.inputIDs.contains(where: isLeftOut) { return [] }
            return arguments(part.elements, entry: entry, inputs: inputs, values: values)
        }
    }

    private func arguments(
        _ elements: [[Piece]], entry: String, inputs: [String: ManifestInput], values: [String: FieldValue]
    ) -> [String] {
        elements.flatMap { pieces -> [String] in
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

extension ManifestInput {
    /// Bytes of values that a job keeps beside what is shown of them.
    private static let keptBytes = 16_384

    /// What a job keeps of a field, so that it can be read and filled in again.
    fileprivate func field(_ value: FieldValue) -> JobField {
        var field = JobField(id: id, label: label, value: value.shown)
        if !value.files.isEmpty {
            field.files = value.files.map { JobFieldFile(name: $0.name, content: $0.content) }
        } else if type != .secret, value.values != [value.shown],
            value.values.reduce(0, { $0 + $1.utf8.count }) <= Self.keptBytes
        {
            field.values = value.values
        }
        return field
    }
}
