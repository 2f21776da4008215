import Crypto
package import PanalCore

/// The name of a tree for ever: SHA-256 over a line for each path, so that the same files have the same name however they came.
///
///     panal-rootfs 1\n
///     d 755 <path>\0\0\n             a folder; the first has an empty path
///     f 755 <path>\0<sha-256>\0\n    a file, 444, 555, 644 or 755
///     l 777 <path>\0<target>\0\n     a symbolic link
///
/// A folder stands before what is in it, names of a folder in the order of their bytes. Times, owners and which names share one file
/// do not count.
package enum RootfsDigest {
    package static func of(_ tree: RootfsTree) -> ContentHash {
        var hash = SHA256()
        hash.update(data: Array("panal-rootfs 1\n".utf8))
        tree.forEach { hash.update(data: line($0, of: tree)) }
        return ContentHash(hash)
    }

    static func line(_ entry: RootfsTree.Entry, of tree: RootfsTree) -> [UInt8] {
        let (head, said): (String, [UInt8]) =
            switch entry.kind {
            case .folder: ("d 755 ", [])
            case .link(let target): ("l 777 ", target)
            case .file(let number):
                tree.contents[number].map { ("f \(String($0.mode, radix: 8)) ", Array($0.hash.hex.utf8)) }
                    ?? ("f 0 ", [])
            }
        return Array(head.utf8) + entry.path + [0] + said + [0, UInt8(ascii: "\n")]
    }
}

extension RootfsTree.Content {
    /// What its owner may is what all may, but for writing.
    package var mode: UInt32 { (isWritable ? 0o644 : 0o444) | (isExecutable ? 0o111 : 0) }
}

extension ContentHash {
    init(_ hash: SHA256) {
        let digits = Array("0123456789abcdef".utf8)
        let letters = hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        guard let hash = ContentHash(hex: String(decoding: letters, as: UTF8.self)) else {
            preconditionFailure("SHA-256 has 32 bytes")
        }
        self = hash
    }
}
