import NIOCore
import PanalCore

/// The head of one part: which field it is, and for a file its name and type as the client says.
package struct MultipartPart: Hashable, Sendable {
    package var name: String
    /// Nil when the part is not a file. It is a name out of a stranger's mouth: not one path component, not safe
    /// anywhere.
    package var fileName: String?
    /// Without parameters, lower case.
    package var mediaType: String?

    package init(name: String, fileName: String? = nil, mediaType: String? = nil) {
        self.name = name
        self.fileName = fileName
        self.mediaType = mediaType
    }

    /// Reads the header lines of a part, its blank line included.
    init(headers: ByteBufferView) throws(MultipartMistake) {
        guard let text = String(validating: headers, as: UTF8.self), !text.utf8.contains(0) else {
            throw MultipartMistake("a part's headers are not UTF-8")
        }
        var disposition: String?
        var mediaType: String?
        for line in Self.lines(of: text) {
            guard let colon = line.utf8.firstIndex(of: 58), colon != line.startIndex else {
                throw MultipartMistake("a part has a header line without a name")
            }
            let name = line[..<colon].lowercased()
            let value = Self.trimmed(line[line.utf8.index(after: colon)...])
            switch name {
            case "content-disposition":
                guard disposition == nil else { throw MultipartMistake("a part has two Content-Disposition headers") }
                disposition = value
            case "content-type":
                guard mediaType == nil else { throw MultipartMistake("a part has two Content-Type headers") }
                mediaType = Self.trimmed(value.prefix { $0 != ";" }).lowercased()
            case "content-transfer-encoding":
                guard ["binary", "7bit", "8bit"].contains(value.lowercased()) else {
                    throw MultipartMistake("a part is encoded as ‘\(value)’; RFC 7578 sends parts as they are")
                }
            default: break
            }
        }
        if let mediaType, mediaType.hasPrefix("multipart/") {
            throw MultipartMistake("a part holds parts of its own (\(mediaType)); send each file as a part")
        }
        guard let disposition else { throw MultipartMistake("a part has no Content-Disposition header") }
        let parameters = try Self.parameters(of: disposition)
        guard let name = parameters["name"] else { throw MultipartMistake("a part has no name") }
        self.name = name
        self.fileName = parameters["filename*"] ?? parameters["filename"]
        self.mediaType = mediaType
    }

    /// `form-data; name="a"; filename="b"` as a table.
    private static func parameters(of disposition: String) throws(MultipartMistake) -> [String: String] {
        var rest = disposition[...]
        let kind = trimmed(rest.prefix { $0 != ";" }).lowercased()
        guard kind == "form-data" else { throw MultipartMistake("a part is ‘\(kind)’, not form-data") }
        rest = rest.drop { $0 != ";" }
        var found: [String: String] = [:]
        while rest.first == ";" {
            rest = rest.dropFirst().drop { $0 == " " || $0 == "\t" }
            if rest.isEmpty { break }
            let name = trimmed(rest.prefix { $0 != "=" && $0 != ";" }).lowercased()
            rest = rest.drop { $0 != "=" && $0 != ";" }
            guard !name.isEmpty, rest.first == "=" else {
                throw MultipartMistake("a part's Content-Disposition cannot be read")
            }
            let value = try value(in: &rest)
            guard found[name] == nil else { throw MultipartMistake("a part says its \(name) twice") }
            found[name] = name == "filename*" ? try extended(value) : value
        }
        guard rest.isEmpty else { throw MultipartMistake("a part's Content-Disposition cannot be read") }
        return found
    }

    /// Takes `=value` off the front: a token or a quoted text.
    private static func value(in rest: inout Substring) throws(MultipartMistake) -> String {
        rest = rest.dropFirst().drop { $0 == " " }
        guard rest.first == "\"" else {
            let token = trimmed(rest.prefix { $0 != ";" })
            rest = rest.drop { $0 != ";" }
            return token
        }
        // By scalars: a combining mark after a quotation mark must not hide it.
        var text = ""
        var scalars = rest.unicodeScalars.dropFirst()
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "\"":
                rest = Substring(scalars.drop { $0 == " " || $0 == "\t" })
                return unescaped(text)
            case "\\" where scalars.first == "\"" || scalars.first == "\\":
                if let next = scalars.popFirst() { text.unicodeScalars.append(next) }
            default: text.unicodeScalars.append(scalar)
            }
        }
        throw MultipartMistake("a part's Content-Disposition has an open quotation mark")
    }

    /// Undoes what browsers do to three characters (WHATWG HTML, multipart/form-data encoding).
    private static func unescaped(_ text: String) -> String {
        guard text.utf8.contains(37) else { return text }
        var result = ""
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            let next = String(rest.prefix(2)).uppercased()
            let meant: Unicode.Scalar? =
                switch (scalar, next) {
                case ("%", "22"): "\""
                case ("%", "0D"): "\r"
                case ("%", "0A"): "\n"
                default: nil
                }
            if meant != nil { rest = rest.dropFirst(2) }
            result.unicodeScalars.append(meant ?? scalar)
        }
        return result
    }

    /// RFC 8187, `UTF-8''na%C3%AFve`: not of RFC 7578, yet some clients send it.
    private static func extended(_ value: String) throws(MultipartMistake) -> String {
        let parts = value.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].lowercased() == "utf-8", let text = PercentCoding.decoded(parts[2]) else {
            throw MultipartMistake("a part's filename* cannot be read")
        }
        return text
    }

    private static func lines(of text: String) -> [Substring] {
        text.unicodeScalars.split(separator: "\n").map { line in
            Substring(line.last == "\r" ? line.dropLast() : line)
        }.filter { !$0.isEmpty }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let blank: (Unicode.Scalar) -> Bool = { $0 == " " || $0 == "\t" }
        var scalars = Substring(text).unicodeScalars[...]
        while let first = scalars.first, blank(first) { scalars.removeFirst() }
        while let last = scalars.last, blank(last) { scalars.removeLast() }
        return String(Substring(scalars))
    }
}
