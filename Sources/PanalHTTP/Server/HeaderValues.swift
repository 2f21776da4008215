import HTTPTypes
import PanalCore

/// Values of header fields: read from strangers, or written with names that strangers chose.
enum HeaderValues {
    /// `Prefer: wait=N` (RFC 7240) in seconds; nil without one.
    static func wait(_ fields: HTTPFields) -> Int? {
        for value in fields[values: .prefer] {
            // As nearly everybody writes it.
            if value.utf8.starts(with: "wait=".utf8), value.utf8.dropFirst(5).allSatisfy({ (48...57).contains($0) }),
                let seconds = Int(value.dropFirst(5))
            {
                return seconds
            }
            for preference in value.split(separator: ",") {
                let first = preference.split(separator: ";").first ?? ""
                let halves = first.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " && $0 != "\"" } }
                if halves.count == 2, halves[0].lowercased() == "wait", let seconds = Int(halves[1]), seconds >= 0 {
                    return seconds
                }
            }
        }
        return nil
    }

    /// The one range that `Range: bytes=…` asks for, within `size`. Nil asks for everything: no header, another unit,
    /// several ranges (RFC 9110 lets a server ignore those). Throws 416 where nothing of it is there.
    static func range(_ value: String?, size: Int) throws -> Range<Int>? {
        guard let value, value.lowercased().hasPrefix("bytes=") else { return nil }
        let wanted = value.dropFirst(6).filter { $0 != " " }
        let halves = wanted.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard !wanted.contains(","), halves.count == 2,
            halves.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } })
        else { return nil }
        switch (number(halves[0]), number(halves[1])) {
        case (nil, nil): return nil
        case (nil, let last?):
            guard last > 0, size > 0 else { throw WebError.rangeNotSatisfiable(size: size) }
            return max(0, size - last)..<size
        case (let first?, let last):
            guard first < size else { throw WebError.rangeNotSatisfiable(size: size) }
            if let last, last < first { return nil }
            return first..<min(size, (last ?? size - 1) == .max ? size : (last ?? size - 1) + 1)
        }
    }

    /// Digits as a number, those too large as the largest; nil for none.
    private static func number(_ digits: Substring) -> Int? {
        digits.isEmpty ? nil : Int(digits) ?? .max
    }

    /// Whether `If-None-Match` names `etag`; the comparison is the weak one (RFC 9110 §13.1.2).
    static func names(_ etag: String, in fields: HTTPFields) -> Bool {
        fields[values: .ifNoneMatch].contains { value in
            value.split(separator: ",").contains { candidate in
                let candidate = candidate.filter { $0 != " " }
                return candidate == "*" || candidate == etag || candidate == "W/" + etag
            }
        }
    }

    /// Whether `Want-Repr-Digest` (RFC 9530) asks for SHA-256: any weight but 0.
    static func wantsDigest(_ fields: HTTPFields) -> Bool {
        fields[values: .wantReprDigest].contains { value in
            value.split(separator: ",").contains { wish in
                let halves = wish.split(separator: "=").map { $0.filter { $0 != " " }.lowercased() }
                return halves.first == "sha-256" && halves.dropFirst().first != "0"
            }
        }
    }

    /// `Content-Disposition` (RFC 6266) with `name` in both spellings: letters that every client takes, and RFC 8187's.
    static func disposition(_ kind: String, fileName: String) -> String {
        let name = fileName.split(separator: "/").last.map(String.init) ?? "file"
        let plain = String(
            String.UnicodeScalarView(
                name.unicodeScalars.map { scalar in
                    let isPlain = (32..<127).contains(scalar.value) && !["\"", "\\", "%", ";"].contains(scalar)
                    return isPlain ? scalar : "_"
                }))
        let encoded = PercentCoding.encoded(name, also: "!#$&+^`|")
        return "\(kind); filename=\"\(plain)\"; filename*=UTF-8''\(encoded)"
    }

    /// The media type of a `Content-Type` without its parameters, lower case.
    static func mediaType(_ value: String?) -> String? {
        value.map { $0.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased() }
    }

    /// A parameter of a header's value, such as a boundary; quoted or not.
    static func parameter(_ name: String, of value: String) -> String? {
        for part in value.split(separator: ";").dropFirst() {
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard halves.count == 2, halves[0].filter({ $0 != " " && $0 != "\t" }).lowercased() == name else {
                continue
            }
            var text = halves[1][...]
            while text.last == " " || text.last == "\t" { text.removeLast() }
            if text.count >= 2, text.first == "\"", text.last == "\"" { text = text.dropFirst().dropLast() }
            return String(text)
        }
        return nil
    }

    /// The path of this server that a sign-in returns to: never another host's, whatever the spelling.
    static func localPath(_ text: String?) -> String {
        guard let text, text.utf8.first == 47, text.utf8.count <= 2_048,
            text.utf8.allSatisfy({ (33...126).contains($0) && $0 != 92 }), !text.hasPrefix("//"),
            !text.hasPrefix("/sign-in"), !text.hasPrefix("/sign-out")
        else { return "/" }
        return text
    }
}

extension HTTPField.Name {
    // The names are constants of the right form; the fallback is never taken and spares a forced unwrap.
    static let requestID = HTTPField.Name("X-Request-Id") ?? .eTag
    static let traceParent = HTTPField.Name("traceparent") ?? .eTag
    static let csrfToken = HTTPField.Name("X-CSRF-Token") ?? .eTag
    static let prefer = HTTPField.Name("Prefer") ?? .eTag
    static let preferenceApplied = HTTPField.Name("Preference-Applied") ?? .eTag
    static let link = HTTPField.Name("Link") ?? .eTag
    static let final = HTTPField.Name("X-Panal-Final") ?? .eTag
    static let fetchSite = HTTPField.Name("Sec-Fetch-Site") ?? .eTag
    static let referrerPolicy = HTTPField.Name("Referrer-Policy") ?? .eTag
    static let resourcePolicy = HTTPField.Name("Cross-Origin-Resource-Policy") ?? .eTag
    static let openerPolicy = HTTPField.Name("Cross-Origin-Opener-Policy") ?? .eTag
    static let frameOptions = HTTPField.Name("X-Frame-Options") ?? .eTag
    static let permissionsPolicy = HTTPField.Name("Permissions-Policy") ?? .eTag
}
