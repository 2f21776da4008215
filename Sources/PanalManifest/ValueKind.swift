import PanalCore

extension ManifestInput {
    /// What is wrong with the kind of a value that came as JSON; nil where it is right. A file's place says itself what it takes.
    func remark(onKindOf value: JSONValue) -> Remark? {
        guard isList else { return remark(onKindOfOne: value) }
        guard let elements = value.elements else { return Remark(.shouldBeList, value.kindPhrase) }
        return elements.lazy.compactMap { remark(onKindOfOne: $0) }.first
    }

    private func remark(onKindOfOne value: JSONValue) -> Remark? {
        let isRight =
            switch (type, value) {
            case (.json, _), (.file, _), (.boolean, .boolean), (.number, .integer), (.number, .number),
                (.integer, .integer):
                true
            case (.integer, .number(let number)): number == number.rounded()
            case (.number, _), (.integer, _), (.boolean, _): false
            case (_, .string): true
            default: false
            }
        return isRight ? nil : Remark(.isKindShouldBe, value.kindPhrase, .phrase(type.phrase))
    }
}

extension JSONValue {
    /// Nil for what is no list.
    var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The value as the text of a document: a text in quotes.
    var documentText: String {
        guard let bytes = try? serialized() else { return "null" }
        return String(decoding: bytes, as: UTF8.self)
    }
}
