extension Check {
    static let placeChecks = [
        space, fileSystem, openFiles, inherited, processes, ownProcesses, loaderCache, launcher, imageTools,
    ]

    private static let space = Check(
        "disk.space", "Disk space", [.root],
        meaning: """
            Uploads, results and the database stand in the data folder. When it is full, runs wait and submissions \
            fail.
            """
    ) { facts in
        let data = facts.data
        guard let space = data.space else { return .fail("nothing can be said of \(data.standing)", nil) }
        let gibibytes = Double(space.freeBytes) / Double(1 << 30)
        let words = "\(Int(gibibytes * 10) / 10).\(Int(gibibytes * 10) % 10) GiB free at \(data.standing)"
        let find = Fix.byHand(
            "du -xh --max-depth=2 \(data.standing) | sort -h | tail", because: "what can go, only you know")
        if space.freeBytes < 256 << 20 { return .fail(words, find) }
        if let files = space.freeFiles, files < 10_000 { return .warn("\(words), room for \(files) files", find) }
        if space.freeBytes < 4 << 30 { return .warn(words, find) }
        return .pass(words)
    }

    private static let fileSystem = Check(
        "disk.file-system", "Data folder", [.root],
        meaning: """
            The database needs shared memory and locks that network file systems do not keep to (SQLite's write-ahead log), and a \
            folder that is there after a restart. An overlay cannot lie on an overlay: where the images are on one, as inside \
            containers, programs that write to their image's root (`"writable": true`) are refused.
            """
    ) { facts in
        let data = facts.data
        let elsewhere = Fix.byHand(
            "panal serve --data FOLDER", because: "which other place, only you know", needsRoot: false)
        let words = "\(data.path) on \(data.fileSystem.isEmpty ? "an unknown file system" : data.fileSystem)"
        if data.isReadOnly { return .fail("\(words), read-only", elsewhere) }
        let remote = ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "afs", "lustre"]
        if remote.contains(data.fileSystem) || data.fileSystem.hasPrefix("fuse") { return .fail(words, elsewhere) }
        if ["tmpfs", "ramfs"].contains(data.fileSystem) {
            return .warn("\(words), gone after a restart", elsewhere)
        }
        if data.fileSystem == "overlay" {
            return .warn("\(words), gone with its upper layer, and without writable roots for images", elsewhere)
        }
        return .pass(words)
    }

    private static let openFiles = Check(
        "limits.open-files", "Open files", .both,
        meaning: "A running cell takes a dozen descriptors, and each of its result files one until it is stored."
    ) { facts in
        if let numbers = facts[.openFiles]?.split(whereSeparator: { $0 == "\t" || $0 == " " }).compactMap({ Int($0) }),
            numbers.count == 3, numbers[0] > numbers[2] / 10 * 9
        {
            return .warn(
                "\(numbers[0]) of this host's \(numbers[2]) are taken",
                .byHand("sysctl -w fs.file-max=\(numbers[2] &* 2)", because: "somebody may be losing descriptors"))
        }
        guard let most = facts.openFiles else { return .pass("as many as wanted") }
        let raise = Fix.byHand(
            "printf '* hard nofile 65536\\n' > /etc/security/limits.d/panal.conf",
            because: "it holds from the next sign-in; for a service: LimitNOFILE=65536")
        return most < 4_096 ? .warn("at most \(most) for one process", raise) : .pass("at most \(most) for one process")
    }

    private static let inherited = Check(
        "limits.inherited", "Inherited limits", .both,
        meaning: """
            Every cell has the same limits, whatever its launcher was started with: processor time, memory and stack are \
            limited by its control group. Lower ones that were inherited only CAP_SYS_RESOURCE can raise.
            """
    ) { facts in
        // CAP_SYS_RESOURCE
        guard !facts.shortLimits.isEmpty, facts.user.capabilities & (1 << 24) == 0 else {
            return .pass("none is lower")
        }
        return .fail(
            "lower than a cell's: \(facts.shortLimits.joined(separator: ", "))",
            .byHand(
                "ulimit -Ha",
                because: "they are set outside: by a shell's ulimit, limits.d, or a unit's Limit…= lines"))
    }

    private static let processes = Check(
        "limits.processes", "Process numbers", .both,
        meaning: "Cells share the host's process numbers: a cell of many processes must not take the last one."
    ) { facts in
        guard let most = facts.number(.mostProcesses), most < 65_536 else {
            return .pass("\(facts[.mostProcesses] ?? "not known")")
        }
        return .warn("kernel.pid_max is \(most)", .setting(.mostProcesses, "4194304"))
    }

    private static let ownProcesses = Check(
        "limits.own-processes", "Processes of one user", [.rootless],
        meaning:
            "Without root, all cells' processes are counted as the user's own, beside whatever else that user runs."
    ) { facts in
        guard let most = facts.ownProcesses else { return .pass("as many as wanted") }
        guard most < 1_024 else { return .pass("at most \(most)") }
        return .warn(
            "at most \(most)",
            .byHand(
                "printf '* hard nproc 16384\\n' > /etc/security/limits.d/panal-processes.conf",
                because: "it holds for every user, from the next sign-in"))
    }

    private static let loaderCache = Check(
        "tools.ldconfig", "ldconfig", .both,
        meaning: "The root file system of cells is the host's /usr, with a cache of its libraries that ldconfig makes."
    ) { facts in
        facts.tools.contains(HostFacts.loaderCacheMaker)
            ? .pass(HostFacts.loaderCacheMaker)
            : .fail(
                "\(HostFacts.loaderCacheMaker) is missing",
                .byHand("apt-get install libc-bin", because: "it installs a package"))
    }

    private static let imageTools = Check(
        "tools.images", "Tools for images", .both,
        meaning: """
            ‘panal rootfs build’ makes images by mmdebstrap, for whom is not root with newuidmap and a range of their own in \
            /etc/subuid; ‘panal rootfs import docker://…’ fetches them by skopeo. Archives, compressed or not, are imported without any \
            of these.
            """
    ) { facts in
        let missing = HostFacts.imageTools.filter { !facts.tools.contains($0.0) }.map(\.1)
        guard !missing.isEmpty else { return .pass(HostFacts.imageTools.map(\.0).joined(separator: ", ")) }
        return .warn(
            "missing: \(missing.joined(separator: ", "))",
            .byHand(
                "apt-get install --no-install-recommends \(missing.joined(separator: " "))",
                because: "it installs packages"))
    }

    private static let launcher = Check(
        "tools.launcher", "Launcher", .both, meaning: "panal-launcher stands beside panal and starts the cells."
    ) { facts in
        facts.launcher.map { .pass($0) }
            ?? .fail(
                "panal-launcher is not beside panal",
                .byHand(
                    "swift build -c release --product panal-launcher", because: "it is to be built or installed",
                    needsRoot: false))
    }
}
