import PanalCore
import PanalManifest
import PanalPublication

extension Panal {
    /// The same with the texts that the program gets as files or as standard input, stored as such.
    func storingTexts(of prepared: PreparedJob) async throws -> PreparedJob {
        var prepared = prepared
        prepared.invocation = try await prepared.invocation.storingTexts { try await stored($0) }
        return prepared
    }

    private func stored(_ text: String) async throws -> ContentHash {
        let writer = try await blobs.writer(limit: Manifest.maximumTextsBytes)
        try await writer.append(Array(text.utf8))
        return try await writer.finish().content
    }
}

extension Invocation {
    /// Bytes of the texts that the program gets as files or as standard input.
    var textBytes: Int { texts.reduce(standardInputText?.utf8.count ?? 0) { $0 + $1.text.utf8.count } }
}
