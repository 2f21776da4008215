import FoundationEssentials
import Glibc
import PanalLinux

/// Why the service does not start: what is in its way, and what the operator types to mend it.
struct StartRefusal: Error, Hashable {
    var reason: String
    var mend: String?
}

/// What the service needs of the machine before it gives its privileges up.
enum Host {
    static func requireRoot() throws {
        guard geteuid() == 0 else {
            throw StartRefusal(
                reason:
                    "panald has to be started as root: the launcher makes namespaces, mounts and cgroups for cells. "
                    + "The service itself then goes on as an ordinary user.",
                mend: "sudo \(CommandLine.arguments.joined(separator: " "))")
        }
    }

    /// The system user's ids.
    static func ids(of user: String) throws -> (uid: UInt32, gid: UInt32) {
        guard let entry = unsafe getpwnam(user) else {
            throw StartRefusal(
                reason: "there is no system user ‘\(user)’ for the service to run as",
                mend: "sudo useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \(user)"
            )
        }
        let (uid, gid) = (unsafe entry.pointee.pw_uid, unsafe entry.pointee.pw_gid)
        guard uid != 0, gid != 0 else {
            throw StartRefusal(
                reason: "the service must not run as ‘\(user)’, which is root", mend: "panald --user panal")
        }
        return (uid, gid)
    }

    /// Makes the data folder, or makes sure that it is the service's own.
    static func prepare(folder path: String, owner: (uid: UInt32, gid: UInt32), user: String) throws {
        if !FileManager.default.fileExists(atPath: path) {
            do {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            } catch {
                throw StartRefusal(reason: "the data folder \(path) cannot be made: \(error)")
            }
            guard unsafe chown(path, owner.uid, owner.gid) == 0, unsafe chmod(path, 0o700) == 0 else {
                throw StartRefusal(reason: "the data folder \(path) cannot be given to ‘\(user)’ (errno \(errno))")
            }
            return
        }
        var found = stat()
        guard unsafe lstat(path, &found) == 0, found.st_mode & S_IFMT == S_IFDIR else {
            throw StartRefusal(reason: "the data folder \(path) is no folder", mend: "panald --data ANOTHER")
        }
        guard found.st_uid == owner.uid else {
            // Only a folder that was Panal's before may change hands: the advice must not give away somebody else's.
            let wasOurs = FileManager.default.fileExists(atPath: "\(path)/panal.sqlite")
            let ids = "the user id \(found.st_uid), not to ‘\(user)’ (\(owner.uid))"
            throw StartRefusal(
                reason: "the data folder \(path) belongs to \(ids)",
                mend: wasOurs ? "sudo chown -R \(user): \(path)" : "panald --data ANOTHER, a folder of its own")
        }
        guard found.st_mode & 0o022 == 0 else {
            throw StartRefusal(
                reason: "the data folder \(path) can be written by others", mend: "sudo chmod go-w \(path)")
        }
    }

    /// The path of this program's file.
    static func executable() -> String {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let length = unsafe bytes.withUnsafeMutableBytes { buffer -> Int in
            guard let base = unsafe buffer.bindMemory(to: CChar.self).baseAddress else { return 0 }
            return unsafe readlink("/proc/self/exe", base, buffer.count)
        }
        guard length > 0 else { return CommandLine.arguments.first ?? "panald" }
        return String(decoding: bytes.prefix(length), as: UTF8.self)
    }
}
