extension Manifest {
    /// What a page's script says about mistakes in a form, by their codes, in the words that the server has for them.
    package static func rulePhrases(inSpanish: Bool) -> [String: String] {
        let table = (inSpanish ? MistakeLanguage.spanish : .english).table
        var phrases = Dictionary(
            told.map { ($0.rawValue, table[$0] ?? $0.rawValue) }, uniquingKeysWith: { first, _ in first })
        // Where the mistake is in the document is the server's to say.
        phrases["notJSON"] = phrases["notJSON"].map { String($0.prefix { $0 != ":" }) }
        return phrases
    }

    private static let told: [ManifestPhrase] = [
        .isNeeded, .takesOne, .takesSeveral, .fileKind, .fileTooLarge, .theValue, .textTooLong, .hasNUL, .notDate,
        .notTime, .notEmail, .notURL, .notColour, .notBoolean, .notNumber, .notNumberComma, .notWholeNumber, .notOneOf,
        .notSingleLine, .tooShort, .tooLong, .notJSON, .atLeast, .atMost, .moreThan, .lessThan, .notStep, .notPattern,
        .notAskedFor, .neededWith, .needsHidden, .notTogether, .onlyOneOf, .oneOfNeeded, .someNeeded,
        .takesFile, .takesBlocks,
    ]
}
