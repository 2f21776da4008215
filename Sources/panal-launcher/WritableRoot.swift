internal import CPanalSyscalls
internal import Glibc
internal import PanalLinux

/// The roots that a run can write to.
///
/// Such a root is an overlay that can be written: on top a folder of the run's own scratch, which holds what the program changes and
/// counts there; below it the skeleton and the image's tree, as in every root that is made of an image (`ImageRootfs`). It is made for
/// one cell, and nobody has it but that: when the cell is gone, so is the overlay, and with the scratch all that was written.
///
/// Everything in it is the program's user's: the skeleton is made anew for that, and the image's files show as that user's, as
/// elsewhere as root's (`OwnerShift`). So the program may change what it likes of its own root, but for what is mounted there, which
/// it can neither unmount nor rename; and nothing that it does there has an effect on anything else. A set-id bit that it
/// sets has none either, by the mount's flag, and a device it cannot make, nor the overlay's own mark of what is removed.
///
/// `/work` is a folder of that root and no mount of its own: so it is part of a copy, and the run of an image that is a copy finds it.
/// `/tmp` is the scratch's own, as elsewhere.
///
/// The upper folder holds all that was changed, whole: neither redirections nor files without data are made, so that a folder of
/// the image cannot be renamed (EXDEV, upon which mv(1) and its like copy it), and a file of the image of which only the mode is changed is
/// copied too. What the overlay notes there, an opaque folder, is an extended attribute that no program can set: of the `trusted.` ones, which
/// only root can, and without root of the `user.overlay.` ones, which a program's own get another name than. An image's own
/// marks count for nothing, since it is the lowest layer.
enum WritableRoot {
    static let step = "rootfs.writable"

    /// In the scratch: what the program has changed, and what the overlay needs beside that.
    static let folder = "root"
    static let upper = "\(folder)/upper"
    static let work = "\(folder)/work"
    /// Folder of the stage where a cell's own skeleton stands for a moment.
    static let skeleton = "\(ImageRootfs.skeleton).own"

    /// The attribute of a folder in the upper layer that hides what the image has there.
    static func opaque(isOrdinary: Bool) -> String { isOrdinary ? "user.overlay.opaque" : "trusted.overlay.opaque" }

    /// The folders of a scratch that is to be one's upper layer. `owner`: see `UserBlock.owner`.
    static func prepare(_ scratch: borrowing Descriptor, owner: UInt32?) throws(SystemCallFailure) {
        for (name, mode) in [(folder, UInt32(0o700)), (upper, 0o755), (work, 0o700)] {
            try SystemCallFailure.checkErrno(unsafe mkdirat(scratch.raw, name, mode), "mkdir(\(name))")
        }
        guard let owner else { return }
        try SystemCallFailure.checkErrno(
            unsafe fchownat(scratch.raw, upper, owner, owner, AT_SYMLINK_NOFOLLOW), "chown(\(upper))")
    }

