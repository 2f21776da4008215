/// A word of a command line, as a POSIX shell takes it apart that has nothing to expand.
package struct ShellWord {
    var text: String

    /// Throws where the line needs a shell: pipes, redirections, variables, patterns, several commands.
    static func words(of line: String) throws(ValueMistake) -> [ShellWord] {
        var words: [ShellWord] = []
        var word: String?
        var quote: Character?
        var isEscaped = false
        for character in line {
            if isEscaped {
                word = (word ?? "") + String(character)
                isEscaped = false
            } else if let open = quote {
                if character == open {
                    quote = nil
                } else if open == "\"", character == "$" || character == "`" {
                    throw ValueMistake(.boutiquesShell, .text(String(character)))
                } else if open == "\"", character == "\\" {
                    isEscaped = true
                } else {
                    word = (word ?? "") + String(character)
                }
            } else if character == "\\" {
                isEscaped = true
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if character.isWhitespace {
                if let whole = word { words.append(ShellWord(text: whole)) }
                word = nil
            } else if "|&;<>()$`*?~#".contains(character) {
                throw ValueMistake(.boutiquesShell, .text(String(character)))
            } else {
                word = (word ?? "") + String(character)
            }
        }
        guard quote == nil, !isEscaped else { throw ValueMistake(.boutiquesOpenQuote) }
        if let whole = word { words.append(ShellWord(text: whole)) }
        return words
    }

    /// One word, or a part of one, that stands for `text` and nothing else. What needs no quotes gets none.
    package static func quoted(_ text: String) -> String {
        let plain = text.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789-_=.,/:@%+".unicodeScalars.contains(scalar))
        }
        return plain && !text.isEmpty ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
