internal import Glibc
internal import PanalLinux

/// What several Panals on one host must not share: an instance name, a block of user ids, an exclusive core. Each is a lock
/// on a file below `/run/panal`, held by the kernel for as long as its owner lives.
final class HostLocks {
    let folder = "/run/panal"
    private let instance: Descriptor

    init(instance name: String) throws(StepFailure) {
        let folder = folder
        instance = try StepFailure.naming("launcher.lock") { () throws(SystemCallFailure) in
            try Folders.ensure(folder, mode: 0o700)
            try Folders.ensure("\(folder)/locks", mode: 0o700)
            return try Self.file("\(folder)/locks/instance-\(name)")
        }
        let isOurs = try StepFailure.naming("launcher.lock") { () throws(SystemCallFailure) in
            try instance.lock(exclusively: true)
        }
        guard isOurs else {
            throw StepFailure(
                step: "launcher.lock", detail: "another Panal of the instance ‘\(name)’ runs on this host", errno: 0)
        }
    }

    /// The lock called `name`; nil when another holder excludes it.
    func take(_ name: String, exclusively: Bool = true) throws(SystemCallFailure) -> Descriptor? {
        let file = try Self.file("\(folder)/locks/\(name)")
        guard try file.lock(exclusively: exclusively) else { return nil }
        return file
    }

    private static func file(_ path: String) throws(SystemCallFailure) -> Descriptor {
        try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
    }
}

/// Host user ids for cells: two for each slot, one for its program and one for its init, used by nobody else.
final class UserBlock {
    static let slots = 64
    let first: UInt32
    private let lock: Descriptor
    private var free: [Int]

    private init(first: UInt32, lock: consuming Descriptor) {
        self.first = first
        self.lock = lock
        free = Array((0..<Self.slots).reversed())
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

    func take() -> Int? { free.popLast() }
    func giveBack(_ slot: Int) { free.append(slot) }

    func program(_ slot: Int) -> UInt32 { first + UInt32(slot) * 2 }
    func initUser(_ slot: Int) -> UInt32 { first + UInt32(slot) * 2 + 1 }
}