    /// In a spawner, in a mount namespace of its own that is a copy of the stage: the root at `ImageRootfs.view`, with its `/dev`
    /// and `/tmp`. `owner` is the program's user as this process sees it, and `owners` a namespace that shows the image's as that; -1 where
    /// they are the same.
    static func make(
        of tree: borrowing Descriptor, scratch: borrowing Descriptor, owner: UInt32, owners: Int32, users: UserBlock
    ) throws(StepFailure) {
        let (image, own, to) = ("/\(ImageRootfs.image)", "/\(skeleton)", "/\(ImageRootfs.view)")
        let place = "/\(Stage.scratch)"
        try StepFailure.naming("rootfs.clone") { () throws(SystemCallFailure) in
            try attach(tree, at: image, owner: owner, owners: owners)
        }
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try Mounts.tmpfs(at: own, options: "size=256k,nr_inodes=32,mode=0755", flags: Mounts.inert)
            try ImageRootfs.fill(own, users: users)
            for path in ImageRootfs.filled(own, users: users) {
                try SystemCallFailure.checkErrno(unsafe lchown(path, owner, owner), "chown(\(path))")
            }
            try Mounts.attach(scratch.raw, at: place)
            try mount(image, on: own, scratch: place, at: to, isOrdinary: users.isOrdinary)
            try Mounts.bind("\(place)/tmp", "\(to)/tmp")
            // What the overlay is made of is in no sight any more.
            for path in [place, own, image] { try Mounts.detach(path) }
            try ImageRootfs.addDevices(to, isOrdinary: users.isOrdinary)
        }
        try ImageRootfs.readBack(to, owner: owner, sealed: false)
    }

    private static func attach(
        _ tree: borrowing Descriptor, at place: String, owner: UInt32, owners: Int32
    ) throws(SystemCallFailure) {
        let clone = try Mounts.sealedClone(of: tree)
        if owners >= 0 { try OwnerShift.shift(clone, by: owners, to: owner) }
        try Mounts.attach(clone.raw, at: place)
    }

    private static func mount(
        _ image: String, on skeleton: String, scratch: String, at place: String, isOrdinary: Bool
    ) throws(SystemCallFailure) {
        try Mounts.writableView(
            of: "\(skeleton):\(image)", upper: "\(scratch)/\(upper)", work: "\(scratch)/\(work)", at: place,
            options: "redirect_dir=nofollow,metacopy=off,index=off,xino=off\(isOrdinary ? ",userxattr" : "")")
    }

    /// Whether it can be done here, at the launcher's start: by doing it with the folder of images, and with what the kernel needs most for
    /// it, a folder in place of a removed one.
    static func isPossible(in stage: String, images: String, users: UserBlock) -> Bool {
        (try? tryOut(stage, images, users)) != nil
    }

    private static func tryOut(_ stage: String, _ images: String, _ users: UserBlock) throws(SystemCallFailure) {
        let (image, view) = ("\(stage)/\(ImageRootfs.image)", "\(stage)/\(ImageRootfs.view)")
        let place = "\(stage)/\(Stage.scratch)"
        let tree = try Descriptor.open(images, Descriptor.pathOnly | O_DIRECTORY)
        let owner = users.owner(0)
        let scratch = try Mounts.scratch(bytes: 64 << 10, inodes: 32)
        try prepare(scratch, owner: owner)
        if let owner {
            let owners = try OwnerShift.namespace(showing: try look(at: tree), as: owner)
            try attach(tree, at: image, owner: owner, owners: owners.raw)
        } else {
            try attach(tree, at: image, owner: 0, owners: -1)
        }
        defer { try? Mounts.detach(image) }
        try Mounts.attach(scratch.raw, at: place)
        defer { try? Mounts.detach(place) }
        try mount(
            image, on: "\(stage)/\(ImageRootfs.skeleton)", scratch: place, at: view, isOrdinary: users.isOrdinary)
        defer { try? Mounts.detach(view) }
        try SystemCallFailure.checkErrno(unsafe rmdir("\(view)/input"), "rmdir")
        try Folders.make("\(view)/input", mode: 0o755)
        let made = try Descriptor.open("\(place)/\(upper)/input", O_RDONLY | O_DIRECTORY)
        guard try isOpaque(made, isOrdinary: users.isOrdinary) else {
            throw SystemCallFailure(call: "getxattr", errno: EOPNOTSUPP)
        }
    }

    /// Owner and group, among others.
    static func look(at folder: borrowing Descriptor) throws(SystemCallFailure) -> stat {
        var found = stat()
        try SystemCallFailure.checkErrno(unsafe fstat(folder.raw, &found), "fstat")
        return found
    }

    /// Whether a folder of the upper layer hides what the image has there.
    static func isOpaque(_ folder: borrowing Descriptor, isOrdinary: Bool) throws(SystemCallFailure) -> Bool {
        var value = [UInt8](repeating: 0, count: 8)
        let length = unsafe panal_get_attribute(folder.raw, opaque(isOrdinary: isOrdinary), &value, value.count)
        if length == -Int64(ENODATA) { return false }
        try SystemCallFailure.check(length, "fgetxattr")
        return length == 1 && value[0] == UInt8(ascii: "y")
    }
}
