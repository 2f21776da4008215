import PanalCore
import PanalManifest

extension Panal {
    /// The same with the texts that the program gets as files or as standard input, stored as such.
    func storingTexts(of prepared: PreparedJob) async throws -> PreparedJob {
        var prepared = prepared
        prepared.invocation = try await storingTexts(of: prepared.invocation) { try await stored($0) }
        return prepared
    }

    /// `store` answers under which hash it has put a text.
    func storingTexts(
        of given: Invocation, by store: (String) async throws -> ContentHash
    ) async throws -> Invocation {
        var invocation = given
        for text in invocation.texts {
            invocation.inputs.append(
                InputFile(field: text.field, name: text.name, content: try await store(text.text)))
        }
        if let text = invocation.standardInputText { invocation.standardInput = try await store(text) }
        return invocation
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
