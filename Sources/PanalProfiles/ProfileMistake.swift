/// One mistake in a file of profiles: where, what is wrong, and what would be right.
package struct ProfileMistake: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file's name as it was given.
    package var file: String
    /// From 1; 0 when the mistake is the file's as a whole.
    package var line: Int
    /// From 1, counted in characters; 0 when the mistake is the file's as a whole.
    package var column: Int
    package var detail: String

    package init(file: String, line: Int, column: Int, detail: String) {
        self.file = file
        self.line = line
        self.column = column
        self.detail = detail
    }

    /// `standard.yaml:7:13: memory: …`, as compilers write it.
    package var description: String {
        line > 0 ? "\(file):\(line):\(column): \(detail)" : "\(file): \(detail)"
    }
}

/// All mistakes of a file or a folder, in the order of their places.
package struct ProfileMistakes: Error, Hashable, Sendable, CustomStringConvertible {
    package var mistakes: [ProfileMistake]

    package init(mistakes: [ProfileMistake]) {
        self.mistakes = mistakes
    }

    package var description: String { mistakes.map(\.description).joined(separator: "\n") }
}
