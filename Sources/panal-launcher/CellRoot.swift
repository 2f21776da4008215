internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The file system of one cell, put together in its own mount namespace: by its init before there is a run for it, and by the
/// program's process, still root, for what only the run knows.
enum CellRoot {
    /// In this order: scratch, proc; then all that is mounted is read back. This namespace is a copy of one that has the root's
    /// view and nothing else. An ordinary user may mount proc only where another is in sight: then the view is the folder `inside`
    /// of a copy of the whole stage, which a pivot leaves at last.
    ///
    /// Without a pivot the whole scratch has no other place than `/tmp`, where its own `tmp` covers it: to take it away again
    /// would cost what the pivot does. Nothing is kept from the program by that: what is covered holds the same two folders that
    /// the cell has as `/tmp` and `/work`, with the same owners and flags. It is out of reach all the same: each way to `/tmp`
    /// ends in what stands on top, `..` from there leads below both, and nobody in the cell may unmount.
    ///
    /// A root that can be written comes with all that its scratch is in it (`WritableRoot`).
    static func prepare(
        inside folder: String?, scratch: Int32, _ plan: CellInit.Plan
    ) throws(StepFailure) {
        try StepFailure.naming("mount.root") { () throws(SystemCallFailure) in
            try SystemCallFailure.checkErrno(unsafe chdir("/\(folder ?? "")"), "chdir(\(folder ?? ""))")
        }
        if !plan.hasWritableRoot { try attach(scratch, inside: folder) }
        try StepFailure.naming("mount.proc") { () throws(SystemCallFailure) in try Mounts.process(at: "proc") }
        if folder != nil {
            try StepFailure.naming("mount.pivot") { () throws(SystemCallFailure) in try Mounts.pivotHere() }
        }
        try readBackAll(
            expected(
                ofImage: plan.image != nil, isWritable: plan.hasWritableRoot, ofOrdinaryUser: folder != nil))
        // The program's process begins where init is.
        try StepFailure.naming("program.work-folder") { () throws(SystemCallFailure) in
            try SystemCallFailure.checkErrno(unsafe chdir("/work"), "chdir(/work)")
        }
        // The kernel tells of it by its way from the root, or says that there is none.
        var place = [CChar](repeating: 0, count: 64)
        guard unsafe getcwd(&place, place.count) != nil, unsafe strcmp(place, "/work") == 0 else {
            throw .mismatch("program.work-folder", "init is not in /work")
        }
    }

    private static func attach(_ scratch: Int32, inside folder: String?) throws(StepFailure) {
        try StepFailure.naming("mount.scratch") { () throws(SystemCallFailure) in
            let place = folder == nil ? "tmp" : "/\(Stage.scratch)"
            try Mounts.attach(scratch, at: place)
            try Mounts.bind("\(place)/work", "work")
            // At last, since from here on `tmp` is this.
            try Mounts.bind("\(place)/tmp", "tmp")
        }
    }

    /// Holds every mount that is in sight against what must be; a pivot that did not leave shows, since what it leaves is in sight
    /// until it is taken away.
    private static func readBackAll(_ expected: [ExpectedMount]) throws(StepFailure) {
        let list = try StepFailure.naming(readBack) { () throws(SystemCallFailure) in
            try KernelFile.bytes(of: "/proc/self/mountinfo")
        }
        if let found = MountList.difference(of: list, from: expected) { throw .mismatch(readBack, found) }
    }

    private static let sealed =
        [ExpectedMount("/", system: "overlay ", flags: ["ro", "nosuid", "nodev"], below: nil)] + fixed
    private static let fixed = [
        ExpectedMount("/dev", system: "overlay ", flags: ["ro", "nosuid", "noexec"]),
        ExpectedMount(
            "/proc", system: "proc proc rw,hidepid=invisible,subset=pid", flags: ["nosuid", "nodev", "noexec"]),
    ]
    private static let scratchFlags = ["rw", "nosuid", "nodev"]

