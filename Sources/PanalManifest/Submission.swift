package import PanalCore

/// What somebody filled in, by field id. A field may be left out; unknown ids are mistakes.
package struct Submission: Hashable, Sendable {
    package var values: [String: [SubmittedValue]]
    /// Values that came as JSON lists, beside `values`: a list of values for most fields, one document for a JSON field.
    package var documents: [String: JSONValue] = [:]
    /// The same values as JSON had them: each has to be of its field's kind then, a number is no text and a text no number. Nil where they
    /// came as texts, as those of a form do.
    package var typed: [String: JSONValue]?

    package init(values: [String: [SubmittedValue]] = [:]) {
        self.values = values
    }
}

package enum SubmittedValue: Hashable, Sendable {
    case text(String)
    case file(SubmittedFile)
}

/// A file that was uploaded with a submission.
package struct SubmittedFile: Hashable, Sendable {
    /// As the client said it; `Manifest.plan` makes one harmless path component of it.
    package var name: String
    package var content: ContentHash
    package var bytes: Int
    package var mediaType: String?

    package init(name: String, content: ContentHash, bytes: Int, mediaType: String?) {
        self.name = name
        self.content = content
        self.bytes = bytes
        self.mediaType = mediaType
    }
}

/// A submission that the manifest does not allow: every mistake, its pointer `/` and the field's id.
package struct SubmissionError: Error, Hashable, Sendable {
    package var mistakes: [Mistake]

    package init(mistakes: [Mistake]) {
        self.mistakes = mistakes
    }
}

/// What a run of a program with a submission is: everything that `AttemptSpec` needs of them.
package struct Invocation: Hashable, Sendable {
    /// argv, the program first.
    package var arguments: [String]
    /// The exact environment, `NAME=value`, sorted by name.
    package var environment: [String]
    package var inputs: [InputFile]
    package var standardInput: ContentHash?
    /// Texts that the program gets as files, beside `inputs`: whoever runs it stores them.
    package var texts: [InputText]
    /// The text that the program gets as standard input; `standardInput` is nil then.
    package var standardInputText: String?
    /// What was submitted, for people: files by name, secrets empty.
    package var fields: [JobField]
    /// Ids of the fields whose values must not be shown or kept in the clear.
    package var secretIDs: Set<String>

    package init(
        arguments: [String], environment: [String], inputs: [InputFile], standardInput: ContentHash?,
        texts: [InputText] = [], standardInputText: String? = nil, fields: [JobField], secretIDs: Set<String>
    ) {
        self.arguments = arguments
        self.environment = environment
        self.inputs = inputs
        self.standardInput = standardInput
        self.texts = texts
        self.standardInputText = standardInputText
        self.fields = fields
        self.secretIDs = secretIDs
    }
}

/// A text that becomes a file of a run.
package struct InputText: Hashable, Sendable {
    /// As `InputFile` has it.
    package var field: String
    package var name: String
    package var text: String

    /// Where the program finds it.
    package var path: String { "/input/\(field)/\(name)" }
}
