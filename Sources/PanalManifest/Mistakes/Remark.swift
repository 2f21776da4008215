import PanalCore

/// What is wrong and what would be right, in no language yet: a phrase of the catalogue and what it is filled in with.
struct Remark: Hashable, Sendable {
    var phrase: ManifestPhrase
    var values: [Value]

    indirect enum Value: Hashable, Sendable {
        case text(String)
        /// What somebody submitted, in quotation marks; of a secret nothing is shown.
        case given(String)
        case remark(Remark)
        /// What a mistake says, in its languages.
        case mistake(Mistake)
        case nothing
    }

    init(_ phrase: ManifestPhrase, _ values: Value...) {
        self.phrase = phrase
        self.values = values
    }

    init(_ phrase: ManifestPhrase, all values: [Value]) {
        self.phrase = phrase
        self.values = values
    }

    /// The same without anything that was submitted.
    var withoutGiven: Remark {
        var other = self
        other.values = values.map { value in
            switch value {
            case .given: .phrase(.theValue)
            case .remark(let remark): .remark(remark.withoutGiven)
            case .text, .mistake, .nothing: value
            }
        }
        return other
    }

    func text(in language: MistakeLanguage) -> String {
        let template = Array((language.table[phrase] ?? phrase.rawValue).unicodeScalars)
        var text = String.UnicodeScalarView()
        var place = 0
        while place < template.count {
            // What is filled in may hold a % itself, so that it is never looked at again.
            if template[place] == "%", place + 1 < template.count,
                let number = Int(String(Character(template[place + 1]))), (1...values.count + 1).contains(number)
            {
                if number <= values.count {
                    text.append(contentsOf: values[number - 1].text(in: language).unicodeScalars)
                }
                place += 2
            } else {
                text.append(template[place])
                place += 1
            }
        }
        return String(text)
    }
}

extension Remark.Value: ExpressibleByStringInterpolation {
    init(stringLiteral value: String) { self = .text(value) }

    static func phrase(_ phrase: ManifestPhrase) -> Self { .remark(Remark(phrase)) }

    static func number(_ number: Int) -> Self { .text(String(number)) }

    /// What was probably meant, else everything that there is.
    static func nearest(to word: String, among words: [String]) -> Self {
        if let near = Nearest.to(word, among: words) { return .remark(Remark(.didYouMean, .text(near))) }
        return .remark(Remark(.knownAre, .list(words)))
    }

    static func list(_ words: [String]) -> Self { .text(words.joined(separator: ", ")) }

    /// The phrase filled in with the word, or nothing where there is none.
    static func optional(_ phrase: ManifestPhrase, _ word: String?) -> Self {
        word.map { .remark(Remark(phrase, .text($0))) } ?? .nothing
    }

    fileprivate func text(in language: MistakeLanguage) -> String {
        switch self {
        case .text(let text): text
        case .given(let text): "‘\(Shown.text(text))’"
        case .remark(let remark): remark.text(in: language)
        case .mistake(let mistake): language == .spanish ? mistake.spanish ?? mistake.detail : mistake.detail
        case .nothing: ""
        }
    }
}

/// The languages in which mistakes are told.
enum MistakeLanguage: CaseIterable {
    case english, spanish

    var table: [ManifestPhrase: String] {
        switch self {
        case .english: englishManifestPhrases
        case .spanish: spanishManifestPhrases
        }
    }
}

extension Mistake {
    init(_ pointer: [String], _ remark: Remark) {
        self.init(
            pointer: JSONPointer.text(pointer), detail: remark.text(in: .english),
            spanish: remark.text(in: .spanish), code: remark.phrase.rawValue)
    }
}

/// Why a value is not taken, and what would be right.
struct ValueMistake: Error, Hashable, Sendable {
    var remark: Remark

    init(_ phrase: ManifestPhrase, _ values: Remark.Value...) {
        remark = Remark(phrase, all: values)
    }
}
