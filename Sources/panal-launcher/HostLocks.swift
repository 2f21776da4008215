internal import Glibc
internal import PanalLinux

/// What several Panals on one host must not share: an instance name, a block of user ids, an exclusive core. Each is a lock
/// on a file below the `LockFolder`, held by the kernel for as long as its owner lives.
///
/// The file of an instance is there as long as something of the instance may be: whoever ends in good order takes it away, and
/// a file that nobody holds tells every later launcher whose groups to sweep.
final class HostLocks {
    let folder: String
    private let name: String
    private let instance: Descriptor
    private static let prefix = "instance-"

    /// `patience`: for how many milliseconds to wait for one that ends, or one that sweeps.
    init(instance name: String, folder: String, patience: Int) throws(StepFailure) {
        self.name = name
        self.folder = folder
        let taken = try StepFailure.naming("launcher.lock") { () throws(SystemCallFailure) in
            try LockFolder.ensure(folder)
            try Folders.ensure("\(folder)/locks", mode: 0o700)
            return try Self.patiently("\(folder)/locks/\(Self.prefix)\(name)", patience)
        }
        guard let taken else {
            throw StepFailure(
                step: "launcher.lock", detail: "another Panal of the instance ‘\(name)’ runs on this host", errno: 0)
        }
        instance = taken
    }

    private static func patiently(_ path: String, _ patience: Int) throws(SystemCallFailure) -> Descriptor? {
        for attempt in 0..<(patience / 20) {
            if attempt > 0 { usleep(20_000) }
            if let taken = try lasting(path, create: true) { return taken }
        }
        return nil
    }

    /// A lock on the file that stands at `path` now, not on one that its last holder has just taken away.
    private static func lasting(_ path: String, create: Bool) throws(SystemCallFailure) -> Descriptor? {
        let file = try Descriptor.open(path, O_RDWR | O_NOFOLLOW | (create ? O_CREAT : 0), mode: 0o600)
        guard try file.lock(exclusively: true) else { return nil }
        var held = stat()
        var standing = stat()
        guard unsafe fstat(file.raw, &held) == 0, unsafe lstat(path, &standing) == 0,
            held.st_ino == standing.st_ino, held.st_dev == standing.st_dev
        else { return nil }
        return file
    }

    /// Calls `sweep` with the name of each instance that is dead and did not end in good order; its file goes when that worked.
    func sweepDead(_ sweep: (String) throws(StepFailure) -> Void) {
        let locks = "\(folder)/locks"
        guard let opened = try? Descriptor.open(locks, O_RDONLY | O_DIRECTORY),
            let names = try? Folders.names(in: opened, limit: 100_000)
        else { return }
        for file in names.map({ String(decoding: $0, as: UTF8.self) }) where file.hasPrefix(Self.prefix) {
            let instance = String(file.dropFirst(Self.prefix.count))
            guard instance != name, let held = try? Self.lasting("\(locks)/\(file)", create: false) else { continue }
            // What cannot be removed now is left to the next launcher: it is not ours, and no reason not to start.
            if (try? sweep(instance)) != nil {
                unsafe unlink(LockFolder.launcher(instance, folder: folder))
                unsafe unlink("\(locks)/\(file)")
            }
            close(held.release())
        }
    }

    /// To be called when nothing of this instance is left.
    func giveUpInstance() {
        unsafe unlink("\(folder)/locks/\(Self.prefix)\(name)")
    }

    /// The lock called `name`; nil when another holder excludes it.
    func take(_ name: String) throws(SystemCallFailure) -> Descriptor? {
        let file = try file(name)
        guard try file.lock(exclusively: true) else { return nil }
        return file
    }

    /// The file of the lock called `name`, not locked yet.
    func file(_ name: String) throws(SystemCallFailure) -> Descriptor {
        try Descriptor.open("\(folder)/locks/\(name)", O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
    }
}

/// Host user ids for cells: two for each slot, one for its program and one for its init, used by nobody else.
final class UserBlock {
    static let slots = 64
    let first: UInt32
    /// Whether the launcher is an ordinary user's: then these ids have a meaning only inside of cells, and outside all of them
    /// are that user's own, which is 0 in the launcher's namespace.
    let isOrdinary: Bool
    private let lock: Descriptor?

    private init(first: UInt32, lock: consuming Descriptor) {
        self.first = first
        self.lock = consume lock
        isOrdinary = false
    }

    init(ofOrdinaryUser first: UInt32) {
        self.first = first
        lock = nil
        isOrdinary = true
    }

    /// The first block of the range that no other Panal holds.
    static func claim(first: UInt32, last: UInt32, locks: HostLocks) throws(StepFailure) -> UserBlock {
        let width = UInt32(slots * 2)
        for start in stride(from: first, through: last, by: Int(width)) where last - start >= width {
            let lock = try StepFailure.naming("launcher.users") { () throws(SystemCallFailure) in
                try locks.take("users-\(start)")
            }
            if let lock { return UserBlock(first: start, lock: lock) }
        }
        throw StepFailure(
            step: "launcher.users", detail: "no block of \(width) user ids is free in \(first)..<\(last)", errno: 0)
    }

    func program(_ slot: Int) -> UInt32 { first + UInt32(slot) * 2 }
    func initUser(_ slot: Int) -> UInt32 { isOrdinary ? 0 : first + UInt32(slot) * 2 + 1 }
    /// Whom things for the program are to be given to; nil where whoever makes them has the only id that there is.
    func owner(_ slot: Int) -> UInt32? { isOrdinary ? nil : program(slot) }
}
