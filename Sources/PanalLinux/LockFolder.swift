internal import Glibc

/// Where Panals on one host keep what they must not share. Root's is `/run/panal`. A user's is that user's alone, since whoever
/// could open root's locks could hold them: the folder of the user's session, or one in `/tmp`.
package enum LockFolder {
    package static func path(user: UInt32) -> String {
        if user == 0 { return "/run/panal" }
        let session = "/run/user/\(user)"
        var found = stat()
        if unsafe lstat(session, &found) == 0, found.st_mode & S_IFMT == S_IFDIR, found.st_uid == user {
            return "\(session)/panal"
        }
        return "/tmp/panal-\(user)"
    }

    /// Below it, where launchers that keep cells are found.
    package static func launchers(_ folder: String) -> String { "\(folder)/launchers" }
    package static func launcher(_ instance: String, folder: String) -> String { "\(launchers(folder))/\(instance)" }

    /// Makes the folder unless it stands, and refuses one that anybody else has made or can look into.
    package static func ensure(_ path: String) throws(SystemCallFailure) {
        try Folders.ensure(path, mode: 0o700)
        var found = stat()
        try SystemCallFailure.checkErrno(unsafe lstat(path, &found), "lstat(\(path))")
        guard found.st_mode & S_IFMT == S_IFDIR, found.st_uid == geteuid(), found.st_mode & 0o077 == 0 else {
            throw SystemCallFailure(call: "\(path) is not this user's alone", errno: EPERM)
        }
    }
}
