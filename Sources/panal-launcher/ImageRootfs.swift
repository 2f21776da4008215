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
            let folder = "\(stage)/\(skeleton)"
            for path in [folder, "\(stage)/\(image)", "\(stage)/\(view)"]
                + (places + ["etc", "var"]).map({ "\(folder)/\($0)" })
            {
                try Folders.make(path, mode: 0o755)
            }
            for (name, text) in HostRootfs.identity(users) {
                try NewFile.write("\(folder)/etc/\(name)", Array(text.utf8), mode: 0o644)
            }
            try Links.make("\(folder)/var/tmp", to: "/tmp")
        }
    }

    /// In a spawner, in a mount namespace of its own that is a copy of the stage: a view of `tree` at `view`, complete but for what
    /// each cell mounts itself.
    static func makeView(
        of tree: ImageTree, in images: borrowing ImageStore, owners: Int32, isOrdinary: Bool
    ) throws(StepFailure) {
        let opened = try images.open(tree.digest)
        let (from, to) = ("/\(image)", "/\(view)")
        try StepFailure.naming(ImageStore.step) { () throws(SystemCallFailure) in
            guard try ImageTree(tree.digest, opened) == tree else {
                throw SystemCallFailure(call: "fstat, since the image was replaced", errno: ESTALE)
            }
        }
        try StepFailure.naming("rootfs.clone") { () throws(SystemCallFailure) in
            let clone = try Mounts.sealedClone(of: opened)
            if owners >= 0 { try OwnerShift.shift(clone, by: owners) }
            try Mounts.attach(clone.raw, at: from)
        }
        try StepFailure.naming("rootfs.view") { () throws(SystemCallFailure) in
            try mount(from, on: "/\(skeleton)", at: to)
            try Mounts.detach(from)
            try Mounts.view(
                of: "/\(HostRootfs.name)/dev", empty: "/\(Stage.empty)", at: "\(to)/dev", flags: Mounts.noExecution)
            if isOrdinary { try HostRootfs.bindNodes(from: "/\(HostRootfs.name)/dev", to: "\(to)/dev") }
        }
        try readBack(to)
    }

    static func mount(_ image: String, on skeleton: String, at place: String) throws(SystemCallFailure) {
        try Mounts.view(
            of: skeleton, empty: image, at: place, flags: Mounts.noDevices,
            options: ",redirect_dir=nofollow,metacopy=off")
    }

    /// That a way to each place leads over no link, and ends on the view itself or on what was mounted there just now. Nothing in the
    /// view can be changed any more; each cell reads back besides what it has mounted where (`CellRoot`).
    private static func readBack(_ path: String) throws(StepFailure) {
        let step = "rootfs.places"
        let view = try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try Descriptor.open(path, Descriptor.pathOnly | O_DIRECTORY)
        }
        for place in places + ["etc"] where place != "dev" {
            let folder = try StepFailure.naming(step) { () throws(SystemCallFailure) in
                try Descriptor.open(beneath: view, place, Descriptor.pathOnly | O_DIRECTORY).status()
            }
            guard folder.isFolder, folder.owner == 0 else { throw .mismatch(step, "/\(place) is not the skeleton's") }
        }
        for name in ["passwd", "group"] {
            let file = try StepFailure.naming(step) { () throws(SystemCallFailure) in
                try Descriptor.open(beneath: view, "etc/\(name)", Descriptor.pathOnly).status()
            }
            guard file.isRegular, file.owner == 0 else { throw .mismatch(step, "/etc/\(name) is not the skeleton's") }
        }
        let found = try StepFailure.naming(step) { () throws(SystemCallFailure) in try Mounts.status(path) }
        let sealed = Mounts.readOnly | Mounts.noSetID | Mounts.noDevices
        guard found.magic == Mounts.overlayMagic, found.flags & sealed == sealed else {
            throw .mismatch(step, "the view of the image is not a read-only one (flags \(found.flags))")
        }
    }
}
