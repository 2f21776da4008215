import FoundationEssentials
import Glibc

/// Where this command's companions are: the launcher and the server beside it, the profiles in the repository or the system.
enum Installation {
    /// The folder of this executable.
    static func folder() throws -> String {
        let path = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        guard let slash = path.lastIndex(of: "/") else { throw CommandFailure("/proc/self/exe reads ‘\(path)’") }
        return String(path[..<slash])
    }

    /// An executable that is installed beside this one.
    static func companion(_ name: String) throws -> String {
        let path = "\(try folder())/\(name)"
        guard unsafe access(path, X_OK) == 0 else {
            throw CommandFailure(
                "\(path) is missing: build it with `swift build --product \(name)`, or install it beside panal")
        }
        return path
    }

    /// The folder with `*.yaml` and `seccomp/`: the one given, else `Profiles` in a folder above this executable, as in a clone
    /// of the repository, else `/usr/local/share/panal/Profiles`.
    static func profiles(given: String?) throws -> String {
        if let given {
            guard isFolder("\(given)/seccomp") else {
                throw CommandFailure("\(given) is no folder of profiles: it has no folder ‘seccomp’")
            }
            return given
        }
        var above = try folder()
        while let slash = above.lastIndex(of: "/") {
            above = String(above[..<slash])
            if isFolder("\(above)/Profiles/seccomp") { return "\(above)/Profiles" }
        }
        let installed = "/usr/local/share/panal/Profiles"
        guard isFolder("\(installed)/seccomp") else {
            throw CommandFailure("no folder of profiles was found; name it with --profiles FOLDER")
        }
        return installed
    }

    static func isFolder(_ path: String) -> Bool {
        var isFolder = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder
    }
}
