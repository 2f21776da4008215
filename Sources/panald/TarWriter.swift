/// Writes a tar archive (POSIX ustar) of regular files.
struct TarWriter {
    private var bytes: [UInt8] = []

    var isEmpty: Bool { bytes.isEmpty }

    /// `path` of at most 99 bytes, relative. Throws `StartRefusal` for a longer one.
    mutating func add(_ path: String, isExecutable: Bool, bytes content: [UInt8]) throws {
        guard path.utf8.count < 100 else {
            throw StartRefusal(reason: "the demo's path \(path) is longer than 99 bytes")
        }
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at place: Int) {
            header.replaceSubrange(place..<place + text.utf8.count, with: text.utf8)
        }
        put(path, at: 0)
        put(isExecutable ? "0000755" : "0000644", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(Self.octal(content.count, digits: 11), at: 124)
        put("00000000000", at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        // The sum is taken with blanks in its own place.
        let sum = header.reduce(0) { $0 + Int($1) }
        put(Self.octal(sum, digits: 6), at: 148)
        header[154] = 0
        bytes += header
        bytes += content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    func finish() -> [UInt8] { bytes + [UInt8](repeating: 0, count: 1_024) }

    private static func octal(_ value: Int, digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
