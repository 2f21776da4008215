internal import CPanalSyscalls
internal import Glibc
internal import PanalLinux

/// The user namespaces of an ordinary user's launcher.
///
/// In the first the launcher is root: over the mounts, groups and namespaces that it makes itself, and nothing else, since the
/// only id in it is the user's own. Every program is put into another one of its own below. That one owns nothing, neither a
/// mount nor a namespace: a program that had every capability in it could do no more with them.
enum UserNamespace {
    static let step = "launcher.user-namespace"

    /// The launcher becomes root of a namespace of its own. Before it stops being dumpable, which makes its files in `/proc`
    /// root's.
    static func enter() throws(StepFailure) {
        try make(user: 0, of: geteuid(), group: getegid(), step: step)
    }

    /// The calling process, which is root of the launcher's namespace and dumpable, becomes `user` of one of its own.
    static func seclude(as user: UInt32) throws(StepFailure) {
        try make(user: user, of: 0, group: 0, step: "program.user-namespace")
    }

    private static func make(user: UInt32, of outer: UInt32, group: UInt32, step: String) throws(StepFailure) {
        let files = [
            // Groups are mapped by those only who can leave none (user_namespaces(7)).
            ("setgroups", "deny"), ("uid_map", "\(user) \(outer) 1"), ("gid_map", "\(user) \(group) 1"),
        ]
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_unshare(panal_clone_newuser()), "unshare(CLONE_NEWUSER)")
            for (name, text) in files { try KernelFile.write("/proc/self/\(name)", text) }
        }
        for (name, text) in files {
            let found = try StepFailure.naming(step) { () throws(SystemCallFailure) in
                try KernelFile.read("/proc/self/\(name)")
            }
            guard found.split(separator: " ") == text.split(separator: " ") else {
                throw .mismatch(step, "\(name) was set to ‘\(text)’ and reads ‘\(found)’")
            }
        }
    }
}
