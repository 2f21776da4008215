import PanalCore

extension Manifest {
    private static let outputKeys = ["name", "path", "glob", "type", "description", "optional"]
    private static let foreignOutputKeys = [
        "path-template": "path", "pathTemplate": "path", "pattern": "path", "file": "path",
        "label": "name", "preview": "type", "id": "name",
    ]

    static func outputs(_ reader: DocumentReader) -> [ManifestOutput] {
        reader.objects("outputs", maximum: 100).compactMap { _, output in
            output.reportUnknownKeys(known: outputKeys, foreign: foreignOutputKeys)
            let name = output.text("name", maximum: 200)
            if name == nil, !output.has("name") { output.report(nil, .hasNoName) }
            guard let path = path(output) else { return nil }
            return ManifestOutput(
                name: name ?? "", description: output.text("description", maximum: 4_000, lines: true), pattern: path,
                preview: preview(output, path: path), isOptional: output.boolean("optional") ?? false)
        }
    }

    /// Where a result lies: `path`, or `glob`, which means the same and reads better with stars.
    private static func path(_ output: DocumentReader) -> String? {
        let key = output.has("glob") ? "glob" : "path"
        guard output.has(key) else {
            output.report(nil, .outputWithoutPath)
            return nil
        }
        if key == "glob", output.has("path") { output.report("glob", .bothThere, "path") }
        guard let path = output.text(key, maximum: 1_000) else { return nil }
        checkPath(path, output, key)
        return path
    }

    /// A path below the work folder.
    static func checkPath(_ path: String, _ reader: DocumentReader, _ key: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        if path.hasPrefix("/work/") {
            reader.report(key, .outputFromWork, .text(String(path.dropFirst(6))))
        } else if parts.contains("") || parts.contains(".") || parts.contains("..") {
            reader.report(key, .outputPath)
        }
    }

    private static func preview(_ output: DocumentReader, path: String) -> Preview? {
        guard let word = output.text("type", maximum: 40) else {
            let told = Preview(fileName: path)
            return told == .download ? nil : told
        }
        if let preview = Preview(rawValue: word.lowercased()) { return preview }
        let words = Preview.allCases.map(\.rawValue)
        output.report("type", .unknownPreview, .text(word), .nearest(to: word, among: words))
        return .download
    }

    static func exitCodes(_ reader: DocumentReader) -> [Int: ExitCodeMeaning] {
        guard let value = reader.members["exitCodes"],
            let object = DocumentReader(value, at: ["exitCodes"], reader.mistakes)
        else { return [:] }
        var meanings: [Int: ExitCodeMeaning] = [:]
        for (key, value) in object.members.sorted(by: { $0.key < $1.key }) {
            guard let code = Int(key), (0...255).contains(code), String(code) == key else {
                object.report(key, .exitCodeKey)
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
            if !meaning.has("message") { meaning.report(nil, .noMessage) }
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
            known: resourceKeys,
            foreign: ["walltime-estimate": "time", "disk-space": "disk", "ram": "profile", "cpu-cores": "profile"])
        var resources = ManifestResources()
        resources.profile = object.text("profile", maximum: 40)
        resources.smallest = object.text("smallest", maximum: 40)
        resources.time = quantity(object, "time", numberMeans: "seconds") { text throws(QuantityMistake) in
            try Quantity.duration(Int(text) == nil ? text : text + "s")
        }
        resources.disk = quantity(object, "disk", numberMeans: "bytes", Quantity.bytes)
        resources.network = network(object)
        return resources
    }

    /// `"loopback"`, or false and `"none"`. There is nothing yet that `true` could mean.
    private static func network(_ object: DocumentReader) -> CellNetwork? {
        switch object.members["network"] {
        case nil, .boolean(false)?: return nil
        case .string(let word)?:
            if let network = CellNetwork(rawValue: word.lowercased()) { return network }
            object.report("network", .networkOutside)
        default: object.report("network", .networkOutside)
        }
        return nil
    }

    static func quantity<Amount>(
        _ object: DocumentReader, _ key: String, numberMeans unit: String,
        _ read: (String) throws(QuantityMistake) -> Amount
    ) -> Amount? {
        let text: String
        switch object.members[key] {
        case nil: return nil
        case .integer(let value)? where value > 0: text = String(value)
        case .string(let value)?: text = value
        default:
            object.report(key, .amountOf, .text(unit))
            return nil
        }
        do {
            return try read(text)
        } catch {
            object.report(key, .quantity, .text(error.detail))
            return nil
        }
    }
}

extension Manifest {
    static let outputKeyNames = outputKeys
    static let resourceKeys = ["profile", "smallest", "time", "disk", "network"]
}
