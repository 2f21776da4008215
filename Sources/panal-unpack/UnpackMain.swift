import Glibc
import PanalArchive
import PanalCore

/// Unpacks one archive as the server does, for `panal manifest test`, and so that `panal audit` can try hostile ones on the same
/// code: in a process of its own, whose end says what an archive did to it, and without libarchive in `panal`, which would start half as fast.
///
///     panal-unpack FORMAT ARCHIVE FOLDER ENTRIES BYTES RATIO DEPTH
///
/// Files that the archive marks as executable have the mode 0700, all others 0600.
///
/// Exit codes: 0 it is in FOLDER, which must not be there before; 1 the archive is refused, for the reason that is printed, and nothing
/// of it is kept; 2 something else went wrong.
@main
struct UnpackMain {
    static func main() {
        let words = CommandLine.arguments.dropFirst()
        let numbers = words.dropFirst(3).compactMap { Int($0) }
        guard words.count == 7, numbers.count == 4, let format = ArchiveFormat(rawValue: words[1]) else {
            end(2, "usage: panal-unpack FORMAT ARCHIVE FOLDER ENTRIES BYTES RATIO DEPTH")
        }
        let limits = ArchiveLimits(entries: numbers[0], bytes: numbers[1], ratio: numbers[2], depth: numbers[3])
        do {
            try unpack(words[2], as: format, to: words[3], limits)
        } catch let error as ArchiveError {
            end(1, error.sentence)
        } catch {
            end(2, "\(error)")
        }
    }

    private static func unpack(
        _ path: String, as format: ArchiveFormat, to place: String, _ limits: ArchiveLimits
    ) throws {
        guard let packed = try Files.look(path), try Files.look(place) == nil else {
            throw FileError("stat", path, errno: EINVAL)
        }
        let folder = try UnpackedFolder(at: place, limits: limits)
        try ArchiveReader.unpack(path, as: format, packedBytes: packed.size, into: folder)
        for file in folder.files where file.isExecutable { try Files.setMode(place + "/" + file.path, 0o700) }
        folder.handOver()
    }

    private static func end(_ code: Int32, _ text: String) -> Never {
        print(text)
        exit(code)
    }
}
