import Glibc
import GRDB
import PanalArchive
package import PanalCore

extension SQLiteStore: StoreMeter {
    package func figures() throws -> StoreFigures {
        let (times, failures) = line.figures
        let bytes = try [pool.path, "\(pool.path)-wal"].reduce(0) { sum, path in try sum + (Files.look(path)?.size ?? 0)
        }
        return StoreFigures(transactions: times, failures: failures, databaseBytes: bytes)
    }
}

extension DirectoryBlobStore: BlobMeter {
    package func figures() async throws -> BlobFigures {
        try await disk.run { [folder] in try folder.figures() }
    }
}

extension DataFolder {
    func figures() throws -> BlobFigures {
        var (count, bytes) = (0, 0)
        for part in try Files.names(in: path + "/blobs") {
            for name in try Files.names(in: "\(path)/blobs/\(part)") {
                // One that has gone meanwhile counts no more.
                guard let found = try Files.look("\(path)/blobs/\(part)/\(name)") else { continue }
                count += 1
                bytes += found.size
            }
        }
        var disk = statvfs()
        guard unsafe statvfs(path, &disk) == 0 else {
            throw FileError("statvfs", path)
        }
        return BlobFigures(count: count, bytes: bytes, freeBytes: Int(disk.f_bavail) * Int(disk.f_frsize))
    }
}
