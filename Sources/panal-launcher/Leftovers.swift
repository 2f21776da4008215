internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// Groups of runs that are over, whose memory the kernel has not given back yet (`GroupRemainder`). They are kept as long as that
/// is so, and what is counted in them is promised to nobody. Looked at off the path of any run; nothing here waits.
final class Leftovers {
    private struct Group {
        let name: GroupName
        /// The slot whose place this group has, where groups are kept.
        let slot: Int?
        var bytes: UInt64
        /// As long as this is there the run's results are counted as such, and take so many bytes of the group's.
        weak var results: PreparedCell?
        let resultBytes: UInt64

        var counted: UInt64 { bytes - min(bytes, results == nil ? 0 : resultBytes) }
    }

    private let driver: any CgroupDriver
    private var groups: [Group] = []
    private var lastLook: Int64 = 0
    private var serial: UInt64 = 0

    /// How often these groups are looked at: while a run waits for their memory, and else.
    private static let pause: (waitedFor: Int64, usual: Int64) = (10_000_000, 1_000_000_000)

    init(_ driver: any CgroupDriver) {
        self.driver = driver
    }

    /// Bytes that no run may be promised.
    var bytes: UInt64 { groups.reduce(0) { $0 + $1.counted } }

    /// A number for a group's name that no other of this launcher's has: a group may be here longer than its slot.
    func newSerial() -> UInt64 {
        serial += 1
        return serial
    }

    func holds(slot: Int) -> Bool { groups.contains { $0.slot == slot } }

    /// Removes a group without processes, now or as soon as its memory is back. `results` is the run's cell.
    func remove(_ name: GroupName, slot: Int? = nil, results: PreparedCell? = nil, of request: RunRequest? = nil)
        throws(StepFailure)
    {
        // What cannot be looked at is taken for what was promised.
        let bytes = (try? driver.remainder(name)) ?? max(1, request?.memory ?? 0)
        if bytes == 0 { return try driver.remove(name) }
        groups.append(
            Group(
                name: name, slot: slot, bytes: bytes, results: results,
                resultBytes: request.map(RunEnd.mostBytes) ?? 0))
    }

    /// When `settle` should next be called; `Int64.max` for not at all.
    func nextLook(isWaitedFor: Bool) -> Int64 {
        groups.isEmpty ? .max : lastLook + (isWaitedFor ? Self.pause.waitedFor : Self.pause.usual)
    }

    /// Removes the groups whose memory is back.
    func settle(now: Int64, isWaitedFor: Bool) {
        guard now >= nextLook(isWaitedFor: isWaitedFor) else { return }
        lastLook = now
        groups = groups.compactMap { group in
            // What cannot be looked at is taken for what it was.
            guard let bytes = try? driver.remainder(group.name) else { return group }
            var group = group
            group.bytes = bytes
            // What cannot be removed is swept by the next launcher on this host.
            if bytes == 0 { try? driver.remove(group.name) }
            return bytes == 0 ? nil : group
        }
    }
}
