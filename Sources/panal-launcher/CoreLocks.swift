internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// Who is on which core: cells of this launcher by count, those of other Panals on this host by locks on files. A core is one
/// cell's alone, or shared by cells that all share it.
final class CoreLocks {
    static let step = "core.lock"

    private final class Core {
        let file: Descriptor
        var holders = 0
        var isExclusive = false

        init(_ file: consuming Descriptor) {
            self.file = file
        }
    }

    private let locks: HostLocks
    private var cores: [UInt16: Core] = [:]

    init(_ locks: HostLocks) {
        self.locks = locks
    }

    /// Takes each core, or none: throws when another cell, of this or another Panal on this host, excludes it.
    func take(_ request: RunRequest) throws(StepFailure) {
        var taken: [UInt16] = []
        for core in request.cores {
            do throws(StepFailure) {
                try take(core, exclusively: request.exclusive)
                taken.append(core)
            } catch {
                for core in taken { giveBack(core) }
                throw error
            }
        }
    }

    func giveBack(_ request: RunRequest) {
        for core in request.cores { giveBack(core) }
    }

    /// Whether a cell of this launcher is why `request` cannot have its cores.
    func isOurs(_ request: RunRequest) -> Bool {
        request.cores.contains { number in
            cores[number].map { $0.holders > 0 && ($0.isExclusive || request.exclusive) } ?? false
        }
    }

    private func take(_ number: UInt16, exclusively: Bool) throws(StepFailure) {
        let core = try core(number)
        let isFree: Bool
        if core.holders > 0 {
            isFree = !exclusively && !core.isExclusive
        } else {
            isFree = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
                try core.file.lock(exclusively: exclusively)
            }
        }
        guard isFree else {
            throw StepFailure(
                step: Self.step, detail: "core \(number) is in use by another cell or another Panal on this host",
                errno: EBUSY)
        }
        core.holders += 1
        core.isExclusive = exclusively
    }

    private func giveBack(_ number: UInt16) {
        guard let core = cores[number] else { return }
        core.holders -= 1
        if core.holders == 0 { core.file.unlock() }
    }

    private func core(_ number: UInt16) throws(StepFailure) -> Core {
        if let core = cores[number] { return core }
        let core = Core(
            try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in try locks.file("core-\(number)") })
        cores[number] = core
        return core
    }
}
