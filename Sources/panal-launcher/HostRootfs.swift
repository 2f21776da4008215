internal import CPanalSyscalls
internal import Glibc
internal import PanalLinux

/// The root file systems that cells see, made once at start in the launcher's own mount namespace and never changed.
///
/// `host` is the host's `/usr` and its link folders (`/bin`, `/lib`…), read-only, with an `/etc` of our own: accounts of the
/// cells alone, names without a resolver, a loader cache made of `/usr` alone, where fonts are, and the `alternatives` links that
/// point into `/usr`. Nothing of the host's `/etc`, `/home`, `/root` or `/var` is in it.
enum HostRootfs {
    static let name = "host"

    /// Makes it, and what else cells are made of: the data folder and the folder of images, if there are any, read-only and pinned
    /// beside it, since the launcher hands out programs, inputs and images from there; and the skeleton of images.
    static func build(
        users: UserBlock, dataFolder: String, imageFolder: String, folder: String
    ) throws(StepFailure) -> Stage {
        let stage = "\(folder)/stage"
        try StepFailure.naming("rootfs.namespace") { () throws(SystemCallFailure) in
            try Mounts.unshareNamespace()
            try Folders.ensure(stage, mode: 0o700)
            try Mounts.tmpfs(at: stage, options: "size=1m,nr_inodes=96,mode=0700", flags: Mounts.inert)
            for name in [Stage.empty, Stage.scratch] { try Folders.make("\(stage)/\(name)", mode: 0o755) }
        }
        if users.isOrdinary {
            // The kernel lets an ordinary user mount a `/proc` only where a whole one is in sight.
            try StepFailure.naming("rootfs.proc") { () throws(SystemCallFailure) in
                try Folders.make("\(stage)/proc", mode: 0o755)
                try Mounts.bind("/proc", "\(stage)/proc", withAllBelow: true)
            }
        }
        try buildHost(at: "\(stage)/\(name)", users: users, cache: "\(folder)/ld.so.cache")
        try StepFailure.naming("rootfs.folders") { () throws(SystemCallFailure) in
            try Folders.make("\(stage)/\(Stage.view(of: name))", mode: 0o755)
        }
        try pin(dataFolder, at: "\(stage)/\(Stage.data)", step: "launcher.data-folder")
        guard !imageFolder.isEmpty else { return Stage(folder: stage, hasData: !dataFolder.isEmpty) }
        try ImageRootfs.prepare(stage, users: users)
        let images = imageFolder == dataFolder ? Stage.data : Stage.images
        if images != Stage.data { try pin(imageFolder, at: "\(stage)/\(images)", step: "launcher.image-folder") }
        return Stage(
            folder: stage, hasData: !dataFolder.isEmpty, images: images,
            owners: users.isOrdinary ? -1 : try OwnerShift.make(for: "\(stage)/\(images)", in: stage),
            writesRoots: WritableRoot.isPossible(in: stage, images: "\(stage)/\(images)", users: users))
    }

