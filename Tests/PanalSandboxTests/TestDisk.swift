import Foundation
import Glibc
import PanalLinux
import Testing

/// A small disk with an ext4 on it, mounted at a folder: whatever this machine's own disks are, this one can be limited. Taken down
/// with `remove`.
struct TestDisk {
    let folder: URL
    private let image: URL

    init(mebibytes: Int) throws {
        let name = "panal-disk-\(getpid())-\(UInt32.random(in: 0...99_999))"
        let place = FileManager.default.temporaryDirectory
        (image, folder) = (place.appending(path: "\(name).image"), place.appending(path: name))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        #expect(FileManager.default.createFile(atPath: image.path, contents: nil))
        #expect(truncate(image.path, off_t(mebibytes) << 20) == 0)
        do {
            try Self.run(["/usr/sbin/mkfs.ext4", "-q", "-F", image.path])
            try Self.run(["/usr/bin/mount", "-o", "loop,noatime", image.path, folder.path])
        } catch {
            remove()
            throw error
        }
    }

    func remove() {
        try? Self.run(["/usr/bin/umount", folder.path])
        try? FileManager.default.removeItem(at: folder)
        try? FileManager.default.removeItem(at: image)
    }

    /// Its number, as the kernel writes it.
    var number: String {
        get throws { try #require(try DiskFinder().disks(behind: folder.path).first).text }
    }

    private static func run(_ words: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: words[0])
        process.arguments = Array(words.dropFirst())
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(words)")
    }

    /// Has the kernel forget what is in memory of a file, so that it is read from the disk again.
    static func forget(_ file: URL) throws {
        let number = open(file.path, O_RDONLY | O_CLOEXEC)
        try #require(number >= 0)
        defer { close(number) }
        #expect(fsync(number) == 0)
        #expect(posix_fadvise(number, 0, 0, POSIX_FADV_DONTNEED) == 0)
    }
}
