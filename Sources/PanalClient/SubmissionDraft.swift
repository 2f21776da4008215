package import PanalCore
import PanalManifest

/// What somebody wants to run, held against the program's schema before anything is sent: a name that is no input, a file that is none.
/// Values themselves are the server's to check.
package struct SubmissionDraft {
    package typealias Pair = (name: String, value: String)

    /// Values by field, in the order in which they were given.
    private var values: [String: [String]] = [:]
    private var files: [String: [String]] = [:]
    /// Lists of objects, as the document had them.
    private var objects: [String: JSONValue] = [:]
    private let schema: JSONValue

    /// `NAME=VALUE` as it stands on a command line. Throws `local` without a name or `=`.
    package static func pair(_ text: String) throws(ClientFailure) -> Pair {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
            throw ClientFailure(.local, "‘\(text)’ is not NAME=VALUE")
        }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }

    /// `schema` is the program's JSON Schema; `document` an object of further values, `files` paths. Throws `local` with every mistake, each with
    /// its field.
    package init(
        schema: JSONValue, values given: [Pair], files givenFiles: [Pair], document: JSONValue? = nil
    ) throws(ClientFailure) {
        self.schema = schema
        var mistakes: [String] = []
        var members = schema["properties"]?.members ?? [:]
        for (name, value) in document?.members ?? [:] where value != .null {
            values[name] = value.list?.map(\.asSubmitted) ?? [value.asSubmitted]
            if value.list?.contains(where: { $0.members != nil }) == true { objects[name] = value }
        }
        for (name, value) in given {
            values[name, default: []].append(value)
            objects[name] = nil
        }
        for (name, path) in givenFiles {
            files[name, default: []].append(path.hasPrefix("@") ? String(path.dropFirst()) : path)
        }
        for name in Set(values.keys).union(files.keys).sorted() {
            let block = String(name.prefix { $0 != "." })
            guard let field = members.removeValue(forKey: name) ?? Self.field(ofBlock: name, schema) else {
                mistakes.append("\(name): \(Self.unknown(name, schema))")
                continue
            }
            // Its fields say that the block is there.
            members[block] = nil
            if let detail = Self.mistake(
                in: field, values: values[name] ?? [], files: files[name] ?? [], name: name)
            {
                mistakes.append("\(name): \(detail)")
            }
        }
        for case .string(let name) in schema["required"]?.list ?? [] where members[name] != nil {
            let isFile = Self.item(of: members[name] ?? .null)["format"]?.text == "binary"
            mistakes.append(
                "\(name): is required; give it with \(isFile ? "--file \(name)=PATH" : "--input \(name)=VALUE")")
        }
        guard mistakes.isEmpty else {
            let heading = mistakes.count == 1 ? "an input is wrong" : "inputs are wrong"
            throw ClientFailure(.refused(status: 422), ([heading] + mistakes.map { "  \($0)" }).joined(separator: "\n"))
        }
    }

    /// The schema of `layer.0.text`, a field of a block that is given several times.
    private static func field(ofBlock name: String, _ schema: JSONValue) -> JSONValue? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, Int(parts[1]) != nil else { return nil }
        // Of one that is not always asked for the rules say what it is.
        let all = [schema["properties"]] + (schema["allOf"]?.list ?? []).map { $0["then"]?["properties"] }
        return all.lazy.compactMap { $0?[parts[0]]?["items"]?["properties"]?[parts[2]] }.first
    }

    private static func unknown(_ name: String, _ schema: JSONValue) -> String {
        let names = (schema["properties"]?.members ?? [:]).keys.sorted()
        guard !names.isEmpty else { return "the program has no inputs" }
        let near = Nearest.to(name, among: names)
        return "the program has no such input; "
            + (near.map { "did you mean \($0)?" } ?? "it has \(names.joined(separator: ", "))")
    }

    private static func item(of field: JSONValue) -> JSONValue { field["items"] ?? field }

    private static func mistake(in field: JSONValue, values: [String], files: [String], name: String) -> String? {
        let item = item(of: field)
        let isFile = item["format"]?.text == "binary"
        if isFile, !values.isEmpty { return "is a file; give it with --file \(name)=PATH" }
        if !isFile, !files.isEmpty { return "is no file; give it with --input \(name)=VALUE" }
        if field["items"] == nil, values.count + files.count > 1 { return "takes one value, and was given more" }
        for value in values {
            if let choices = item["enum"]?.list, !choices.map(\.asSubmitted).contains(value) {
                return "‘\(value)’ is none of \(choices.map(\.asSubmitted).joined(separator: ", "))"
            }
            switch item["type"]?.text {
            case "integer" where Int(value) == nil: return "‘\(value)’ is not a whole number"
            case "number" where Double(value) == nil: return "‘\(value)’ is not a number"
            default: break
            }
        }
        return nil
    }

    package var hasFiles: Bool { !files.isEmpty }

    /// Paths of all files, each once.
    package var paths: Set<String> { Set(files.values.joined()) }

    /// Whether the program takes a file by that name.
    package static func isFile(_ name: String, _ schema: JSONValue) -> Bool {
        (schema["properties"]?[name] ?? field(ofBlock: name, schema)).map { item(of: $0)["format"]?.text == "binary" }
            ?? false
    }

    /// As an object, for a submission without files; each value is of the kind that the schema says.
    package var document: JSONValue {
        var members = objects
        for (name, texts) in values where members[name] == nil {
            let field = field(name)
            guard let item = field["items"] else {
                members[name] = texts.last.map { Self.value($0, field) }
                continue
            }
            // A block by its number: its fields have names of their own.
            if item["properties"] != nil, texts.count == 1, let count = Int(texts[0]), (0...1_000).contains(count) {
                members[name] = .array(Array(repeating: [:], count: count))
            } else {
                members[name] = .array(texts.map { Self.value($0, item) })
            }
        }
        return .object(members)
    }

    /// What the schema says of a field; of one that is not always asked for the rules say it.
    private func field(_ name: String) -> JSONValue {
        if let field = Self.field(ofBlock: name, schema) { return field }
        let all = [schema["properties"]] + (schema["allOf"]?.list ?? []).map { $0["then"]?["properties"] }
        let found = all.compactMap { $0?[name] }
        return found.first { $0["items"] != nil } ?? found.first ?? .null
    }

    /// A text that says nothing of that kind goes as it is, for the server to refuse in its own words.
    private static func value(_ text: String, _ item: JSONValue) -> JSONValue {
        switch item["type"]?.text {
        case "integer": return Int(text).map(JSONValue.integer) ?? .string(text)
        case "number":
            let value = try? JSONReader.read(Array(text.utf8))
            if case .integer? = value { return value ?? .string(text) }
            if case .number? = value { return value ?? .string(text) }
            return .string(text)
        case "boolean":
            switch text.lowercased() {
            case "true", "on", "1", "yes": return true
            case "false", "off", "0", "no": return false
            default: return .string(text)
            }
        case nil where item["enum"] == nil && item != .null:
            return (try? JSONReader.read(Array(text.utf8))) ?? .string(text)
        default: return .string(text)
        }
    }

    /// The same with files that were uploaded before: `uploads` has the upload's id of each path.
    package func document(uploads: [String: String]) -> JSONValue {
        var members = document.members ?? [:]
        for (name, paths) in files {
            let places = paths.compactMap { uploads[$0] }.map { JSONValue.object(["upload": .string($0)]) }
            members[name] = field(name)["items"] == nil ? places.last : .array(places)
        }
        return .object(members)
    }

    /// As parts of a form, by name.
    package var parts: [FormPart] {
        values.sorted { $0.key < $1.key }.flatMap { name, texts in texts.map { FormPart(name: name, text: $0) } }
            + files.sorted { $0.key < $1.key }.flatMap { name, paths in
                paths.map { path in
                    FormPart(name: name, fileName: path.split(separator: "/").last.map(String.init) ?? path, file: path)
                }
            }
    }
}

extension JSONValue {
    package var members: [String: JSONValue]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// As a form field has it.
    fileprivate var asSubmitted: String {
        switch self {
        case .string(let text): text
        case .integer(let value): String(value)
        case .boolean(let value): String(value)
        default: (try? serialized()).map { String(decoding: $0, as: UTF8.self) } ?? ""
        }
    }
}
