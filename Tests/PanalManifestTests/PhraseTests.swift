import Foundation
import PanalCore
import Testing

@testable import PanalManifest

/// The catalogue of what is said about mistakes.
@Suite struct PhraseTests {
    @Test(arguments: MistakeLanguage.allCases) func everyPhraseIsThere(language: MistakeLanguage) {
        let missing = ManifestPhrase.allCases.filter { language.table[$0]?.isEmpty != false }
        #expect(missing.isEmpty)
    }

    /// What is filled in is the same in both languages; Spanish needs no form of the verb.
    @Test(arguments: ManifestPhrase.allCases) func bothLanguagesFillInTheSame(phrase: ManifestPhrase) {
        func places(_ language: MistakeLanguage) -> Set<String> {
            let text = language.table[phrase] ?? ""
            return Set((1...5).map { "%\($0)" }.filter(text.contains))
        }
        var english = places(.english)
        if phrase == .takesSeveral { english.remove("%4") }
        #expect(english == places(.spanish))
    }

    @Test func whatIsFilledInIsNotReadAgain() {
        let remark = Remark(.notOneOf, .given("%2"), "%1")
        #expect(remark.text(in: .english) == "‘%2’ is not one of the choices: %1")
        #expect(remark.text(in: .spanish) == "‘%2’ no es una de las opciones: %1")
    }

    @Test func aMistakeIsToldInBothLanguages() {
        do {
            _ = try manifest(#"{"name": "a", "inputs": [{"name": "x", "type": "fiel"}], "nmae": 3}"#)
            Issue.record("it was read")
        } catch let error as ManifestError {
            #expect(error.mistakes.map(\.code) == ["unknownKeyNear", "unknownType"])
            #expect(
                error.mistakes.map(\.spanish) == [
                    "no es una clave aquí; ¿querías decir ‘name’? Las claves propias empiezan por x-",
                    "‘fiel’ no es un tipo; ¿querías decir ‘file’?",
                ])
        } catch {
            Issue.record(error)
        }
    }

    @Test func nestedMistakesAreToldInOneLanguage() throws {
        let read = try manifest(inputs: #"{"name": "j", "type": "json"}"#)
        do {
            _ = try read.plan(Submission(values: ["j": [.text("{a")]]), entry: "p")
            Issue.record("it was taken")
        } catch {
            #expect(
                error.mistakes.first?.spanish
                    == "no es JSON: línea 1, columna 2: aquí debería haber una clave entre comillas dobles")
        }
    }
}