    private static func pin(_ folder: String, at place: String, step: String) throws(StepFailure) {
        if folder.isEmpty { return }
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try Folders.make(place, mode: 0o700)
            try Mounts.bind(folder, place)
            try Mounts.seal(place, noDevices: true, recursive: false)
        }
    }

    private static func buildHost(at root: String, users: UserBlock, cache: String) throws(StepFailure) {
        try StepFailure.naming("rootfs.folders") { () throws(SystemCallFailure) in
            try Folders.make(root, mode: 0o755)
            try Mounts.tmpfs(at: root, options: "size=8m,nr_inodes=8192,mode=0755", flags: plain)
            for name in ["usr", "etc", "dev", "proc", "tmp", "work", "program", "input", "run", "var"] {
                try Folders.make("\(root)/\(name)", mode: 0o755)
            }
            try Links.make("\(root)/var/tmp", to: "/tmp")
        }
        try StepFailure.naming("rootfs.usr") { () throws(SystemCallFailure) in
            try Mounts.bind("/usr", "\(root)/usr", withAllBelow: users.isOrdinary)
            for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] where try Folders.isThere("/\(name)") {
                if let target = try Links.target(of: "/\(name)") {
                    try Links.make("\(root)/\(name)", to: target)
                } else {
                    try Folders.make("\(root)/\(name)", mode: 0o755)
                    try Mounts.bind("/\(name)", "\(root)/\(name)", withAllBelow: users.isOrdinary)
                }
            }
        }
        try makeEtc(at: "\(root)/etc", users: users, cache: cache)
        try StepFailure.naming("rootfs.dev") { () throws(SystemCallFailure) in
            try makeDevices(at: "\(root)/dev", users: users)
        }
        try StepFailure.naming("rootfs.seal") { () throws(SystemCallFailure) in
            try Mounts.seal(root, noDevices: false, recursive: true)
            try Mounts.seal(root, noDevices: true, recursive: false)
            try Mounts.seal("\(root)/usr", noDevices: true, recursive: true)
        }
    }

    private static let plain = Mounts.noSetID | Mounts.noDevices

    /// The devices that a cell has, all of major number 1.
    static let nodes: [(name: String, minor: UInt32)] = [
        ("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9),
    ]

    /// Nodes of our own; an ordinary user, who can make none, gets the host's.
    private static func makeDevices(at folder: String, users: UserBlock) throws(SystemCallFailure) {
        try Mounts.tmpfs(
            at: folder, options: "size=64k,nr_inodes=32,mode=0755", flags: Mounts.noSetID | Mounts.noExecution)
        let opened = try Descriptor.open(folder, O_RDONLY | O_DIRECTORY)
        for (name, minor) in nodes {
            if users.isOrdinary {
                try NewFile.write("\(folder)/\(name)", [], mode: 0o444)
                try Mounts.bind("/dev/\(name)", "\(folder)/\(name)")
            } else {
                try SystemCallFailure.check(
                    unsafe panal_make_device(opened.raw, name, 0o666, 1, minor), "mknod(/dev/\(name))")
            }
            var found = stat()
            try SystemCallFailure.checkErrno(unsafe stat("\(folder)/\(name)", &found), "stat(/dev/\(name))")
            guard found.st_mode & S_IFMT == S_IFCHR, found.st_rdev == 1 << 8 | UInt(minor) else {
                throw SystemCallFailure(call: "stat(/dev/\(name))", errno: ENODEV)
            }
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"), ("shm", "/tmp"),
        ] {
            try Links.make("\(folder)/\(name)", to: target)
        }
    }

    /// Of an ordinary user's, who can make no nodes that count.
    static func bindNodes(from: String, to: String) throws(SystemCallFailure) {
        for node in nodes { try Mounts.bind("\(from)/\(node.name)", "\(to)/\(node.name)") }
    }

    /// The files of `/etc` that say who and where a program is, the same in every root.
    static func identity(_ users: UserBlock) -> [(name: String, text: String)] {
        let cells = (0..<UserBlock.slots).map { users.program($0) }
        return [
            (
                "passwd",
                "root:x:0:0:root:/:/usr/sbin/nologin\n"
                    + cells.map { "cell:x:\($0):\($0):cell:/work:/usr/sbin/nologin\n" }.joined()
            ),
            ("group", "root:x:0:\n" + cells.map { "cell:x:\($0):\n" }.joined()),
            ("hostname", "cell\n"),
            ("hosts", "127.0.0.1 localhost cell\n::1 localhost cell\n"),
            ("resolv.conf", ""),
        ]
    }

    private static func makeEtc(at folder: String, users: UserBlock, cache: String) throws(StepFailure) {
        let files =
            identity(users) + [
                ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
                ("fonts/fonts.conf", fonts),
            ]
        try StepFailure.naming("rootfs.etc") { () throws(SystemCallFailure) in
            try Folders.make("\(folder)/fonts", mode: 0o755)
            for (name, text) in files { try NewFile.write("\(folder)/\(name)", Array(text.utf8), mode: 0o644) }
            if try Folders.isThere("/usr/share/zoneinfo/Etc/UTC") {
                try Links.make("\(folder)/localtime", to: "/usr/share/zoneinfo/Etc/UTC")
            }
            try copyAlternatives(to: "\(folder)/alternatives")
            try LoaderCache.place(at: "\(folder)/ld.so.cache", kept: cache)
        }
    }

    /// For fontconfig, by which most programs that draw text find their fonts. Without it they complain, and keep a cache in
    /// the work folder, where it would be a result. The rules for which font stands in for another are those of `/usr`.
    private static let fonts = """
        <?xml version="1.0"?>
        <!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
        <fontconfig>
          <dir>/usr/share/fonts</dir>
          <dir>/usr/local/share/fonts</dir>
          <cachedir>/tmp/.fontconfig</cachedir>
          <include ignore_missing="yes">/usr/share/fontconfig/conf.avail/30-metric-aliases.conf</include>
          <include ignore_missing="yes">/usr/share/fontconfig/conf.avail/45-latin.conf</include>
          <include ignore_missing="yes">/usr/share/fontconfig/conf.avail/49-sansserif.conf</include>
          <include ignore_missing="yes">/usr/share/fontconfig/conf.avail/60-latin.conf</include>
        </fontconfig>

        """

    /// Debian reaches many programs and libraries through `/etc/alternatives`: the links that end in `/usr` are made anew.
    private static func copyAlternatives(to folder: String) throws(SystemCallFailure) {
        try Folders.make(folder, mode: 0o755)
        guard try Folders.isThere("/etc/alternatives") else { return }
        let names = try Folders.names(
            in: try Descriptor.open("/etc/alternatives", O_RDONLY | O_DIRECTORY), limit: 4_096)
        for bytes in names {
            let name = String(decoding: bytes, as: UTF8.self)
            if let target = try Links.target(of: "/etc/alternatives/\(name)"), target.hasPrefix("/usr/") {
                try Links.make("\(folder)/\(name)", to: target)
            }
        }
    }
}

