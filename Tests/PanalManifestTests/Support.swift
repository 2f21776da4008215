import Foundation
import PanalCore
import PanalManifest
import Testing

/// Reads a manifest that has to be right.
func manifest(_ text: String) throws -> Manifest {
    try Manifest(parsing: Data(text.utf8))
}

/// A manifest with these fields.
func manifest(inputs: String, more: String = "") throws -> Manifest {
    try manifest(#"{"name": "t", "inputs": [\#(inputs)]\#(more)}"#)
}

/// What a document is refused for, `pointer: detail` each.
func mistakes(_ text: String) -> [String] {
    do {
        _ = try Manifest(parsing: Data(text.utf8))
        return []
    } catch {
        return error.mistakes.map { "\($0.pointer): \($0.detail)" }
    }
}

/// What a submission is refused for.
func mistakes(_ manifest: Manifest, _ values: [String: [SubmittedValue]]) -> [String] {
    do {
        _ = try manifest.plan(Submission(values: values), entry: "run")
        return []
    } catch {
        return error.mistakes.map { "\($0.pointer): \($0.detail)" }
    }
}

/// argv without the program.
func arguments(_ manifest: Manifest, _ values: [String: [SubmittedValue]]) throws -> [String] {
    Array(try manifest.plan(Submission(values: values), entry: "run").arguments.dropFirst())
}

func hash(_ digit: Character) -> ContentHash {
    guard let hash = ContentHash(hex: String(repeating: digit, count: 64)) else { fatalError("no digit: \(digit)") }
    return hash
}

func file(_ name: String, _ digit: Character = "a", bytes: Int = 10, mediaType: String? = nil) -> SubmittedValue {
    .file(SubmittedFile(name: name, content: hash(digit), bytes: bytes, mediaType: mediaType))
}

let seed = """
    { "name": "filter",
      "inputs": [ {"name": "imagen de entrada", "type": "file"},
                  {"name": "tamaño de filtro",  "type": "text"} ] }
    """
