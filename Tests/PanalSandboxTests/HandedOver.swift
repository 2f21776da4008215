import Foundation
import Glibc
import PanalLinux
import PanalSandbox
import Testing

/// An ordinary user's place on this host, which the tests make as root: control groups that are handed over as `panal doctor`
/// says it, and a launcher that this user may execute. It is started by a script that goes into the groups and becomes the user.
final class HandedOver: Sendable {
    /// Belongs to nobody, and other test processes on this host have another one: its locks lie in one folder.
    static let user = uid_t(64_100 + getpid() % 800)
    let name: String
    let launcher: String
    private let folder: String
    private let groups: [String]

    /// `leavingOut`: controllers whose v1 groups stay root's; the v2 group does when there is any. `prefix`: words before the launcher's name.
    /// `reading`: with the controller that limits reading from disks, or without; nil for as this host has it.
    init(leavingOut: Set<String> = [], prefix: String = "", reading: Bool? = nil) throws {
        name = "panal-user-\(getpid())-\(UInt32.random(in: 0...9_999))"
        folder = FileManager.default.temporaryDirectory.appending(path: name).path
        let mounts = try CgroupMount.list().filter { !$0.path.isEmpty }
        let wanted = ["cpu", "cpuacct", "cpuset", "memory", "pids"] + (reading == true ? ["blkio"] : [])
        let hybrid = mounts.filter { !$0.isUnified && !$0.controllers.isDisjoint(with: wanted) }
        let name = name
        groups = hybrid.isEmpty ? mounts.map { "\($0.path)/\(name)" } : hybrid.map { "\($0.path)/\(name)" }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: CellHarness.built, toPath: "\(folder)/panal-launcher")
        chmod("\(folder)/panal-launcher", 0o755)
        launcher = "\(folder)/start"
        for (index, group) in groups.enumerated() {
            if hybrid.isEmpty {
                try Self.handOverUnified(group, root: mounts[index].path, isHandedOver: leavingOut.isEmpty, reading)
            } else {
                let isHeld = !hybrid[index].controllers.isDisjoint(with: leavingOut)
                try Self.handOverHybrid(group, isHandedOver: !isHeld)
            }
        }
        // Supplementary groups, as users have them, which cannot be left without root.
        let script = """
            #!/bin/sh
            for g in \(groups.joined(separator: " ")); do
                if [ -d $g/panal_starters ]; then g=$g/panal_starters; fi
                echo $$ > $g/cgroup.procs || exit 1
            done
            exec /usr/bin/setpriv --reuid=\(Self.user) --regid=\(Self.user) --groups=\(Self.user),4 \(prefix) \
            \(folder)/panal-launcher

            """
        try Data(script.utf8).write(to: URL(filePath: launcher))
        chmod(launcher, 0o755)
    }

    private static func handOverHybrid(_ group: String, isHandedOver: Bool) throws {
        try Folders.make(group, mode: 0o755)
        let above = String(group[..<(group.lastIndex(of: "/") ?? group.endIndex)])
        for file in ["cpuset.cpus", "cpuset.mems"] where Folders.exists("\(group)/\(file)") {
            try KernelFile.write("\(group)/\(file)", try KernelFile.read("\(above)/\(file)"))
        }
        guard isHandedOver else { return }
        chown(group, user, gid_t.max)
        chown("\(group)/cgroup.procs", user, gid_t.max)
    }

    private static func handOverUnified(
        _ group: String, root: String, isHandedOver: Bool, _ reading: Bool?
    ) throws {
        let other = reading.map { $0 ? " +io" : " -io" } ?? ""
        try KernelFile.write("\(root)/cgroup.subtree_control", "+cpu +cpuset +memory +pids\(other)")
        try Folders.make(group, mode: 0o755)
        guard isHandedOver else { return }
        chown(group, user, gid_t.max)
        for file in ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] {
            chown("\(group)/\(file)", user, gid_t.max)
        }
    }

    func remove() {
        for group in groups {
            try? Folders.removeSettling("\(group)/panal_starters")
            try? Folders.removeSettling(group)
        }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// What the user's launchers keep: locks and the loader's cache.
    static func removeLocks() {
        try? FileManager.default.removeItem(atPath: LockFolder.path(user: user))
    }

    /// Runs `body` with launchers that are started by the ordinary user.
    static func with(reading: Bool? = nil, _ body: () async throws -> Void) async throws {
        let place = try HandedOver(reading: reading)
        defer { place.remove() }
        try await CellHarness.$place.withValue(place) { try await body() }
    }
}

/// Takes away what the ordinary user's launchers keep, once the whole suite is over: making the loader's cache takes long.
struct RemovingLocks: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        defer { HandedOver.removeLocks() }
        try await function()
    }
}
