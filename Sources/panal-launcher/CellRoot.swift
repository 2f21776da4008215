internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The file system of one cell, put together by its init in its own mount namespace.
struct CellRoot {
    let order: CellOrder
    /// The prepared root that this namespace has a copy of.
    let root: String
    /// Where the data folder stands in this namespace, read-only; nil for none.
    let dataFolder: String?

    /// In this order: scratch, program, inputs, proc, the pivot; then each mount is read back.
    func setUp() throws(StepFailure) {
        try StepFailure.naming("mount.root") { () throws(SystemCallFailure) in
            try SystemCallFailure.checkErrno(unsafe chdir(root), "chdir(\(root))")
        }
        try StepFailure.naming("mount.scratch") { () throws(SystemCallFailure) in
            try Mounts.attach(order.scratchTree, at: "scratch")
            try Mounts.bind("scratch/tmp", "tmp")
            try Mounts.bind("scratch/work", "work")
            try Mounts.detach("scratch")
        }
        if !order.request.program.isEmpty {
            let tree = try tree(order.request.program, isFolder: true, step: "program.open")
            try StepFailure.naming("mount.program") { () throws(SystemCallFailure) in
                try Mounts.attach(tree.raw, at: "program")
            }
        }
        if !order.request.inputs.isEmpty { try attachInputs() }
        try StepFailure.naming("mount.proc") { () throws(SystemCallFailure) in try Mounts.process(at: "proc") }
        try StepFailure.naming("mount.pivot") { () throws(SystemCallFailure) in try Mounts.pivotHere() }
        try readBack()
    }

    /// A read-only tree of something below the data folder; no link on the way, and nothing but what is expected there.
    private func tree(_ path: String, isFolder: Bool, step: String) throws(StepFailure) -> Descriptor {
        guard let dataFolder else { throw .mismatch(step, "this launcher has no data folder") }
        return try StepFailure.naming(step) { () throws(SystemCallFailure) in
            let folder = try Descriptor.open(dataFolder, Descriptor.pathOnly | O_DIRECTORY)
            let flags = Descriptor.pathOnly | (isFolder ? O_DIRECTORY : 0)
            let opened = try Descriptor.open(beneath: folder, path, flags)
            let status = try opened.status()
            guard isFolder ? status.isFolder : status.isRegular && !status.hasSetID else {
                throw SystemCallFailure(call: "fstat(\(path))", errno: EINVAL)
            }
            return try Mounts.sealedClone(of: opened)
        }
    }

    /// `/input` is a small tmpfs with an empty file for each input, onto which the input's read-only tree is attached.
    private func attachInputs() throws(StepFailure) {
        let step = "mount.input"
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try Mounts.tmpfs(at: "input", options: "size=256k,nr_inodes=1024,mode=0755", flags: Mounts.inert)
        }
        for input in order.request.inputs {
            let tree = try tree(input.source, isFolder: false, step: "input.open")
            try StepFailure.naming(step) { () throws(SystemCallFailure) in
                try Folders.ensure("input/\(input.field)", mode: 0o755)
                let place = "input/\(input.field)/\(input.name)"
                try NewFile.write(place, [], mode: 0o444)
                try Mounts.attach(tree.raw, at: place)
            }
        }
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try Mounts.seal("input", noDevices: true, recursive: false)
        }
    }

    /// Holds what the kernel now says of each mount against what was asked for.
    private func readBack() throws(StepFailure) {
        let step = "read-back.mounts"
        func status(
            _ path: String
        ) throws(StepFailure) -> (bytes: UInt64, inodes: UInt64, flags: UInt, magic: UInt64) {
            try StepFailure.naming(step) { () throws(SystemCallFailure) in try Mounts.status(path) }
        }
        var sealed = ["/", "/usr", "/dev"]
        if !order.request.program.isEmpty { sealed.append("/program") }
        for input in order.request.inputs { sealed.append("/input/\(input.field)/\(input.name)") }
        for path in sealed {
            let flags = try status(path).flags
            guard flags & Mounts.readOnly != 0, flags & Mounts.noSetID != 0 else {
                throw .mismatch(step, "\(path) is not read-only and nosuid (flags \(flags))")
            }
        }
        for path in ["/tmp", "/work"] {
            let found = try status(path)
            guard found.magic == Mounts.tmpfsMagic, found.bytes == order.request.scratchBytes,
                found.inodes == UInt64(order.request.scratchFiles), found.flags & Mounts.noSetID != 0,
                found.flags & Mounts.noDevices != 0
            else {
                throw .mismatch(step, "\(path) is not the scratch of \(order.request.scratchBytes) bytes that was made")
            }
        }
        guard try status("/proc").magic == Mounts.processMagic else { throw .mismatch(step, "/proc is not procfs") }
    }
}
