import FoundationEssentials
import PanalCore
import PanalManifest
import PanalService

/// How a result file shows on a job's page: as its manifest says, else as its name tells.
struct ResultPreview: Sendable {
    let panal: Panal
    let principal: Principal
    let job: Job
    let manifest: Manifest?
    let wording: Wording
    /// The address below which the job's files are.
    let base: String

    /// Bytes of a text and lines of a table that a page shows.
    private static let textBytes = 16_384
    private static let tableBytes = 65_536
    private static let rows = 50
    private static let columns = 30
    /// Files that are shown; the others are only listed.
    private static let shown = 24

    func values() async throws -> [Templates.Values] {
        var all: [Templates.Values] = []
        for (place, file) in job.files.enumerated() {
            all.append(try await values(of: file, isShown: place < Self.shown))
        }
        return all
    }

    private func values(of file: JobFile, isShown: Bool) async throws -> Templates.Values {
        let href = "\(base)/files/\(PercentCoding.encoded(file.path, also: "/"))"
        var values: Templates.Values = [
            "path": Wording.visible(file.path), "size": wording.bytes(file.bytes), "href": href,
            "downloadHref": "\(href)?download=true",
            "kind": "", "isImage": false, "isAudio": false, "isVideo": false, "isText": false, "isTable": false,
        ]
        guard isShown, file.bytes > 0 else { return values }
        let head = try await bytes(of: file, upTo: ContentKind.headBytes)
        let kind = ContentKind(fileName: file.path, head: head)
        let declared = manifest?.output(for: file.path)?.preview
        switch (declared, kind) {
        case (.download, _): break
        case (.image, .raster), (.image, .svg), (nil, .raster), (nil, .svg): values["isImage"] = true
        case (.audio, .audio), (nil, .audio): values["isAudio"] = true
        case (.video, .video), (nil, .video): values["isVideo"] = true
        case (.table, _), (nil, .table): try await fillTable(file, &values)
        case (.text, _), (.json, _), (nil, .text), (nil, .json): try await fillText(file, &values)
        default: break
        }
        return values
    }

    private func fillText(_ file: JobFile, _ values: inout Templates.Values) async throws {
        let bytes = try await bytes(of: file, upTo: Self.textBytes)
        values["isText"] = true
        values["text"] = TextEnds.beginning(of: bytes, isWhole: bytes.count == file.bytes)
    }

    private func fillTable(_ file: JobFile, _ values: inout Templates.Values) async throws {
        let bytes = try await bytes(of: file, upTo: Self.tableBytes)
        let text = TextEnds.beginning(of: bytes, isWhole: bytes.count == file.bytes)
        let rows = DelimitedTable.rows(
            text, delimiter: file.path.lowercased().hasSuffix(".tsv") ? "\t" : nil, atMost: Self.rows)
        values["isTable"] = true
        values["rows"] = rows.map { ["columns": Array($0.prefix(Self.columns))] as Templates.Values }
    }

    private func bytes(of file: JobFile, upTo count: Int) async throws -> [UInt8] {
        try await panal.file(principal, job.id, path: file.path, range: 0..<min(count, file.bytes)).bytes.all()
    }
}

/// Parts of texts that may be cut anywhere, as text: broken ends are left out, what is not UTF-8 shows as U+FFFD.
enum TextEnds {
    static func beginning(of bytes: [UInt8], isWhole: Bool) -> String {
        guard !isWhole else { return String(decoding: bytes, as: UTF8.self) }
        // The last scalar is left out where its first byte announces more bytes than have come.
        let tail = bytes.suffix(3)
        let lead = tail.lastIndex { $0 & 0xC0 != 0x80 } ?? bytes.endIndex
        let announced = lead == bytes.endIndex ? 0 : (~bytes[lead]).leadingZeroBitCount
        let end = bytes.endIndex - lead < announced ? lead : bytes.endIndex
        return String(decoding: bytes[..<end], as: UTF8.self) + "…"
    }

    static func end(of bytes: [UInt8], isWhole: Bool) -> String {
        guard !isWhole else { return String(decoding: bytes, as: UTF8.self) }
        // Begin with a whole line where one is near, else with a whole scalar.
        if let line = bytes.prefix(1_024).firstIndex(of: 10) {
            return String(decoding: bytes[(line + 1)...], as: UTF8.self)
        }
        return "…" + String(decoding: bytes.drop { $0 & 0xC0 == 0x80 }, as: UTF8.self)
    }
}

/// Comma-separated values (RFC 4180) and their kin.
enum DelimitedTable {
    /// Rows of cells. Without a `delimiter` the first line tells which of comma, semicolon and tab it is.
    static func rows(_ text: String, delimiter: Unicode.Scalar?, atMost limit: Int) -> [[String]] {
        let firstLine = text.unicodeScalars.prefix { $0 != "\n" }
        let found = [",", ";", "\t"].max { left, right in
            firstLine.count { $0 == left } < firstLine.count { $0 == right }
        }
        let delimiter: Unicode.Scalar = delimiter ?? found ?? ","
        var rows: [[String]] = []
        var row: [String] = []
        var cell = String.UnicodeScalarView()
        var isQuoted = false
        var scalars = text.unicodeScalars[...]
        func endCell() {
            row.append(String(cell))
            cell = String.UnicodeScalarView()
        }
        while rows.count < limit, let scalar = scalars.popFirst() {
            switch scalar {
            case "\"" where isQuoted && scalars.first == "\"":
                cell.append("\"")
                scalars.removeFirst()
            case "\"" where isQuoted || cell.isEmpty: isQuoted.toggle()
            case _ where isQuoted: cell.append(scalar)
            case delimiter: endCell()
            case "\r" where scalars.first == "\n": continue
            case "\n":
                endCell()
                rows.append(row)
                row = []
            default: cell.append(scalar)
            }
        }
        if rows.count < limit, !cell.isEmpty || !row.isEmpty {
            endCell()
            rows.append(row)
        }
        return rows
    }
}
