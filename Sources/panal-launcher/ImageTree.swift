internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// An image's root as it lies in the store at some moment: which image, and which folder. One that was removed and imported
/// again is another folder, and never confused with the first as long as anything is made of that, which keeps its number taken.
struct ImageTree: Hashable {
    var digest: ImageDigest
    var device: UInt64
    var inode: UInt64

    init(digest: ImageDigest, device: UInt64, inode: UInt64) {
        (self.digest, self.device, self.inode) = (digest, device, inode)
    }

    init(_ digest: ImageDigest, _ folder: borrowing Descriptor) throws(SystemCallFailure) {
        var found = stat()
        try SystemCallFailure.checkErrno(unsafe fstat(folder.raw, &found), "fstat")
        self.init(digest: digest, device: UInt64(found.st_dev), inode: UInt64(found.st_ino))
    }

    func write(to writer: inout ByteWriter) {
        digest.write(to: &writer)
        writer.put(device)
        writer.put(inode)
    }

    init(from reader: inout ByteReader) throws(ProtocolError) {
        self.init(
            digest: try ImageDigest(from: &reader), device: try reader.number(), inode: try reader.number())
    }
}

extension StepFailure {
    /// Whether an image is what is amiss, and not whatever makes cells.
    var isOfImage: Bool { step.hasPrefix("rootfs.") }
}

/// The store of images, of which the launcher knows nothing but what a run names: a thousand in it cost nothing.
struct ImageStore: ~Copyable {
    static let step = "rootfs.open"

    /// The folder above `rootfs/`; nil where there is none.
    private let folder: Descriptor?

    /// `path`: where the folder stands in this process's sight.
    init(_ path: String?) throws(StepFailure) {
        guard let path else {
            folder = nil
            return
        }
        folder = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            try Descriptor.open(path, Descriptor.pathOnly | O_DIRECTORY)
        }
    }

    /// The image's root. No link on the way, no other file system, and nothing but a folder.
    borrowing func open(_ digest: ImageDigest) throws(StepFailure) -> Descriptor {
        switch folder {
        case .none: throw .mismatch(Self.step, "this launcher has no folder of images")
        case .some(let folder):
            do throws(SystemCallFailure) {
                return try Descriptor.open(beneath: folder, digest.path, Descriptor.pathOnly | O_DIRECTORY)
            } catch {
                let isMissing = error.errno == ENOENT || error.errno == ENOTDIR
                throw StepFailure(
                    step: Self.step,
                    detail: isMissing
                        ? "there is no image \(digest.hex) in the store, or not the whole of it"
                        : "\(error.call): \(error.reason)",
                    errno: error.errno)
            }
        }
    }

    borrowing func find(_ digest: ImageDigest) throws(StepFailure) -> ImageTree {
        let tree = try open(digest)
        return try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in try ImageTree(digest, tree) }
    }

    /// Whether it is still there, and the same.
    borrowing func has(_ tree: ImageTree) -> Bool { (try? find(tree.digest)) == tree }
}
