import Foundation
import Glibc
import Testing

@testable import PanalLinux

/// Which disks a path is read from, on hosts made of a few files; what cannot be told is refused by name.
@Suite struct DiskFinderTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "panal-disks-\(UUID().uuidString)")

    private static func mount(_ rest: String) throws -> DiskFinder.FileSystem {
        let list = "22 1 0:5 / / rw - tmpfs tmpfs rw\n36 35 8:1 / /mnt rw,noatime shared:1 - \(rest)"
        return try #require(DiskFinder.FileSystem("36", in: list))
    }

    /// A `/sys` with the disk 8:0, its partition 8:1, a mapped one, and a btrfs of `members`.
    private func finder(members: [String] = []) throws -> DiskFinder {
        func write(_ path: String, _ text: String) throws {
            let file = folder.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data("\(text)\n".utf8).write(to: file)
        }
        try write("devices/sda/dev", "8:0")
        try write("devices/sda/sda1/dev", "8:1")
        try write("devices/sda/sda1/partition", "1")
        try write("devices/dm-0/dev", "253:0")
        let links = folder.appending(path: "dev/block")
        try FileManager.default.createDirectory(at: links, withIntermediateDirectories: true)
        for (name, target) in [("8:0", "sda"), ("8:1", "sda/sda1"), ("253:0", "dm-0")] {
            try FileManager.default.createSymbolicLink(
                atPath: links.appending(path: name).path, withDestinationPath: "../../devices/\(target)")
        }
        try write("fs/btrfs/features/x", "1")
        for (index, member) in members.enumerated() {
            try write("fs/btrfs/0f-0f/devices/disk\(index)/dev", member)
        }
        return DiskFinder(system: folder.path)
    }

    @Test func aDiskAPartitionAndAMappedOne() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let finder = try finder()
        for kind in ["ext4 /dev/sda1 rw,errors=continue", "xfs /dev/sda1 rw,dax=never", "squashfs /dev/sda1 ro"] {
            for (device, disk) in [("8:1", "8:0"), ("8:0", "8:0"), ("253:0", "253:0")] {
                let device = try #require(Disk(device))
                #expect(try finder.disks(of: device, try Self.mount(kind), "/x").map(\.text) == [disk])
            }
        }
        #expect(try finder.disks(of: Disk(major: 0, minor: 9), try Self.mount("tmpfs tmpfs rw"), "/x") == [])
    }

    @Test(
        arguments: [
            ("overlay overlay rw,lowerdir=/a:/b", "8:0", "the file system overlay at /mnt"),
            ("9p host ro", "0:33", "the file system 9p at /mnt"), ("nfs4 server:/x rw", "0:40", "nfs4"),
            ("zfs pool/data rw", "0:41", "zfs"), ("fuse.sshfs a:/ rw", "0:42", "fuse.sshfs"),
            ("ext4 /dev/root rw", "0:43", "the file system ext4"),
            ("ext4 /dev/sdb1 rw", "8:17", "which disk 8:17 is of"),
            ("ext4 /dev/pmem0 rw,dax=always", "8:0", "the option dax=always"), ("xfs /dev/pmem0 rw,dax", "8:0", "dax"),
            ("xfs /dev/sda1 rw,rtdev=/dev/sdb", "8:0", "the option rtdev=/dev/sdb"),
            ("btrfs /dev/none rw", "0:44", "/dev/none of its file system is not in sight"),
            ("btrfs /dev/null rw", "0:44", "not in sight"), ("btrfs tmp rw", "0:44", "not in sight"),
        ])
    func whatCannotBeLimitedIsRefused(mount: String, device: String, reason: String) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let (finder, device, mount) = (try finder(), try #require(Disk(device)), try Self.mount(mount))
        let error = try #require(throws: StepFailure.self) { try finder.disks(of: device, mount, "/data") }
        #expect(error.step == "cgroup.disk-read")
        #expect(
            error.detail.hasPrefix("how fast /data is read cannot be limited: ") && error.detail.contains(reason),
            "\(error)")
        #expect(error.detail.contains("leave disk-read out of the profile"))
    }

    /// `stat` tells a number that no disk has; the file system's own list has all of them.
    @Test func allDisksOfABtrfs() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try #require(getuid() == 0)
        let mount = try Self.mount("btrfs \(folder.path)/node rw,subvol=/a")
        let device = Disk(major: 0, minor: 50)
        var finder = try finder(members: ["8:1", "253:0"])
        try #require(mknod("\(folder.path)/node", S_IFBLK | 0o600, 253 << 8) == 0)
        #expect(Set(try finder.disks(of: device, mount, "/x").map(\.text)) == ["8:0", "253:0"])
        try FileManager.default.removeItem(at: folder)
        finder = try self.finder(members: ["8:1"])
        try #require(mknod("\(folder.path)/node", S_IFBLK | 0o600, 253 << 8) == 0)
        let error = try #require(throws: StepFailure.self) { try finder.disks(of: device, mount, "/x") }
        #expect(error.detail.contains("which disks"))
    }

    @Test func mountsOfThisMachine() throws {
        #expect(try DiskFinder().disks(behind: "/dev/shm") == [])
        let error = try #require(throws: StepFailure.self) { try DiskFinder().disks(behind: "/proc/self") }
        #expect(error.detail.contains("the file system proc at /proc"))
        #expect(throws: StepFailure.self) { try DiskFinder().disks(behind: "/nowhere") }
        for text in ["", "8", "8:", ":8", "8:0:1", "a:0", "-1:0", "8:0\n"] { #expect(Disk(text) == nil, "\(text)") }
        #expect(Disk(device: 0xfe00).text == "254:0")
        #expect(Disk(device: 0x11_032c).text == "259:300")
    }
}

