import PanalCore

extension Manifest {
    /// Values that a first try could be made with, in the manifest's order: what is needed, and what is filled in already.
    /// Of a file field the value is a name. A field with a pattern of its own gets a text that may not match it.
    /// A block is there once at least, so that it is seen how its fields are named.
    package func sample() -> [(input: ManifestInput, values: [String])] {
        guard repeats.isEmpty || counts != nil else {
            return unrolled(repeats.reduce(into: [:]) { $0[$1.id] = max(1, $1.minimumItems) }).sample()
        }
        var values: [String: [String]] = [:]
        for input in inputs where input.isRequired || input.defaultValue != nil { values[input.id] = input.sampleTexts }
        // A rule may want a field more, or one less; each round settles one of them at least.
        let byID = Dictionary(inputs.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        // Where two rules contradict each other a field would come and go for ever.
        var turns: [String: Int] = [:]
        for _ in 0...min(inputs.count, Self.mostRounds) {
            var engine = RuleEngine(self)
            let mistakes = engine.judge(submission(values))
            var isSettled = true
            for mistake in mistakes {
                let id = String(mistake.pointer.dropFirst().replacing("/", with: "."))
                guard let input = byID[id], turns[id] ?? 0 < 2 else { continue }
                switch ManifestPhrase(rawValue: mistake.code ?? "") {
                case .isNeeded, .neededWith, .oneOfNeeded, .someNeeded:
                    guard values.updateValue(input.sampleTexts, forKey: id) == nil else { continue }
                case .notAskedFor, .onlyOneOf, .notTogether:
                    guard values.removeValue(forKey: id) != nil else { continue }
                default: continue
                }
                turns[id, default: 0] += 1
                isSettled = false
            }
            if isSettled {
                return inputs.filter { !engine.hidden.contains($0.id) }.compactMap { input in
                    values[input.id].map { (input, $0) }
                }
            }
        }
        return inputs.compactMap { input in values[input.id].map { (input, $0) } }
    }

    private static var mostRounds: Int { 200 }

    private func submission(_ values: [String: [String]]) -> Submission {
        var submission = Submission()
        for input in inputs {
            submission.values[input.id] = values[input.id]?.map { text in
                guard input.type == .file, let content = ContentHash(hex: String(repeating: "0", count: 64)) else {
                    return .text(text)
                }
                return .file(SubmittedFile(name: text, content: content, bytes: 1, mediaType: nil))
            }
        }
        return submission
    }
}

extension ManifestInput {
    fileprivate var sampleTexts: [String] {
        if type == .boolean { return ["true"] }
        let texts = defaultTexts
        if !texts.isEmpty { return texts }
        if let choices { return Array(choices.prefix(minimumItems).map(\.value)) }
        return Array(repeating: sampleText, count: isList ? minimumItems : 1)
    }

    private var sampleText: String {
        switch type {
        case .number, .integer: inRange("3") ?? inside
        case .date: inRange("2026-11-21") ?? "2026-11-21"
        case .time: inRange("14:30") ?? "14:30"
        case .email: "name@example.org"
        case .url: "https://example.org/"
        case .colour: "#1e90ff"
        case .json: "{}"
        case .file: "file" + (accept.first { $0.hasPrefix(".") } ?? "")
        case .text, .secret: String(repeating: "x", count: max(minimumLength ?? 1, min(4, maximumLength ?? 4)))
        case .boolean, .choice: ""
        }
    }

    /// The value, or an end of the range, whichever is taken.
    private func inRange(_ usual: String) -> String? {
        [usual, minimum?.text, maximum?.text].compactMap(\.self).first { (try? accepted($0)) != nil }
    }

    /// A number between exclusive bounds.
    private var inside: String {
        let least = minimum?.number ?? (maximum?.number ?? 0) - 2
        let most = maximum?.number ?? least + 2
        if let step { return Bound(value: .number(least + step), isExclusive: false).text }
        let middle = (least + most) / 2
        return Bound(value: .number(type == .integer ? middle.rounded(.up) : middle), isExclusive: false).text
    }
}
