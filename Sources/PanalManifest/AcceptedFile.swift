/// Whether a file is of a kind that a field expects, by its ending or by the media type that the client said. A
/// courtesy to people who take the wrong file, and no promise to the program: what is in the file is for the program to
/// find out.
enum AcceptedFile {
    static func matches(_ accept: [String], name: String, mediaType: String?) -> Bool {
        if accept.isEmpty { return true }
        let name = name.lowercased()
        let said = mediaType.map { media in
            String(media.prefix { $0 != ";" }).lowercased().trimmingWhitespace()
        }
        let ending = name.split(separator: ".").last.map(String.init) ?? ""
        let known = [said, mediaTypes[ending]].compactMap { $0 }
        return accept.contains { wanted in
            if wanted.hasPrefix(".") { return name.hasSuffix(wanted) }
            if wanted.hasSuffix("/*") { return known.contains { $0.hasPrefix(wanted.dropLast()) } }
            return known.contains(wanted)
        }
    }

    /// Whether `text` is an ending such as `.png` or a media type such as `image/png` or `image/*`.
    static func isWellFormed(_ text: String) -> Bool {
        let isToken: (Substring) -> Bool = { part in
            !part.isEmpty
                && part.utf8.allSatisfy { byte in
                    (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || ".+-_".utf8.contains(byte)
                }
        }
        if text.hasPrefix(".") { return isToken(text.dropFirst()) }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && isToken(parts[0]) && (parts[1] == "*" || isToken(parts[1]))
    }

    static let mediaTypes: [String: String] = [
        "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
        "svg": "image/svg+xml", "bmp": "image/bmp", "tif": "image/tiff", "tiff": "image/tiff", "avif": "image/avif",
        "wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg", "oga": "audio/ogg", "opus": "audio/ogg",
        "flac": "audio/flac", "m4a": "audio/mp4", "aac": "audio/aac", "mp4": "video/mp4", "webm": "video/webm",
        "mov": "video/quicktime", "csv": "text/csv", "tsv": "text/tab-separated-values", "txt": "text/plain",
        "md": "text/markdown", "html": "text/html", "json": "application/json", "pdf": "application/pdf",
        "zip": "application/zip", "xml": "application/xml",
    ]
}
