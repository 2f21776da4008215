package import PanalCore

/// An archive that must not be taken, or one that must be.
package struct HostileUpload: Sendable {
    package var name: String
    package var format: ArchiveFormat
    package var bytes: [UInt8]
    /// What the refusal has to say; nil for an honest archive.
    package var refusal: String?

    /// What an archive may unpack to here.
    static let limits = ArchiveLimits(entries: 1_000, bytes: 64 << 20, ratio: 100, depth: 32)

    private static func tar(_ name: String, _ refusal: String?, _ body: (inout TarWriter) -> Void) -> Self {
        var writer = TarWriter()
        body(&writer)
        return Self(name: "\(name).tar", format: .tar, bytes: writer.finished, refusal: refusal)
    }

    private static func zip(_ name: String, _ refusal: String?, _ body: (inout ZipWriter) -> Void) -> Self {
        var writer = ZipWriter()
        body(&writer)
        return Self(name: "\(name).zip", format: .zip, bytes: writer.finished, refusal: refusal)
    }

    private static let honestFiles: [(name: String, text: String, mode: Int)] = [
        ("bin/tool", "#!/bin/sh\n", 0o4755), ("data/ñandú.txt", "abc", 0o666),
    ]

    /// These are taken: a reader that refuses everything would hold, and be worth nothing. Set-id bits are not kept.
    package static var honest: [Self] {
        let packed = tar("honest", nil) { tar in
            for file in honestFiles { tar.add(file.name, data: file.text, mode: file.mode) }
        }
        let zipped = zip("honest", nil) { zip in
            for file in honestFiles { zip.add(file.name, file.text, mode: 0o100000 | file.mode) }
        }
        let bytes = Deflate.gzip(Deflate.stored(packed.bytes, isLast: true), of: packed.bytes)
        return [packed, zipped, Self(name: "honest.tar.gz", format: .tarGzip, bytes: bytes, refusal: nil)]
    }

    /// Path below the folder → text.
    static var honestTree: [String: String] {
        Dictionary(uniqueKeysWithValues: honestFiles.map { ($0.name, $0.text) })
    }

    /// Names that lead out, or to what another entry is. `outside` is a folder of the host.
    package static func names(outside: String) -> [Self] {
        let out = "leads out of its folder"
        let accent: [UInt8] = [0x61, 0xf1, 0x6f]
        return [
            tar("absolute", "is an absolute name") { $0.add("\(outside)/evil") },
            zip("absolute", "is an absolute name") { $0.add("\(outside)/evil") },
            tar("up", out) { $0.add("../outside/evil") }, zip("up", out) { $0.add("../outside/evil") },
            tar("up-inside", out) { $0.add("a/b/../../../outside/evil") },
            zip("up-inside", out) { $0.add("a/../../outside/evil") },
            tar("up-folder", out) { $0.add("../made/", .folder) },
            zip("up-folder", out) { $0.add("../made/", "", mode: 0o40755) },
            tar("backslash", "holds a backslash") { $0.add("..\\outside\\evil") },
            zip("backslash", "") { $0.add("..\\outside\\evil") },
            tar("newline", "holds a control character") { $0.add("a\nb") },
            tar("latin-1", "not UTF-8") { $0.add(accent) },
            zip("latin-1", "not UTF-8") { $0.add(accent, data: [120]) },
            tar("long", "longer than 255 bytes") { $0.add(String(repeating: "x", count: 256)) },
            zip("long", "longer than 255 bytes") { $0.add(String(repeating: "x", count: 256)) },
            tar("twice", "is there twice") { for name in ["a", "./a"] { $0.add(name) } },
            zip("twice", "is there twice") { for name in ["a", "b", "a"] { $0.add(name) } },
            tar("case", "only in case") { for name in ["Main", "main"] { $0.add(name) } },
            zip("case", "only in case") { for name in ["Lib/a", "lib/b"] { $0.add(name) } },
            tar("composed", "how letters are composed") {
                for name in ["ma\u{f1}ana", "man\u{303}ana"] { $0.add(name) }
            },
            tar("file-as-folder", "is a file and a folder at once") { for name in ["a", "a/b"] { $0.add(name) } },
            zip("folder-as-file", "is a file and a folder at once") { for name in ["a/b", "a"] { $0.add(name) } },
        ]
    }

    /// Anything but files and folders. (A FIFO in a zip archive is a file that was read from a pipe, and becomes one.)
    package static func kinds(outside: String) -> [Self] {
        let link = "is a symbolic link"
        return [
            tar("link", link) { $0.add("link", .symbolicLink, link: "\(outside)/honest") },
            zip("link", link) { $0.add("link", "\(outside)/honest", mode: 0o120777) },
            tar("through-link", link) {
                $0.add("d", .symbolicLink, link: "../outside")
                $0.add("d/evil")
            },
            zip("through-link", link) {
                $0.add("d", outside, mode: 0o120777)
                $0.add("d/evil")
            },
            tar("replaced-folder", link) {
                $0.add("d/", .folder)
                $0.add("d", .symbolicLink, link: outside)
                $0.add("d/evil")
            },
            tar("hard-link", "is a hard link") { $0.add("h", .hardLink, link: "\(outside)/honest") },
            tar("hard-link-up", "is a hard link") { $0.add("h", .hardLink, link: "../outside/honest") },
            tar("queue", "is a FIFO") { $0.add("q", .queue) },
            tar("character-device", "is a device") { $0.add("null", .characterDevice) },
            tar("block-device", "is a device") { $0.add("disk", .blockDevice) },
            zip("block-device", "is a device") { $0.add("disk", "", mode: 0o60644) },
            zip("socket", "is a socket") { $0.add("socket", "", mode: 0o140644) },
        ]
    }

    /// Small to send, large to have.
    package static var bombs: [Self] {
        let many = "more than \(limits.entries) files and folders"
        let deep = String(repeating: "d/", count: limits.depth + 1)
        let ratio = "unpacks to more than \(limits.ratio) times"
        let zeros = Deflate.zeros(64 << 20)
        var header = TarWriter()
        header.addHeader(Array("bomb".utf8), .file, size: 64 << 20)
        let twice = Deflate.stored(header.bytes, isLast: false) + zeros
        return [
            tar("count", many) { for number in 0...limits.entries { $0.add("f\(number)", data: "") } },
            zip("count", many) { for number in 0...limits.entries { $0.add("f\(number)", "") } },
            tar("folders", many) { for number in 0...limits.entries { $0.add("f\(number)/", .folder) } },
            tar("deep", "lies deeper") { $0.add("\(deep)f") }, zip("deep", "lies deeper") { $0.add("\(deep)f") },
            tar("deepest", "longer than 1024 bytes") { $0.add(String(repeating: "d/", count: 10_000) + "f") },
            zip("ratio", ratio) { $0.add(Array("bomb".utf8), data: zeros, unpackedBytes: 64 << 20) },
            Self(name: "ratio.tar.gz", format: .tarGzip, bytes: Deflate.gzip(twice, of: []), refusal: ratio),
            Self(name: "sparse.tar", format: .tar, bytes: TarWriter.sparse, refusal: ratio),
            zip("overlap", "") {
                $0.add(overlapping: (0..<900).map { "f\($0)" }, data: Deflate.zeros(1 << 20), unpackedBytes: 1 << 20)
            },
        ]
    }

    /// No archive, or half of one.
    package static var damaged: [Self] {
        let text = Array("I am no archive".utf8)
        let whole = honest
        var damaged: [Self] = [.tar, .tarGzip, .zip].map { format in
            Self(name: "text\(format.rawValue)", format: format, bytes: text, refusal: "no \(format.rawValue) archive")
        }
        for upload in whole {
            // A zip archive ends with its directory: all files may be whole, and it is still not all there.
            let most = Array(upload.bytes.prefix(upload.format == .tar ? 700 : upload.bytes.count * 3 / 4))
            damaged.append(Self(name: "cut-\(upload.name)", format: upload.format, bytes: most, refusal: "damaged"))
        }
        damaged.append(Self(name: "tar.zip", format: .zip, bytes: whole[0].bytes, refusal: "no .zip archive"))
        return damaged
    }
}
