internal import Glibc
internal import PanalCore
internal import PanalLinux

/// An image in the audit's store that attacks whoever makes a root of it: nearly all that a cell mounts something on, or has a
/// file of its own at, is a link, a file, or leads in a circle. It holds no program: those of the audit need none.
enum HostileImage {
    static let digest = String(repeating: "c", count: 64)

    private static let links = [
        ("proc", "/"), ("dev", "/etc"), ("tmp", "../../../../../.."), ("work", "/proc/self/root"),
        ("program", "program"),
        ("input", "/dev"), ("etc/passwd", "/proc/self/mem"), ("etc/group", "../../../../../etc/group"),
        ("etc/hosts", "/nowhere"), ("var/tmp", "/"), ("usr/lib", "/"),
    ]

    static func make(in data: String) throws(SystemCallFailure) {
        var folder = data
        for name in ["rootfs", digest, "tree"] {
            folder += "/\(name)"
            try Folders.make(folder, mode: 0o755)
        }
        for name in ["etc", "var", "usr", "usr/bin", "usr/local", "lib"] {
            try Folders.make("\(folder)/\(name)", mode: 0o755)
        }
        for (name, target) in links {
            try SystemCallFailure.checkErrno(unsafe symlink(target, "\(folder)/\(name)"), "symlink(\(name))")
        }
        // Something that all cells of this image share, and a file where a folder is looked for.
        for name in ["usr/bin/env", "etc/resolv.conf", "etc/ld.so.cache", "scratch"] {
            let file = try Descriptor.open("\(folder)/\(name)", O_WRONLY | O_CREAT | O_EXCL, mode: 0o755)
            try file.writeAll(Array("#!/proc/self/exe\n".utf8))
        }
    }
}
