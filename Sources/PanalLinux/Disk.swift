internal import Glibc

/// A whole disk, by the numbers that the kernel has for it.
package struct Disk: Hashable, Sendable {
    package var major: UInt32
    package var minor: UInt32

    package init(major: UInt32, minor: UInt32) {
        (self.major, self.minor) = (major, minor)
    }

    /// Of a number as `stat` tells it.
    init(device: dev_t) {
        major = UInt32(device >> 8 & 0xfff | device >> 32 & ~0xfff)
        minor = UInt32(device & 0xff | device >> 12 & 0xfff_ff00)
    }

    /// Nil for what does not say it as the kernel does.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let major = UInt32(parts[0]), let minor = UInt32(parts[1]) else { return nil }
        self.init(major: major, minor: minor)
    }

    /// As the kernel writes it: `254:0`.
    package var text: String { "\(major):\(minor)" }
}

/// Finds the disks that files are read from, as far as the kernel limits reading there. What cannot be told is refused.
package struct DiskFinder {
    private let processes: String
    private let system: String

    /// Where `/proc` and `/sys` stand.
    package init(processes: String = "/proc", system: String = "/sys") {
        (self.processes, self.system) = (processes, system)
    }

    /// More are refused: the kernel's list of them is read back before each run, and is one page at most.
    static let most = 32

    /// A mounted file system.
    struct FileSystem: Hashable {
        var place: String
        var kind: String
        var source: String
        var options: [Substring]

        /// The line of `mountinfo` with this number; nil where there is none.
        init?(_ number: Substring, in list: String) {
            for line in list.split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.first == number else { continue }
                guard let dash = words.firstIndex(of: "-"), words.count > dash + 3, words.count > 4 else { return nil }
                place = String(words[4])
                kind = String(words[dash + 1])
                source = String(words[dash + 2])
                options = words[dash + 3].split(separator: ",")
                return
            }
            return nil
        }
    }

    /// The disks that whatever is at `path` is read from, ascending; none where its file system is in memory.
    package func disks(behind path: String) throws(StepFailure) -> [Disk] {
        let (device, mount) = try StepFailure.naming(ReadingLimit.step) { () throws(SystemCallFailure) in
            let opened = try Descriptor.open(path, Descriptor.pathOnly)
            var found = stat()
            try SystemCallFailure.checkErrno(unsafe fstat(opened.raw, &found), "fstat(\(path))")
            let about = try KernelFile.read("\(processes)/self/fdinfo/\(opened.raw)")
            let line = about.split(separator: "\n").first { $0.hasPrefix("mnt_id:") } ?? ""
            let number = line.split { $0 == ":" || $0 == "\t" || $0 == " " }.last ?? ""
            return (
                Disk(device: found.st_dev), FileSystem(number, in: try KernelFile.read("\(processes)/self/mountinfo"))
            )
        }
        guard let mount else { throw refusal(path, "on which file system it is cannot be told") }
        let disks = Set(try disks(of: device, mount, path)).sorted { ($0.major, $0.minor) < ($1.major, $1.minor) }
        guard disks.count <= Self.most else { throw refusal(path, "it is on \(disks.count) disks") }
        return disks
    }

    /// Of those alone is it known that all they read is asked of one disk by whoever reads.
    private static let simple: Set = ["ext2", "ext3", "ext4", "xfs", "squashfs", "vfat", "iso9660"]
    private static let inMemory: Set = ["tmpfs", "ramfs"]

    func disks(of device: Disk, _ mount: FileSystem, _ path: String) throws(StepFailure) -> [Disk] {
        if Self.inMemory.contains(mount.kind) { return [] }
        // Memory that is mapped as it stands, and a second disk for what is in files.
        for option in mount.options where option.hasPrefix("dax") && option != "dax=never" || option.hasPrefix("rtdev=")
        {
            throw refusal(path, "the file system at \(mount.place) has the option \(option)")
        }
        if mount.kind == "btrfs" { return try members(of: mount, path) }
        guard Self.simple.contains(mount.kind), device.major != 0 else {
            throw refusal(path, "it is on the file system \(mount.kind) at \(mount.place)")
        }
        return [try whole(device, path)]
    }

    /// A limit is a whole disk's: the kernel takes none of a partition.
    private func whole(_ device: Disk, _ path: String) throws(StepFailure) -> Disk {
        let folder = "\(system)/dev/block/\(device.text)"
        let found = try StepFailure.naming(ReadingLimit.step) { () throws(SystemCallFailure) in
            guard try Folders.isThere(folder) else { return String?.none }
            return try Folders.isThere("\(folder)/partition") ? try KernelFile.read("\(folder)/../dev") : device.text
        }
        guard let disk = found.flatMap({ Disk($0) }) else {
            throw refusal(path, "the kernel does not say which disk \(device.text) is of")
        }
        return disk
    }

    /// All disks of a btrfs: what `stat` tells is none of them.
    private func members(of mount: FileSystem, _ path: String) throws(StepFailure) -> [Disk] {
        var found = stat()
        guard mount.source.hasPrefix("/"), unsafe stat(mount.source, &found) == 0, found.st_mode & S_IFMT == S_IFBLK
        else { throw refusal(path, "the disk \(mount.source) of its file system is not in sight") }
        let source = Disk(device: found.st_rdev).text
        let all = try StepFailure.naming(ReadingLimit.step) { () throws(SystemCallFailure) in
            for volume in try Folders.children(of: "\(system)/fs/btrfs") {
                let folder = "\(system)/fs/btrfs/\(volume)/devices"
                guard try Folders.isThere(folder) else { continue }
                var devices: [String] = []
                for name in try Folders.names(in: try Descriptor.open(folder, O_RDONLY | O_DIRECTORY), limit: 1_024) {
                    devices.append(try KernelFile.read("\(folder)/\(String(decoding: name, as: UTF8.self))/dev"))
                }
                if devices.contains(source) { return devices }
            }
            return []
        }
        guard !all.isEmpty else { throw refusal(path, "the kernel does not say which disks \(mount.source) is one of") }
        var disks: [Disk] = []
        for text in all {
            guard let device = Disk(text) else { throw refusal(path, "the kernel names a disk ‘\(text)’") }
            disks.append(try whole(device, path))
        }
        return disks
    }

    private func refusal(_ path: String, _ reason: String) -> StepFailure {
        StepFailure(
            step: ReadingLimit.step,
            detail:
                "how fast \(path) is read cannot be limited: \(reason); move it to ext4, xfs or btrfs on a disk, or "
                + "leave disk-read out of the profile", errno: 0)
    }
}
