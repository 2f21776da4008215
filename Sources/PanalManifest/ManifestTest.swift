import PanalCore

/// A run that the author vouches for: with these values, this is what comes of it.
package struct ManifestTest: Hashable, Sendable {
    /// A value of a field.
    package enum Value: Hashable, Sendable {
        case text(String)
        /// A file of the program's folder, by its path there.
        case programFile(String)
        case inline(name: String, text: String)
    }

    /// What a result file has to be. Sizes in bytes.
    package struct Output: Hashable, Sendable {
        /// Path below the work folder, or a glob as in `outputs`.
        package var path: String
        package var minimumBytes: Int
        package var maximumBytes: Int?
        /// 64 hexadecimal digits in lower case.
        package var sha256: String?
        package var contains: String?

        package func matches(_ path: String) -> Bool { Glob(self.path).matches(path) }
    }

    /// For people; its number where the author gave none.
    package var name: String
    package var inputs: [String: [Value]]
    /// Nil: any code that counts as success.
    package var exitCode: Int?
    package var outputs: [Output]
    /// What its standard output and its error output have to contain.
    package var standardOutput: String?
    package var standardError: String?
    /// The profile to run under; the suggested one when it is nil.
    package var profile: String?
    /// The longest that it may take; the profile's own limit when it is nil.
    package var time: Duration?

    /// The submission, with `file` saying what was stored of each file. Nil from there ends it with nil.
    package func submission(_ file: (Value) -> SubmittedFile?) -> Submission? {
        var submission = Submission()
        for (id, values) in inputs {
            var submitted: [SubmittedValue] = []
            for value in values {
                if case .text(let text) = value {
                    submitted.append(.text(text))
                } else if let found = file(value) {
                    submitted.append(.file(found))
                } else {
                    return nil
                }
            }
            submission.values[id] = submitted
        }
        return submission
    }
}

extension ManifestTest {
    private static let keys = ["name", "inputs", "exitCode", "outputs", "stdout", "stderr", "profile", "time"]
    private static let foreign = [
        "invocation": "inputs", "values": "inputs", "exit-code": "exitCode", "output-files": "outputs",
        "assertions": "outputs", "files": "outputs", "output": "stdout",
    ]
    private static let outputKeys = ["path", "minBytes", "maxBytes", "sha256", "contains"]

    /// The tests of a manifest that is right otherwise: each is held against it.
    static func read(_ document: DocumentReader, of manifest: Manifest) -> [ManifestTest] {
        document.objects("tests", maximum: 50).compactMap { index, reader in
            reader.reportUnknownKeys(known: keys, foreign: foreign)
            let test = ManifestTest(
                name: reader.text("name", maximum: 200) ?? "\(index + 1)", inputs: values(reader, of: manifest),
                exitCode: reader.has("exitCode") ? reader.integer("exitCode", in: 0...255) : nil,
                outputs: outputs(reader),
                standardOutput: reader.text("stdout", maximum: 4_000, lines: true),
                standardError: reader.text("stderr", maximum: 4_000, lines: true),
                profile: reader.text("profile", maximum: 40),
                time: Manifest.quantity(reader, "time", numberMeans: "seconds") { text throws(QuantityMistake) in
                    try Quantity.duration(Int(text) == nil ? text : text + "s")
                })
            test.check(against: manifest, reader)
            return test
        }
    }

    private static func values(_ reader: DocumentReader, of manifest: Manifest) -> [String: [Value]] {
        guard let member = reader.members["inputs"] else { return [:] }
        guard let object = DocumentReader(member, at: reader.place("inputs"), reader.mistakes) else { return [:] }
        var values: [String: [Value]] = [:]
        for (id, value) in object.members where value != .null {
            guard let block = manifest.repeats.first(where: { $0.id == id }) else {
                values[id] = self.values(value, of: manifest.input(id: id), object, id)
                continue
            }
            guard let list = object.array(id, maximum: block.maximumItems) else { continue }
            values[id] = [.text(String(list.count))]
            for (index, element) in list.enumerated() {
                guard let one = DocumentReader(element, at: object.place(id) + [String(index)], reader.mistakes)
                else { continue }
                for (name, value) in one.members where value != .null {
                    let input = block.inputs.first { $0.id == name }
                    values[block.fieldID(name, at: index)] = self.values(value, of: input, one, name)
                }
            }
        }
        return values
    }

    private static func values(
        _ value: JSONValue, of input: ManifestInput?, _ reader: DocumentReader, _ id: String
    ) -> [Value] {
        let elements: [JSONValue]
        if case .array(let list) = value, input?.type != .json || input?.isList == true {
            elements = list
        } else {
            elements = [value]
        }
        return elements.compactMap { element in
            input?.type == .file ? file(element, reader, id) : .text(element.submittedText)
        }
    }

    /// `"sample/a.png"`, or `{"name": "a.txt", "text": "…"}`.
    private static func file(_ value: JSONValue, _ reader: DocumentReader, _ id: String) -> Value? {
        switch value {
        case .string(let path):
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            guard !path.isEmpty, path.utf8.count <= 1_000, !parts.contains(""), !parts.contains(".."),
                !parts.contains("."), !path.unicodeScalars.contains("\0")
            else { break }
            return .programFile(path)
        case .object(let members):
            guard case .string(let name)? = members["name"], case .string(let text)? = members["text"],
                members.count == 2, !name.isEmpty
            else { break }
            return .inline(name: name, text: text)
        default: break
        }
        reader.report(id, .testFile)
        return nil
    }

    private static func outputs(_ reader: DocumentReader) -> [Output] {
        reader.objects("outputs", maximum: 50).compactMap { _, output in
            output.reportUnknownKeys(
                known: outputKeys, foreign: ["glob": "path", "name": "path", "sha-256": "sha256", "text": "contains"])
            guard let path = output.text("path", maximum: 1_000) else {
                if !output.has("path") { output.report(nil, .outputWithoutPath) }
                return nil
            }
            Manifest.checkPath(path, output, "path")
            let hash = output.text("sha256", maximum: 64)?.lowercased()
            if let hash, ContentHash(hex: hash) == nil { output.report("sha256", .testHash) }
            let least = output.integer("minBytes", in: 0...Int(1) << 50)
            let most = output.integer("maxBytes", in: 0...Int(1) << 50)
            if let most, let least, least > most {
                output.report("minBytes", .moreThanOther, .number(least), "maxBytes", .number(most))
            }
            return Output(
                path: path, minimumBytes: least ?? 0, maximumBytes: most, sha256: hash,
                contains: output.text("contains", maximum: 4_000, lines: true))
        }
    }

    /// A test has to be a submission that the manifest takes.
    private func check(against manifest: Manifest, _ reader: DocumentReader) {
        guard let nothing = ContentHash(hex: String(repeating: "0", count: 64)) else { return }
        let submission = submission { value in
            switch value {
            case .text: nil
            case .programFile(let path):
                SubmittedFile(name: FileName.sanitised(path), content: nothing, bytes: 1, mediaType: nil)
            case .inline(let name, let text):
                SubmittedFile(name: name, content: nothing, bytes: text.utf8.count, mediaType: nil)
            }
        }
        guard let submission else { return }
        do {
            _ = try manifest.plan(submission, entry: "program")
        } catch {
            let place = JSONPointer.text(reader.place("inputs"))
            for mistake in error.mistakes {
                var mistake = mistake
                mistake.pointer = place + mistake.pointer
                reader.mistakes.add(mistake)
            }
        }
    }
}

extension ManifestTest {
    static let keyNames = keys
    static let outputKeyNames = outputKeys
}
