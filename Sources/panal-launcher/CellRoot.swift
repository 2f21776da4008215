internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The file system of one cell, put together in its own mount namespace: by its init before there is a run for it, and by the
/// program's process, still root, for what only the run knows.
enum CellRoot {
    /// In this order: scratch, proc, the pivot; then each mount is read back. `root` is the prepared root that this namespace
    /// has a copy of.
    static func prepare(_ root: String, scratch: Int32, ofOrdinaryUser isOrdinary: Bool) throws(StepFailure) {
        try StepFailure.naming("mount.root") { () throws(SystemCallFailure) in
            try SystemCallFailure.checkErrno(unsafe chdir("/\(root)"), "chdir(\(root))")
        }
        try StepFailure.naming("mount.scratch") { () throws(SystemCallFailure) in
            // Outside of the cell's root: it goes with everything else there when the pivot has been made.
            try Mounts.attach(scratch, at: "/\(Stage.scratch)")
            try Mounts.bind("/\(Stage.scratch)/tmp", "tmp")
            try Mounts.bind("/\(Stage.scratch)/work", "work")
        }
        try StepFailure.naming("mount.proc") { () throws(SystemCallFailure) in try Mounts.process(at: "proc") }
        try StepFailure.naming("mount.pivot") { () throws(SystemCallFailure) in try Mounts.pivotHere() }
        try readBackAll(ofOrdinaryUser: isOrdinary)
        // The program's process begins where init is.
        try StepFailure.naming("program.work-folder") { () throws(SystemCallFailure) in
            try SystemCallFailure.checkErrno(unsafe chdir("/work"), "chdir(/work)")
        }
        let place = try StepFailure.naming("program.work-folder") { () throws(SystemCallFailure) in
            try Links.target(of: "/proc/self/cwd")
        }
        guard place == "/work" else { throw .mismatch("program.work-folder", "init is not in /work") }
    }

    /// Holds every mount that is in sight against what must be.
    private static func readBackAll(ofOrdinaryUser isOrdinary: Bool) throws(StepFailure) {
        let list = try StepFailure.naming(readBack) { () throws(SystemCallFailure) in
            try KernelFile.read("/proc/self/mountinfo")
        }
        if let found = difference(of: list, ofOrdinaryUser: isOrdinary) { throw .mismatch(readBack, found) }
    }

    /// What of a cell's `mountinfo` is not as it must be; nil when all is: no mount is missing, none more is there (what a pivot
    /// leaves stays below the new root until it is taken away), and each has the flags that it must have.
    static func difference(of list: String, ofOrdinaryUser isOrdinary: Bool) -> String? {
        var missing = ["/", "/usr", "/dev", "/proc", "/tmp", "/work"]
        if isOrdinary { missing += HostRootfs.nodes.map { "/dev/\($0.name)" } }
        for line in list.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 6, let index = missing.firstIndex(where: { $0 == words[4] }) else {
                return "this mount is none of the cell's: \(line)"
            }
            let place = missing.remove(at: index)
            let flags = words[5].split(separator: ",")
            let isWritable = place == "/proc" || place == "/tmp" || place == "/work"
            guard flags.contains("nosuid"), flags.contains("nodev") || place.hasPrefix("/dev"),
                isWritable || flags.contains("ro")
            else { return "\(place) has only the flags \(words[5])" }
            if place == "/proc", !line.hasSuffix(" - proc proc rw,hidepid=invisible,subset=pid") {
                return "/proc is not as it was asked for: \(line)"
            }
        }
        return missing.isEmpty ? nil : "nothing is mounted at \(missing)"
    }

    /// What the run asks for: the size of its scratch, its program and its inputs, each read back.
    static func complete(_ request: RunRequest, trees: borrowing Descriptor) throws(StepFailure) {
        try size(request)
        var sealed: [String] = []
        if !request.program.isEmpty {
            let tree = try receiveTree(trees)
            try StepFailure.naming("mount.program") { () throws(SystemCallFailure) in
                try Mounts.attach(tree.raw, at: "/program")
            }
            sealed.append("/program")
        }
        if !request.inputs.isEmpty { sealed += try attachInputs(request.inputs, trees: trees) }
        try readBackSealed(sealed)
        for path in sealed where try status(path).magic != Mounts.overlayMagic {
            throw .mismatch(readBack, "\(path) is no view of its own")
        }
    }

    private static let readBack = "read-back.mounts"

    private static func status(
        _ path: String
    ) throws(StepFailure) -> (bytes: UInt64, inodes: UInt64, flags: UInt, magic: UInt64) {
        try StepFailure.naming(readBack) { () throws(SystemCallFailure) in try Mounts.status(path) }
    }

    /// Gives the scratch the run's size, where it was made with another, and holds both of its places against that.
    private static func size(_ request: RunRequest) throws(StepFailure) {
        func fits(_ path: String) throws(StepFailure) -> Bool {
            let found = try status(path)
            return found.magic == Mounts.tmpfsMagic && found.bytes == request.scratchBytes
                && found.inodes == UInt64(request.scratchFiles) && found.flags & Mounts.noSetID != 0
                && found.flags & Mounts.noDevices != 0
        }
        if try !fits("/work") {
            try StepFailure.naming("scratch.size") { () throws(SystemCallFailure) in
                try Mounts.resize("/work", bytes: request.scratchBytes, inodes: request.scratchFiles)
            }
        }
        for path in ["/work", "/tmp"] where try !fits(path) {
            throw .mismatch(readBack, "\(path) is not the scratch of \(request.scratchBytes) bytes that was asked for")
        }
    }

    private static func receiveTree(_ line: borrowing Descriptor) throws(StepFailure) -> Descriptor {
        let message = try StepFailure.naming("cell.trees") { () throws(SystemCallFailure) in
            try MessageSocket.wait(line)
        }
        if let tree = message.descriptors.first { return Descriptor(owning: tree) }
        if !message.bytes.isEmpty, case .failed(let report)? = try? CellReport(decoding: message.bytes) {
            throw StepFailure(step: report.step, detail: report.detail, errno: report.errno)
        }
        throw .mismatch("cell.trees", "the spawner has ended before it handed over the program and its inputs")
    }

    /// `/input` is a small tmpfs with an empty file for each input, onto which the input's read-only tree is attached.
    private static func attachInputs(
        _ inputs: [RunRequest.Input], trees: borrowing Descriptor
    ) throws(StepFailure) -> [String] {
        let step = "mount.input"
        var places: [String] = []
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try Mounts.tmpfs(at: "/input", options: "size=256k,nr_inodes=1024,mode=0755", flags: Mounts.inert)
        }
        for input in inputs {
            let tree = try receiveTree(trees)
            let place = "/input/\(input.field)/\(input.name)"
            try StepFailure.naming(step) { () throws(SystemCallFailure) in
                try Folders.ensure("/input/\(input.field)", mode: 0o755)
                try NewFile.write(place, [], mode: 0o444)
                try Mounts.attach(tree.raw, at: place)
            }
            places.append(place)
        }
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try Mounts.seal("/input", noDevices: true, recursive: false)
        }
        return places
    }

    /// Holds what the kernel now says of each mount against what was asked for.
    static func readBackSealed(_ places: [String]) throws(StepFailure) {
        for path in places {
            let flags = try status(path).flags
            guard flags & Mounts.readOnly != 0, flags & Mounts.noSetID != 0 else {
                throw .mismatch(readBack, "\(path) is not read-only and nosuid (flags \(flags))")
            }
        }
    }
}
