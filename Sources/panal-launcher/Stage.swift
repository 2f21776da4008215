internal import Glibc
internal import PanalLinux

/// The folder in the launcher's own mount namespace, reached only by root, that holds what cells are made of: the roots, and
/// the data folder, read-only. A spawner has it as its whole file system.
struct Stage {
    let folder: String
    /// Names of the roots in it, by index.
    let roots: [String]
    /// Whether a data folder stands in it, as `data`.
    let hasData: Bool

    static let data = "data"

    /// In a spawner: a detached, read-only tree of something below the data folder; no link on the way, and nothing but what
    /// is expected there.
    func tree(_ path: String, isFolder: Bool, step: String) throws(StepFailure) -> Descriptor {
        guard hasData else { throw .mismatch(step, "this launcher has no data folder") }
        return try StepFailure.naming(step) { () throws(SystemCallFailure) in
            let folder = try Descriptor.open("/\(Self.data)", Descriptor.pathOnly | O_DIRECTORY)
            let flags = Descriptor.pathOnly | (isFolder ? O_DIRECTORY : 0)
            let opened = try Descriptor.open(beneath: folder, path, flags)
            let status = try opened.status()
            guard isFolder ? status.isFolder : status.isRegular && !status.hasSetID else {
                throw SystemCallFailure(call: "fstat(\(path))", errno: EINVAL)
            }
            return try Mounts.sealedClone(of: opened)
        }
    }
}