/// The dynamic loader's cache for a root that has only `/usr`, made by `ldconfig`; without it each library costs a search.
/// It is kept in the `LockFolder`, which nobody else can write, until the host's own cache is newer.
enum LoaderCache {
    static func place(at path: String, kept: String) throws(SystemCallFailure) {
        if try !isFresh(kept) { try make(kept) }
        let bytes = try Descriptor.open(kept, O_RDONLY | O_NOFOLLOW).readAll(limit: 4 << 20)
        try NewFile.write(path, bytes, mode: 0o644)
    }

    private static func isFresh(_ path: String) throws(SystemCallFailure) -> Bool {
        var ours = stat()
        var hosts = stat()
        guard unsafe lstat(path, &ours) == 0 else { return false }
        guard unsafe lstat("/etc/ld.so.cache", &hosts) == 0 else { return true }
        return (ours.st_mtim.tv_sec, ours.st_mtim.tv_nsec) > (hosts.st_mtim.tv_sec, hosts.st_mtim.tv_nsec)
    }

    private static func make(_ path: String) throws(SystemCallFailure) {
        let temporary = "\(path).\(getpid())"
        defer {
            unsafe unlink(temporary)
            unsafe unlink("\(temporary).conf")
        }
        let machine = Folders.exists("/usr/lib/x86_64-linux-gnu") ? "x86_64-linux-gnu" : "aarch64-linux-gnu"
        let folders = ["/usr/local/lib/\(machine)", "/usr/lib/\(machine)", "/usr/local/lib", "/usr/lib"]
        try NewFile.write("\(temporary).conf", Array((folders.joined(separator: "\n") + "\n").utf8), mode: 0o600)
        try Processes.runToEnd(["/usr/sbin/ldconfig", "-X", "-f", "\(temporary).conf", "-C", temporary])
        try SystemCallFailure.checkErrno(unsafe rename(temporary, path), "rename(\(path))")
    }
}
