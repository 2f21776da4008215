import PanalCore

extension Manifest {
    private static let outputKeys = ["name", "path", "type", "description", "optional"]
    private static let foreignOutputKeys = [
        "path-template": "path", "pathTemplate": "path", "glob": "path", "pattern": "path", "file": "path",
        "label": "name", "preview": "type", "id": "name",
    ]

    static func outputs(_ reader: DocumentReader) -> [ManifestOutput] {
        let elements = reader.array("outputs", maximum: 100) ?? []
        return elements.enumerated().compactMap { index, element in
            guard let output = DocumentReader(element, at: ["outputs", String(index)], reader.mistakes) else {
                return nil
            }
            output.reportUnknownKeys(known: outputKeys, foreign: foreignOutputKeys)
            let name = output.text("name", maximum: 200)
            if name == nil, !output.has("name") { output.report(nil, "has no ‘name’") }
            guard let path = path(output) else { return nil }
            return ManifestOutput(
                name: name ?? "", description: output.text("description", maximum: 4_000, lines: true), pattern: path,
                preview: preview(output, path: path), isOptional: output.boolean("optional") ?? false)
        }
    }

    private static func path(_ output: DocumentReader) -> String? {
        guard output.has("path") else {
            output.report(
                nil, "has no ‘path’; write the file's path below the work folder, or a pattern such as \"*.png\"")
            return nil
        }
        guard let path = output.text("path", maximum: 1_000) else { return nil }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        if path.hasPrefix("/work/") {
            output.report("path", "is relative to the work folder; write ‘\(path.dropFirst(6))’")
        } else if parts.contains("") || parts.contains(".") || parts.contains("..") {
            output.report("path", "should be relative to the work folder, without empty parts, . and ..")
        }
        return path
    }

    private static func preview(_ output: DocumentReader, path: String) -> Preview {
        guard let word = output.text("type", maximum: 40) else { return Preview(fileName: path) }
        if let preview = Preview(rawValue: word.lowercased()) { return preview }
        let words = Preview.allCases.map(\.rawValue)
        let near = Nearest.to(word, among: words).map { "did you mean ‘\($0)’?" }
        output.report("type", "‘\(word)’ is no preview; \(near ?? "known are \(words.joined(separator: ", "))")")
        return .download
    }

    static func exitCodes(_ reader: DocumentReader) -> [Int: ExitCodeMeaning] {
        guard let value = reader.members["exitCodes"],
            let object = DocumentReader(value, at: ["exitCodes"], reader.mistakes)
        else { return [:] }
        var meanings: [Int: ExitCodeMeaning] = [:]
        for (key, value) in object.members.sorted(by: { $0.key < $1.key }) {
            guard let code = Int(key), (0...255).contains(code), String(code) == key else {
                object.report(key, "is no exit code; write a whole number from 0 to 255")
                continue
            }
            if case .string = value {
                guard let message = object.text(key, maximum: 1_000) else { continue }
                meanings[code] = ExitCodeMeaning(message: message, isSuccess: code == 0)
                continue
            }
            guard let meaning = DocumentReader(value, at: ["exitCodes", key], reader.mistakes) else { continue }
            meaning.reportUnknownKeys(
                known: ["message", "success"], foreign: ["description": "message", "isSuccess": "success"])
            if !meaning.has("message") { meaning.report(nil, "has no ‘message’") }
            guard let message = meaning.text("message", maximum: 1_000) else { continue }
            meanings[code] = ExitCodeMeaning(message: message, isSuccess: meaning.boolean("success") ?? (code == 0))
        }
        return meanings
    }

    static func resources(_ reader: DocumentReader) -> ManifestResources {
        guard let value = reader.members["resources"],
            let object = DocumentReader(value, at: ["resources"], reader.mistakes)
        else { return ManifestResources() }
        object.reportUnknownKeys(
            known: ["profile", "smallest", "time", "disk", "network"],
            foreign: ["walltime-estimate": "time", "disk-space": "disk", "ram": "profile", "cpu-cores": "profile"])
        var resources = ManifestResources()
        resources.profile = object.text("profile", maximum: 40)
        resources.smallest = object.text("smallest", maximum: 40)
        resources.time = quantity(object, "time", numberMeans: "seconds") { text throws(QuantityMistake) in
            try Quantity.duration(Int(text) == nil ? text : text + "s")
        }
        resources.disk = quantity(object, "disk", numberMeans: "bytes", Quantity.bytes)
        if object.boolean("network") == true {
            object.report("network", "is not supported yet by this version: no cell has a network; leave it out")
        }
        return resources
    }

    private static func quantity<Amount>(
        _ object: DocumentReader, _ key: String, numberMeans unit: String,
        _ read: (String) throws(QuantityMistake) -> Amount
    ) -> Amount? {
        let text: String
        switch object.members[key] {
        case nil: return nil
        case .integer(let value)? where value > 0: text = String(value)
        case .string(let value)?: text = value
        default:
            object.report(key, "should be a number of \(unit) or a text with a unit")
            return nil
        }
        do {
            return try read(text)
        } catch {
            object.report(key, error.detail)
            return nil
        }
    }
}