/// The limit itself, held against files that are none of the kernel's.
@Suite struct ReadingLimitTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "panal-reading-\(UUID().uuidString)")
    private let disks = [Disk(major: 8, minor: 0), Disk(major: 254, minor: 16)]

    private func limit(_ form: ReadingLimit.Form) throws -> ReadingLimit {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data().write(to: folder.appending(path: form.file))
        return try #require(try ReadingLimit(folder.path, form))
    }

    private func text(_ form: ReadingLimit.Form) throws -> String {
        String(decoding: try Data(contentsOf: folder.appending(path: form.file)), as: UTF8.self)
    }

    @Test(arguments: [ReadingLimit.Form.hybrid, .unified]) func whatDoesNotReadBackIsRefused(
        form: ReadingLimit.Form
    ) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let limit = try limit(form)
        try limit.lift()
        try limit.set(ReadingRate(bytes: 1 << 20, disks: [disks[1]]))
        #expect(try text(form) == (form == .hybrid ? "254:16 1048576" : "254:16 rbps=1048576"))
        // Here each line takes the place of the one before, and none goes away.
        #expect(throws: StepFailure.self) { try limit.set(ReadingRate(bytes: 1 << 20, disks: disks)) }
        let error = try #require(throws: StepFailure.self) { try limit.lift() }
        #expect(error.step == "cgroup.disk-read" && error.detail.contains("was to be empty"), "\(error)")
    }

    @Test func linesThatSayIt() {
        let rows: [(ReadingLimit.Form, String, Bool)] = [
            (.hybrid, "8:0 1048576", true), (.hybrid, "8:0 1048577", false), (.hybrid, "8:1 1048576", false),
            (.hybrid, "18:0 1048576", false), (.hybrid, "8:0", false), (.hybrid, "", false),
            (.hybrid, "8:0 1048576 1", false),
            (.unified, "8:0 rbps=1048576 wbps=max riops=max wiops=max", true), (.unified, "8:0 rbps=max", false),
            (.unified, "8:0 wbps=1048576", false), (.unified, "8:0 rbps=10485760", false), (.unified, "8:0", false),
        ]
        for (form, line, isSo) in rows { #expect(form.says(line[...], disks[0], 1 << 20) == isSo, "\(line)") }
    }

    /// A group without the file has no such limit.
    @Test func whereTheFileIsMissing() throws {
        #expect(try ReadingLimit(nil, .hybrid) == nil)
        #expect(try ReadingLimit("/nowhere", .unified) == nil)
    }
}