    /// Everything that is mounted in a cell of root's before its run: 3 is the whole scratch, and 4 covers it.
    private static let imageMounts =
        sealed + [
            ExpectedMount("/tmp", folder: "/", system: "tmpfs ", flags: scratchFlags),
            ExpectedMount("/tmp", folder: "/tmp", system: "tmpfs ", flags: scratchFlags, below: 3, same: 3),
            ExpectedMount("/work", folder: "/work", system: "tmpfs ", flags: scratchFlags, same: 3),
        ]

    /// The same of an ordinary user's cell, where nothing is covered and 1 has the host's nodes.
    private static let imageMountsOfOrdinaryUser =
        sealed + [
            ExpectedMount("/tmp", folder: "/tmp", system: "tmpfs ", flags: scratchFlags),
            ExpectedMount("/work", folder: "/work", system: "tmpfs ", flags: scratchFlags, same: 3),
        ]
        + nodesOfTheHost
    private static let nodesOfTheHost = HostRootfs.nodes.map {
        ExpectedMount("/dev/\($0.name)", folder: nil, system: nil, flags: ["ro", "nosuid"], below: 1)
    }

    /// Where the root can be written: of the scratch only its `tmp` is in sight.
    private static let writableMounts =
        [ExpectedMount("/", system: "overlay ", flags: scratchFlags, below: nil)] + fixed + [
            ExpectedMount("/tmp", folder: "/tmp", system: "tmpfs ", flags: scratchFlags)
        ]
    private static let writableMountsOfOrdinaryUser = writableMounts + nodesOfTheHost

    /// Where the root is the host's.
    private static let usr = [ExpectedMount("/usr", system: "overlay ", flags: ["ro", "nosuid", "nodev"])]
    private static let mounts = imageMounts + usr
    private static let mountsOfOrdinaryUser = imageMountsOfOrdinaryUser + usr

    /// Everything that must be mounted, and nothing else.
    static func expected(
        ofImage isImage: Bool, isWritable: Bool = false, ofOrdinaryUser isOrdinary: Bool
    ) -> [ExpectedMount] {
        if isWritable { return isOrdinary ? writableMountsOfOrdinaryUser : writableMounts }
        if isImage { return isOrdinary ? imageMountsOfOrdinaryUser : imageMounts }
        return isOrdinary ? mountsOfOrdinaryUser : mounts
    }

    /// What the run asks for: the size of its scratch, its program and its inputs, each read back. Done by whoever still has the
    /// rights in the cell's mount namespace; `next` gives the trees, in order.
    static func complete(
        _ contents: CellContents, next: () throws(StepFailure) -> Descriptor
    ) throws(StepFailure) {
        let place = contents.scratchPlace
        if try !fits(contents, place) {
            try StepFailure.naming("scratch.size") { () throws(SystemCallFailure) in
                try Mounts.resize(place, bytes: contents.scratchBytes, inodes: contents.scratchFiles)
            }
        }
        try readBackScratch(contents)
        if !contents.program.isEmpty {
            let tree = try next()
            try StepFailure.naming("mount.program") { () throws(SystemCallFailure) in
                try Mounts.attach(tree.raw, at: "/program")
            }
        }
        if !contents.inputs.isEmpty { try attachInputs(contents.inputs, next: next) }
        try readBackSealed(places(contents))
    }

    private static let readBack = "read-back.mounts"

    private static func status(
        _ path: String
    ) throws(StepFailure) -> (bytes: UInt64, inodes: UInt64, flags: UInt, magic: UInt64) {
        try StepFailure.naming(readBack) { () throws(SystemCallFailure) in try Mounts.status(path) }
    }

    private static func fits(_ contents: CellContents, _ path: String) throws(StepFailure) -> Bool {
        let found = try status(path)
        return found.magic == Mounts.tmpfsMagic && found.bytes == contents.scratchBytes
            && found.inodes == UInt64(contents.scratchFiles) && found.flags & Mounts.noSetID != 0
            && found.flags & Mounts.noDevices != 0
    }

    /// Holds both places of the scratch against the run's size of it.
    static func readBackScratch(_ contents: CellContents) throws(StepFailure) {
        for path in [contents.scratchPlace, "/tmp"] where try !fits(contents, path) {
            throw .mismatch(
                readBack, "\(path) is not the scratch of \(contents.scratchBytes) bytes that was asked for")
        }
        if contents.hasWritableRoot { try readBackWritable(contents) }
    }

