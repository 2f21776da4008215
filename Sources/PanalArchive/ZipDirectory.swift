import PanalCore

/// Where a zip's central directory begins, as the records at its end say. libarchive takes the whole directory into memory before it
/// hands out the first entry: by then it is too late to count.
///
/// The records are found as libarchive finds them. What it does not find it does not open, and neither the number of entries nor any
/// other word of these records is believed: what counts is how many bytes there are that could be the directory's.
enum ZipDirectory {
    /// Bytes at a file's end in which the record is looked for.
    private static let tailBytes = 16 << 10
    private static let recordBytes = 22
    private static let locatorBytes = 20
    /// A directory has that many bytes for each entry that is allowed, and as many more as fit into a small one. The shortest entry has
    /// 46, so that no more than twenty times what is allowed is ever read.
    private static let bytesForEach = 1_024
    private static let free = 64 << 10

    /// Throws `tooLarge` where the directory may be larger than that of `limit` entries.
    static func check(_ file: borrowing OwnedDescriptor, limit: Int) throws {
        let size = try file.size()
        guard let start = try start(file, size: size) else { return }
        let allowed = limit.multipliedReportingOverflow(by: bytesForEach).partialValue + free
        guard size - start <= allowed else {
            throw ArchiveError(
                .tooLarge, "its directory has \(size - start) bytes, more than \(limit) files and folders need")
        }
    }

    /// Nil where there is no such record.
    private static func start(_ file: borrowing OwnedDescriptor, size: Int) throws -> Int? {
        let first = max(0, size - tailBytes)
        let tail = try file.read(at: first, count: size - first)
        guard let place = lastRecord(in: tail) else { return nil }
        let end = first + place
        var starts = [end - number(tail, place + 12, 4)]
        let locator = place - locatorBytes
        if locator >= 0, tail[locator...].starts(with: [0x50, 0x4B, 6, 7]) {
            // ZIP64: the numbers are in a record of their own.
            let there = number(tail, locator + 8, 8)
            if there < size {
                let record = try file.read(at: there, count: 56)
                if record.count == 56 { starts += [there - number(record, 40, 8), number(record, 48, 8)] }
            }
        }
        return starts.filter { (0...size).contains($0) }.min() ?? 0
    }

    private static func lastRecord(in tail: [UInt8]) -> Int? {
        guard tail.count >= recordBytes else { return nil }
        return (0...tail.count - recordBytes).last { tail[$0...].starts(with: [0x50, 0x4B, 5, 6]) }
    }

    /// Little-endian; what is beyond Int's is the largest.
    private static func number(_ bytes: [UInt8], _ place: Int, _ count: Int) -> Int {
        let value = bytes[place..<place + count].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        return Int(clamping: value)
    }
}
