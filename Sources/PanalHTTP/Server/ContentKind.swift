/// What a result file is taken for: by its name's ending, else by its first bytes. `nosniff` holds browsers to the
/// answer.
enum ContentKind: Hashable, Sendable {
    case raster(String)
    case svg
    case audio(String)
    case video(String)
    case table
    case text
    case json
    case other(String)

    /// How many bytes of a file's beginning the signatures need.
    static let headBytes = 512

    init(fileName: String, head: [UInt8]) {
        self = Self.byEnding(fileName) ?? Self.bySignature(head) ?? .other("application/octet-stream")
    }

    private static func byEnding(_ fileName: String) -> ContentKind? {
        let name = fileName.split(separator: "/").last ?? ""
        guard let ending = name.split(separator: ".").dropFirst().last?.lowercased() else { return nil }
        return switch ending {
        case "png": .raster("image/png")
        case "jpg", "jpeg": .raster("image/jpeg")
        case "gif": .raster("image/gif")
        case "webp": .raster("image/webp")
        case "bmp": .raster("image/bmp")
        case "avif": .raster("image/avif")
        case "svg": .svg
        case "wav": .audio("audio/wav")
        case "mp3": .audio("audio/mpeg")
        case "ogg", "oga", "opus": .audio("audio/ogg")
        case "flac": .audio("audio/flac")
        case "m4a": .audio("audio/mp4")
        case "aac": .audio("audio/aac")
        case "mp4", "m4v": .video("video/mp4")
        case "webm": .video("video/webm")
        case "ogv": .video("video/ogg")
        case "csv", "tsv": .table
        case "txt", "log", "text", "md": .text
        case "json": .json
        case "pdf": .other("application/pdf")
        case "zip": .other("application/zip")
        case "htm", "html", "xhtml", "xml", "js", "css": .other("application/octet-stream")
        default: nil
        }
    }

    private static func bySignature(_ head: [UInt8]) -> ContentKind? {
        if head.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .raster("image/png") }
        if head.starts(with: [0xFF, 0xD8, 0xFF]) { return .raster("image/jpeg") }
        if head.starts(with: "GIF8".utf8) { return .raster("image/gif") }
        if head.starts(with: "RIFF".utf8), head.dropFirst(8).starts(with: "WEBP".utf8) { return .raster("image/webp") }
        if head.starts(with: "RIFF".utf8), head.dropFirst(8).starts(with: "WAVE".utf8) { return .audio("audio/wav") }
        if head.starts(with: "OggS".utf8) { return .audio("audio/ogg") }
        if head.starts(with: "fLaC".utf8) { return .audio("audio/flac") }
        if head.starts(with: "ID3".utf8) { return .audio("audio/mpeg") }
        return isText(head) ? .text : nil
    }

    /// UTF-8 without control characters; a scalar that the end of the head cuts is forgiven.
    private static func isText(_ head: [UInt8]) -> Bool {
        guard !head.isEmpty, head.allSatisfy({ $0 >= 32 || $0 == 9 || $0 == 10 || $0 == 13 || $0 == 27 }) else {
            return false
        }
        let most = head.count < headBytes ? 0 : 3
        return (0...most).contains { String(validating: head.dropLast($0), as: UTF8.self) != nil }
    }

    var mediaType: String {
        switch self {
        case .raster(let type), .audio(let type), .video(let type), .other(let type): type
        case .svg: "image/svg+xml"
        case .table, .text: "text/plain; charset=utf-8"
        case .json: "application/json"
        }
    }

    /// Whether a browser may show it in place: kinds that cannot carry a script.
    var isSafeInline: Bool {
        switch self {
        case .raster, .audio, .video, .text, .table: true
        case .svg, .json, .other: false
        }
    }
}