    /// A root that can be written tells of the file system that its upper layer is in, by its own name.
    private static func readBackWritable(_ contents: CellContents) throws(StepFailure) {
        let found = try status("/")
        let flags = Mounts.noSetID | Mounts.noDevices
        guard found.magic == Mounts.overlayMagic, found.flags & (flags | Mounts.readOnly) == flags,
            found.bytes == contents.scratchBytes, found.inodes == UInt64(contents.scratchFiles)
        else {
            throw .mismatch(
                readBack,
                "/ is not writable, nosuid and nodev, with \(contents.scratchBytes) bytes, as it must be (flags \(found.flags))"
            )
        }
    }

    /// The next tree that the spawner hands over.
    static func receiveTree(_ line: borrowing Descriptor) throws(StepFailure) -> Descriptor {
        guard let tree = try answer(on: line) else {
            throw .mismatch("cell.trees", "the spawner sent no tree")
        }
        return Descriptor(owning: tree)
    }

    /// Asks the spawner to do what `complete` does, waits until it has, and reads back what this process can see of it.
    static func awaitCompletion(_ contents: CellContents, on line: borrowing Descriptor) throws(StepFailure) {
        // One that is gone shows in the answer.
        _ = MessageSocket.send(line, [1], descriptors: [], waiting: true)
        if let tree = try answer(on: line) { close(tree) }
        try readBackSealed(places(contents))
    }

    /// Where what the run has brought with it stands.
    private static func places(_ contents: CellContents) -> [String] {
        let program = contents.program.isEmpty ? [] : ["/program"]
        return contents.inputs.isEmpty ? program : program + [inputs] + contents.inputs.map(place)
    }

    private static func answer(on line: borrowing Descriptor) throws(StepFailure) -> Int32? {
        let message = try StepFailure.naming("cell.trees") { () throws(SystemCallFailure) in
            try MessageSocket.wait(line)
        }
        if message.bytes == [0] { return message.descriptors.first }
        if !message.bytes.isEmpty, case .failed(let report)? = try? CellReport(decoding: message.bytes) {
            throw StepFailure(step: report.step, detail: report.detail, errno: report.errno)
        }
        throw .mismatch("cell.trees", "the spawner has ended before it handed over the program and its inputs")
    }

    private static let inputs = "/input"
    private static func place(_ input: RunRequest.Input) -> String { "\(inputs)/\(input.field)/\(input.name)" }

    /// `/input` is a small tmpfs with an empty file for each input, onto which the input's read-only tree is attached.
    private static func attachInputs(
        _ inputs: [RunRequest.Input], next: () throws(StepFailure) -> Descriptor
    ) throws(StepFailure) {
        let step = "mount.input"
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try Mounts.tmpfs(at: Self.inputs, options: "size=256k,nr_inodes=1024,mode=0755", flags: Mounts.inert)
        }
        for input in inputs {
            let tree = try next()
            let place = place(input)
            try StepFailure.naming(step) { () throws(SystemCallFailure) in
                try Folders.ensure("\(Self.inputs)/\(input.field)", mode: 0o755)
                try NewFile.write(place, [], mode: 0o444)
                try Mounts.attach(tree.raw, at: place)
            }
        }
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try Mounts.seal(Self.inputs, noDevices: true, recursive: false)
        }
    }

    /// Holds what the kernel now says of each place against what was asked for: a view of its own or, of `/input`, the small tmpfs;
    /// read-only, without set-id bits and devices, and in `/input` itself nothing to be executed.
    static func readBackSealed(_ places: [String]) throws(StepFailure) {
        for path in places {
            let found = try status(path)
            let (system, flags) =
                path == inputs
                ? (Mounts.tmpfsMagic, Mounts.inert) : (Mounts.overlayMagic, Mounts.noSetID | Mounts.noDevices)
            guard found.magic == system else { throw .mismatch(readBack, "\(path) is no view of its own") }
            guard found.flags & (flags | Mounts.readOnly) == flags | Mounts.readOnly else {
                throw .mismatch(
                    readBack, "\(path) is not read-only, nosuid and nodev as it must be (flags \(found.flags))")
            }
        }
    }
}
