internal import CPanalSyscalls
internal import Glibc

/// Giving up what root may do, for good.
package enum Privileges {
    package static var isRoot: Bool { geteuid() == 0 }

    /// Changes this process to `user`'s ids, with no group, no capability and no way back, and reads that back from the
    /// kernel for each of its threads. The bounding set and no_new_privs belong to a thread and are inherited by those that it
    /// starts later: so this is called before any other thread is started, and is refused when one kept something.
    package static func drop(toUser user: String) throws(StepFailure) {
        guard let entry = unsafe getpwnam(user) else {
            throw StepFailure(step: "privileges.user", detail: "there is no user ‘\(user)’ on this host", errno: 0)
        }
        let uid = unsafe entry.pointee.pw_uid
        try drop(uid: uid, gid: unsafe entry.pointee.pw_gid)
        for (thread, status) in try threads() {
            let words = [
                "Uid": "\(uid) \(uid) \(uid) \(uid)", "Groups": "", "NoNewPrivs": "1", "CapEff": none, "CapPrm": none,
                "CapInh": none, "CapBnd": none, "CapAmb": none,
            ]
            for (name, expected) in words where status[name] != expected {
                throw StepFailure(
                    step: "privileges.read-back",
                    detail: "thread \(thread) has \(name) ‘\(status[name] ?? "")’, not ‘\(expected)’", errno: 0)
            }
        }
    }

    private static let none = "0000000000000000"

    /// What the kernel says of each thread of this process: name and value of each line, white space made single.
    private static func threads() throws(StepFailure) -> [(thread: String, status: [String: String])] {
        try StepFailure.naming("privileges.read-back") { () throws(SystemCallFailure) in
            var found: [(String, [String: String])] = []
            for thread in try Folders.children(of: "/proc/self/task") {
                var status: [String: String] = [:]
                for line in try KernelFile.read("/proc/self/task/\(thread)/status").split(separator: "\n") {
                    let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                    guard halves.count == 2 else { continue }
                    status[String(halves[0])] = halves[1].split { $0 == " " || $0 == "\t" }.joined(separator: " ")
                }
                found.append((thread, status))
            }
            return found
        }
    }

    package static func drop(uid: UInt32, gid: UInt32) throws(StepFailure) {
        guard uid != 0, gid != 0 else {
            throw StepFailure(step: "privileges.user", detail: "the service must not run as root", errno: 0)
        }
        try dropInheritance()
        try dropOwn(uid: uid, gid: gid)
        if let found = try remainder(uid: uid, gid: gid) {
            throw StepFailure(step: "privileges.read-back", detail: found, errno: 0)
        }
    }

    /// The first half of `drop`: after it the caller can still do what its capabilities allow, but nothing that it executes can,
    /// and nothing that it forks can give to what it executes.
    /// In an ordinary user's namespace groups cannot be left, as membership may also take rights away (user_namespaces(7)).
    package static func dropInheritance(leavingGroups: Bool = true) throws(StepFailure) {
        try check(panal_drop_bounding_set(), "privileges.bounding-set")
        if leavingGroups { try check(panal_clear_groups(), "privileges.groups") }
        try check(panal_set_no_new_privileges(), "privileges.no-new-privileges")
    }

    /// What is left of what `dropInheritance` drops; nil when nothing is. None of it ever comes back.
    package static func inheritance() -> String? {
        if panal_bounding_set_size() != 0 { return "the bounding set is not empty" }
        return panal_get_no_new_privileges() == 1 ? nil : "no_new_privs is not set"
    }

    /// What is left of all that `drop` drops; nil when nothing is.
    package static func remainder(
        uid: UInt32, gid: UInt32, leavingGroups: Bool = true
    ) throws(StepFailure) -> String? {
        if let found = inheritance() { return found }
        return try difference(uid: uid, gid: gid, leavingGroups: leavingGroups)
    }

    /// The second half; nothing is read back.
    package static func dropOwn(uid: UInt32, gid: UInt32) throws(StepFailure) {
        try check(panal_set_ids(uid, gid), "privileges.ids")
        try check(panal_clear_capabilities(), "privileges.capabilities")
    }

    /// What of the caller's ids, groups, capabilities or no_new_privs is not as it should be; nil when all is. Groups are not
    /// looked at where they could not be left; the bounding set is `inheritance`'s.
    package static func difference(
        uid: UInt32, gid: UInt32, leavingGroups: Bool = true
    ) throws(StepFailure) -> String? {
        var ids = [UInt32](repeating: .max, count: 7)
        try check(unsafe panal_get_ids(&ids), "privileges.read-back")
        var capabilities = [UInt64](repeating: .max, count: 3)
        try check(unsafe panal_get_capabilities(&capabilities), "privileges.read-back")
        if ids[0..<3] != [uid, uid, uid] { return "uid is \(ids[0..<3])" }
        if ids[3..<6] != [gid, gid, gid] { return "gid is \(ids[3..<6])" }
        if leavingGroups, ids[6] != 0 { return "\(ids[6]) groups are left" }
        if capabilities != [0, 0, 0] { return "capabilities are left: \(capabilities)" }
        if panal_get_no_new_privileges() != 1 { return "no_new_privs is not set" }
        return nil
    }

    private static func check(_ answer: Int32, _ step: String) throws(StepFailure) {
        guard answer < 0 else { return }
        throw StepFailure(step: step, detail: SystemCallFailure.text(-answer), errno: -answer)
    }
}
