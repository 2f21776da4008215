import PanalCore
import PanalManifest
import PanalService

/// Ready-made calls that do what the form does, with values that the program takes. The key comes from the environment.
struct Snippet {
    /// Not written out in the texts below, whose lines are no imports of this module's.
    private static let takes = "import"

    private let address: String
    private let texts: [(name: String, value: String)]
    private let files: [(name: String, value: String)]

    /// `home` as ``HomeAddress`` tells it.
    init(_ entry: ProgramEntry, home: String) {
        address = "\(home)\(Documents.base)/programs/\(entry.program.name)/jobs"
        var (texts, files): ([(String, String)], [(String, String)]) = ([], [])
        for (input, values) in entry.manifest.sample() {
            for value in values {
                if input.type == .file { files.append((input.id, value)) } else { texts.append((input.id, value)) }
            }
        }
        // One whose fields may all be left out is only seen by how often it is given.
        for block in entry.manifest.repeats where block.minimumItems > 0 && block.showIf == nil {
            guard !(texts + files).contains(where: { $0.0.hasPrefix("\(block.id).") }) else { continue }
            texts.append((block.id, String(block.minimumItems)))
        }
        (self.texts, self.files) = (texts, files)
    }

    var all: [Templates.Values] {
        [("curl", curl), ("Python", python), ("Swift", swift)].map { language, text in
            ["language": language, "text": text, "isFirst": language == "curl"]
        }
    }

    var curl: String {
        var lines = ["curl -H \"Authorization: Bearer $PANAL_KEY\"", "  -H 'Prefer: wait=30'"]
        // `--form-string` takes a value as it stands: -F would open a file for one that begins with @ or <.
        lines += texts.map { "  --form-string \(ShellWord.quoted("\($0.name)=\($0.value)"))" }
        lines += files.map { "  -F \(ShellWord.quoted("\($0.name)=@\($0.value)"))" }
        if lines.count == 2 { lines.append("  --json '{}'") }
        lines.append("  \(address)")
        return lines.joined(separator: " \\\n")
    }

    var python: String {
        let pairs = { (list: [(name: String, value: String)], format: (String) -> String) in
            list.map { "        (\(Self.python($0.name)), \(format($0.value))),\n" }.joined()
        }
        var body = texts.isEmpty && files.isEmpty ? "    json={},\n" : ""
        if !texts.isEmpty { body += "    data=[\n\(pairs(texts, Self.python))    ],\n" }
        if !files.isEmpty { body += "    files=[\n\(pairs(files) { "open(\(Self.python($0)), \"rb\")" })    ],\n" }
        return """
            \(Self.takes) os
            \(Self.takes) requests

            answer = requests.post(
                "\(address)",
                headers={
                    "Authorization": "Bearer " + os.environ["PANAL_KEY"],
                    "Prefer": "wait=30",
                },
            \(body))
            answer.raise_for_status()
            print(answer.json())
            """
    }

    var swift: String {
        let head = """
            \(Self.takes) Foundation
            #if canImport(FoundationNetworking)
            \(Self.takes) FoundationNetworking
            #endif

            let key = ProcessInfo.processInfo.environment["PANAL_KEY"] ?? ""
            var request = URLRequest(url: URL(string: "\(address)")!)
            request.httpMethod = "POST"
            request.setValue("Bearer \\(key)", forHTTPHeaderField: "Authorization")
            request.setValue("wait=30", forHTTPHeaderField: "Prefer")

            """
        let tail = """
            let (answer, _) = try await URLSession.shared.upload(for: request, from: body)
            print(String(decoding: answer, as: UTF8.self))
            """
        guard !texts.isEmpty || !files.isEmpty else {
            return head + """
                request.setValue("application/json", forHTTPHeaderField: "Content-Type")
                let body = Data("{}".utf8)

                """ + tail
        }
        let pairs = { (list: [(name: String, value: String)]) in
            list.map { "(\(Self.swift($0.name)), \(Self.swift($0.value)))" }.joined(separator: ", ")
        }
        var text =
            head + """
                let mark = UUID().uuidString
                request.setValue("multipart/form-data; boundary=\\(mark)", forHTTPHeaderField: "Content-Type")
                var body = Data()
                func part(_ head: String, _ content: Data) {
                    body += Data("--\\(mark)\\r\\nContent-Disposition: form-data; \\(head)\\r\\n\\r\\n".utf8)
                    body += content + Data("\\r\\n".utf8)
                }

                """
        if !texts.isEmpty {
            text += """
                for (name, value) in [\(pairs(texts))] {
                    part("name=\\"\\(name)\\"", Data(value.utf8))
                }

                """
        }
        if !files.isEmpty {
            text += """
                for (name, path) in [\(pairs(files))] {
                    let content = try Data(contentsOf: URL(filePath: path))
                    part("name=\\"\\(name)\\"; filename=\\"\\(path)\\"", content)
                }

                """
        }
        return text + "body += Data(\"--\\(mark)--\\r\\n\".utf8)\n" + tail
    }

    private static func python(_ text: String) -> String {
        literal(text) { $0.value > 0xFFFF ? "\\U" + hex($0, 8) : "\\u" + hex($0, 4) }
    }

    private static func swift(_ text: String) -> String { literal(text) { "\\u{" + hex($0, 4) + "}" } }

    private static func hex(_ scalar: Unicode.Scalar, _ digits: Int) -> String {
        let text = String(scalar.value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    /// A text in double quotes; what would end it, or is not seen, is written as an escape.
    private static func literal(_ text: String, _ escape: (Unicode.Scalar) -> String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .nonspacingMark:
                result += escape(scalar)
            default:
                if scalar == "\"" || scalar == "\\" { result += "\\" }
                result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
