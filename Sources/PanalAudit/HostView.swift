internal import Glibc
internal import PanalCore
internal import PanalLinux

/// The host before an audit, to hold against what it is afterwards: only what is the audit's own, since others are busy here.
struct HostView {
    private let settings: AuditSettings
    private let launcher: String?

    init(_ settings: AuditSettings) {
        self.settings = settings
        launcher = Self.identity(settings.launcher)
    }

    /// What tells whether a file is still the same: place, size, times, owner and mode.
    private static func identity(_ path: String) -> String? {
        var found = stat()
        guard unsafe lstat(path, &found) == 0 else { return nil }
        return
            "\(found.st_dev) \(found.st_ino) \(found.st_size) \(found.st_mtim.tv_sec).\(found.st_mtim.tv_nsec) "
            + "\(found.st_ctim.tv_sec).\(found.st_ctim.tv_nsec) \(found.st_uid) \(found.st_mode)"
    }

    func findings(after host: AuditHost, classes: Set<AttackClass>) -> [Finding] {
        let all = [
            Finding(
                kind: .outputs, name: "secret", what: "a file of the host beside the programs is as it was",
                problems: secretProblems(host)),
            Finding(
                kind: .descriptors, name: "launcher-file", what: "the launcher's executable is as it was",
                problems: Self.identity(settings.launcher) == launcher && launcher != nil ? [] : ["it was changed"]),
            Finding(
                kind: .resources, name: "nothing-left", what: "no process, group, mount or lock is left", tried: 4,
                problems: leftovers(host)),
            Finding(
                kind: .privileges, name: "launcher-rights",
                what: "nobody but its owner can write the launcher, and it has no set-id bit",
                problems: launcherRights()),
        ]
        return all.filter { classes.contains($0.kind) }
    }

    private func secretProblems(_ host: AuditHost) -> [String] {
        let found = (try? KernelFile.read(host.secret)).map { $0 + "\n" }
        return found == AuditHost.secretText ? [] : ["it reads ‘\(found ?? "nothing")’"]
    }

    private func leftovers(_ host: AuditHost) -> [String] {
        var problems: [String] = []
        // The kernel takes a moment to end the last process of a cell that was killed with its launcher.
        var processes: [HostProcess] = []
        for _ in 0..<500 {
            processes = HostProcess.named(host.processName)
            if processes.isEmpty { break }
            usleep(10_000)
        }
        if !processes.isEmpty { problems.append("processes \(processes.map(\.number)) are left") }
        for mount in (try? CgroupLayout.mounts(isRoot: Privileges.isRoot)) ?? [] {
            let group = "\(mount.path)/panal-\(settings.instance)"
            if Folders.exists(group) { problems.append("the group \(group) is left") }
        }
        let mounts = (try? KernelFile.read("/proc/self/mountinfo")) ?? ""
        for line in mounts.split(separator: "\n") where line.contains(settings.instance) {
            problems.append("a mount is left: \(line)")
        }
        let lock = "\(LockFolder.path(user: geteuid()))/locks/instance-\(settings.instance)"
        if Folders.exists(lock) { problems.append("\(lock) is left") }
        return problems
    }

    private func launcherRights() -> [String] {
        var found = stat()
        guard unsafe lstat(settings.launcher, &found) == 0 else { return ["it is not there"] }
        var problems: [String] = []
        if found.st_mode & (S_ISUID | S_ISGID) != 0 { problems.append("it has a set-id bit") }
        if found.st_mode & (S_IWGRP | S_IWOTH) != 0 { problems.append("others may write it") }
        return problems
    }
}
