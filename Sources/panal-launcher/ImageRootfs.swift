internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The roots that are made of images.
///
/// Such a root is an overlay of two layers: on top the *skeleton*, below the image's `tree`. The skeleton is Panal's own and the
/// same for all: each folder that something is mounted on, and those files of `/etc` that say who and where a program is. So an
/// image decides nothing about them: what it has as `/proc`, a link, a file or nothing at all, is below a folder of the
/// skeleton's; and whoever changes the image's files meanwhile, as a server that was taken over could, changes what programs
/// read, and never what is mounted where. A folder on top of anything but a folder hides it; of two folders the contents show
/// together, of which only those of `/etc`, `/var`, `/program` and `/input` are ever in sight. An overlay's own marks say something
/// of layers below, and an image is the lowest: those that it brings count for nothing. `user.` ones are not read at all (`userxattr`
/// is not asked for), and neither redirections nor files without data are followed.
///
/// Of the image's `/etc` the rest stays. Its own accounts do not: a program's user has a name in each cell, and to add it to the
/// image's list this process would have to read what a tenant wrote.
enum ImageRootfs {
    /// The folder of the skeleton in the stage, the one where an image lies for a moment while a view is made of it, and the one
    /// where that view then stands.
    static let skeleton = "skeleton"
    static let image = "image"
    static let view = Stage.view(of: image)

    /// Where something is mounted in a cell, or may be.
    static let places = ["dev", "proc", "tmp", "work", "program", "input"]

    /// In the stage, at the launcher's start: nothing of it depends on an image.
    static func prepare(_ stage: String, users: UserBlock) throws(StepFailure) {
        try StepFailure.naming("rootfs.skeleton") { () throws(SystemCallFailure) in
            for name in [skeleton, image, view, WritableRoot.skeleton] {
                try Folders.make("\(stage)/\(name)", mode: 0o755)
            }
            try fill("\(stage)/\(skeleton)", users: users)
        }
    }

    /// Puts the skeleton's folders and files into an empty folder.
    static func fill(_ folder: String, users: UserBlock) throws(SystemCallFailure) {
        for name in places + ["etc", "var"] { try Folders.make("\(folder)/\(name)", mode: 0o755) }
        for (name, text) in HostRootfs.identity(users) {
            try NewFile.write("\(folder)/etc/\(name)", Array(text.utf8), mode: 0o644)
        }
        try Links.make("\(folder)/var/tmp", to: "/tmp")
    }

    /// What `fill` has made, and the folder itself.
    static func filled(_ folder: String, users: UserBlock) -> [String] {
        let files = HostRootfs.identity(users).map { "etc/\($0.name)" }
        return [folder] + (places + ["etc", "var", "var/tmp"] + files).map { "\(folder)/\($0)" }
    }

    /// In a spawner, in a mount namespace of its own that is a copy of the stage: a view of `tree` at `view`, complete but for what
    /// each cell mounts itself.
    static func makeView(
        of tree: ImageTree, in images: borrowing ImageStore, owners: Int32, isOrdinary: Bool
    ) throws(StepFailure) {
        let (from, to) = ("/\(image)", "/\(view)")
        let opened = try open(tree, in: images)
        try StepFailure.naming("rootfs.clone") { () throws(SystemCallFailure) in
            let clone = try Mounts.sealedClone(of: opened)
            if owners >= 0 { try OwnerShift.shift(clone, by: owners) }
            try Mounts.attach(clone.raw, at: from)
        }
        try StepFailure.naming("rootfs.view") { () throws(SystemCallFailure) in
            try mount(from, on: "/\(skeleton)", at: to)
            try Mounts.detach(from)
            try addDevices(to, isOrdinary: isOrdinary)
        }
        try readBack(to, owner: 0, sealed: true)
    }

    /// The image's own root, if it is the one that the cell is to have.
    static func open(_ tree: ImageTree, in images: borrowing ImageStore) throws(StepFailure) -> Descriptor {
        let opened = try images.open(tree.digest)
        try StepFailure.naming(ImageStore.step) { () throws(SystemCallFailure) in
            guard try ImageTree(tree.digest, opened) == tree else {
                throw SystemCallFailure(call: "fstat, since the image was replaced", errno: ESTALE)
            }
        }
        return opened
    }

    static func addDevices(_ root: String, isOrdinary: Bool) throws(SystemCallFailure) {
        let nodes = "/\(HostRootfs.name)/dev"
        try Mounts.view(of: nodes, empty: "/\(Stage.empty)", at: "\(root)/dev", flags: Mounts.noExecution)
        if isOrdinary { try HostRootfs.bindNodes(from: nodes, to: "\(root)/dev") }
    }

    static func mount(_ image: String, on skeleton: String, at place: String) throws(SystemCallFailure) {
        try Mounts.view(
            of: skeleton, empty: image, at: place, flags: Mounts.noDevices,
            options: ",redirect_dir=nofollow,metacopy=off")
    }

    /// That a way to each place leads over no link, and ends on the view itself or on what was mounted there just now. Nothing in the
    /// view can be changed any more; each cell reads back besides what it has mounted where (`CellRoot`).
    static func readBack(_ path: String, owner: UInt32, sealed isSealed: Bool) throws(StepFailure) {
        let step = "rootfs.places"
        let view = try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try Descriptor.open(path, Descriptor.pathOnly | O_DIRECTORY)
        }
        let covered = isSealed ? ["dev"] : ["dev", "tmp"]
        for place in places + ["etc"] where !covered.contains(place) {
            let folder = try StepFailure.naming(step) { () throws(SystemCallFailure) in
                try Descriptor.open(beneath: view, place, Descriptor.pathOnly | O_DIRECTORY).status()
            }
            guard folder.isFolder, folder.owner == owner else {
                throw .mismatch(step, "/\(place) is not the skeleton's")
            }
        }
        for name in ["passwd", "group"] {
            let file = try StepFailure.naming(step) { () throws(SystemCallFailure) in
                try Descriptor.open(beneath: view, "etc/\(name)", Descriptor.pathOnly).status()
            }
            guard file.isRegular, file.owner == owner else {
                throw .mismatch(step, "/etc/\(name) is not the skeleton's")
            }
        }
        let found = try StepFailure.naming(step) { () throws(SystemCallFailure) in try Mounts.status(path) }
        let flags = Mounts.noSetID | Mounts.noDevices
        let wanted = isSealed ? flags | Mounts.readOnly : flags
        guard found.magic == Mounts.overlayMagic, found.flags & (flags | Mounts.readOnly) == wanted else {
            throw .mismatch(
                step,
                "the view of the image is not \(isSealed ? "read-only" : "writable"), nosuid and nodev (flags \(found.flags))"
            )
        }
    }
}
