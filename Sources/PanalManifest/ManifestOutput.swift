/// How a result file is shown.
package enum Preview: String, Hashable, Sendable, CaseIterable {
    case image
    case audio
    case video
    case table
    case text
    case json
    /// Only to be taken home.
    case download

    /// What a file with this name is best shown as.
    package init(fileName: String) {
        let ending = fileName.split(separator: ".").last.map { $0.lowercased() } ?? ""
        switch ending {
        case "png", "jpg", "jpeg", "gif", "webp", "svg", "bmp", "avif": self = .image
        case "wav", "mp3", "ogg", "oga", "opus", "flac", "m4a", "aac": self = .audio
        case "mp4", "webm", "ogv", "mov", "m4v": self = .video
        case "csv", "tsv": self = .table
        case "txt", "log", "md", "text": self = .text
        case "json": self = .json
        default: self = .download
        }
    }
}

/// A result that the author announces.
package struct ManifestOutput: Hashable, Sendable {
    /// The label, in any language.
    package var name: String
    package var description: String?
    /// Path of a file below the work folder, or a glob over such paths: `*` and `?` within one part, `**` over parts.
    package var pattern: String
    /// As the author says, or as the path's ending tells; nil when each file is to tell by itself.
    package var preview: Preview?
    /// Whether a run without it is still right.
    package var isOptional: Bool

    package init(name: String, description: String?, pattern: String, preview: Preview?, isOptional: Bool) {
        self.name = name
        self.description = description
        self.pattern = pattern
        self.preview = preview
        self.isOptional = isOptional
    }

    /// Whether a result file belongs to this output. `path` is relative to the work folder.
    package func matches(_ path: String) -> Bool {
        Glob(pattern).matches(path)
    }
}
