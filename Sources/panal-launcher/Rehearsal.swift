internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// What the language's runtime looks up when something is first used, and keeps in memory, each process that is forked would
/// look up again: a tenth of a millisecond for each cell. So a spawner goes through it once, before its first cell.
enum Rehearsal {
    /// Types that are put together where they are used: the runtime looks up what each of them is.
    private static let types: [Any.Type] = [
        CellOrder?.self, RunRequest?.self, ImageTree?.self, (DescriptorPair, DescriptorPair).self,
        (process: Int32, pidfd: Int32).self,
    ]

    static func run() throws(StepFailure) {
        guard Set(types.map { ObjectIdentifier($0) }).count == types.count else {
            throw .mismatch("rehearsal.types", "two types are one")
        }
        _ = ProgramStart.fixedLimits.count
        try ProgramStart.set([])
        try CellRoot.readBackSealed([])
        let line = Array("1 2 0:3 / / ro,nosuid,nodev - overlay a b".utf8)
        for (isImage, isOrdinary) in [(false, false), (false, true), (true, false), (true, true)] {
            _ = MountList.difference(
                of: line, from: CellRoot.expected(ofImage: isImage, ofOrdinaryUser: isOrdinary))
        }
        _ = try StepFailure.naming("rehearsal.mounts") { () throws(SystemCallFailure) in try Mounts.status("/") }
        _ = try StepFailure.naming("rehearsal.cores") { () throws(SystemCallFailure) in try HostTopology.affinity() }
        _ = Privileges.inheritance()
        _ = try Privileges.difference(uid: 0, gid: 0)
        try CellNetwork.enter(.none, makesSockets: false)
        try order()
        for report in [
            CellReport.executing(at: 1, used: [0, 0, 0, 0], sinceOrder: 1),
            .ended(status: 0, usage: [0, 0, 0, 0, 0, 0, 0], at: 1, cellTime: 1),
        ] {
            guard (try? CellReport(decoding: report.encoded())) == report else {
                throw .mismatch("rehearsal.report", "a report does not read back")
            }
        }
    }

    /// Sends an order to itself.
    private static func order() throws(StepFailure) {
        let ends = try StepFailure.naming("rehearsal.order") { () throws(SystemCallFailure) in
            try Descriptor.messageSockets()
        }
        let ours = Descriptor(owning: ends.first)
        let theirs = Descriptor(owning: ends.second)
        let request = RunRequest(
            id: 1, rootfs: .host, seccomp: 0, cores: [0], exclusive: false, quota: 0, memory: 1, processes: 1,
            wallMicroseconds: 1, cpuMicroseconds: 1, scratchBytes: 1, scratchFiles: 1, collectedFiles: 0,
            collectedBytes: 0, openFiles: 1, fileBytes: 1, program: "", inputs: [], arguments: ["true"],
            environment: ["PATH=/usr/bin"])
        try CellOrder(request: request, streams: [theirs.raw, theirs.raw, theirs.raw]).send(to: ours)
        guard let order = try CellOrder.receive(from: theirs) else {
            throw .mismatch("rehearsal.order", "an order does not arrive")
        }
        for stream in order.streams { close(stream) }
        try CellOrder.sendWord(to: ours)
        guard try CellOrder.awaitWord(from: theirs) else {
            throw .mismatch("rehearsal.order", "the word to go does not arrive")
        }
        let arguments = CStrings(order.request.arguments)
        _ = unsafe arguments.pointers
    }
}
