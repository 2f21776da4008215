internal import Glibc

/// How fast a cell may read from disks.
package struct ReadingRate: Hashable, Sendable {
    /// In each second, from each of the disks.
    package var bytes: UInt64
    package var disks: [Disk]

    package init(bytes: UInt64, disks: [Disk]) {
        (self.bytes, self.disks) = (bytes, disks)
    }
}

/// What holds all in a group together to a rate of reading. The kernel queues what is over it: what is in memory is read as fast as
/// ever.
final class ReadingLimit {
    package static let step = "cgroup.disk-read"

    /// How the two layouts write it.
    enum Form {
        case hybrid, unified

        var file: String { self == .hybrid ? "blkio.throttle.read_bps_device" : "io.max" }
        func limited(_ disk: Disk, _ bytes: UInt64) -> String {
            self == .hybrid ? "\(disk.text) \(bytes)" : "\(disk.text) rbps=\(bytes)"
        }
        func free(_ disk: Disk) -> String { self == .hybrid ? "\(disk.text) 0" : "\(disk.text) rbps=max" }
        /// Whether a line of the file says that this disk is limited so.
        func says(_ line: Substring, _ disk: Disk, _ bytes: UInt64) -> Bool {
            let words = line.split(separator: " ")
            guard words.first == disk.text[...], words.count > 1 else { return false }
            return self == .hybrid ? words[1...] == ["\(bytes)"] : words.contains("rbps=\(bytes)")
        }
    }

    private let file: KernelHandle
    private let form: Form
    /// Those that are limited now.
    private var disks: [Disk] = []

    /// Nil where the group has no such limit.
    init?(_ folder: String?, _ form: Form) throws(StepFailure) {
        guard let folder else { return nil }
        let path = "\(folder)/\(form.file)"
        let file = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            try Folders.isThere(path) ? try KernelHandle(path, O_RDWR) : nil
        }
        guard let file else { return nil }
        (self.file, self.form) = (file, form)
    }

    /// Sets it and reads it back: these disks and no others.
    func set(_ rate: ReadingRate) throws(StepFailure) {
        disks = rate.disks
        let lines = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            // One disk at a time is what the kernel takes.
            for disk in rate.disks { try file.write(form.limited(disk, rate.bytes)) }
            return try file.text()
        }.split(separator: "\n")
        let isRight =
            lines.count == rate.disks.count
            && rate.disks.allSatisfy { disk in lines.contains { form.says($0, disk, rate.bytes) } }
        guard isRight else {
            let wanted = rate.disks.map { form.limited($0, rate.bytes) }.joined(separator: ", ")
            throw StepFailure(
                step: Self.step, detail: "\(file.path) was set to \(wanted) and reads \(lines.joined(separator: ", "))",
                errno: 0)
        }
    }

    /// Lets go what waits, and takes the limit away, read back too. Nothing to do where there is none.
    func lift() throws(StepFailure) {
        if disks.isEmpty { return }
        let left = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            for disk in disks { try file.write(form.free(disk)) }
            return try file.text()
        }
        guard left.isEmpty else {
            throw StepFailure(step: Self.step, detail: "\(file.path) was to be empty and reads \(left)", errno: 0)
        }
        disks = []
    }
}

extension StepFailure {
    /// `group`: what has no such limit.
    static func noReadingLimit(_ controller: String, in group: String) -> StepFailure {
        StepFailure(
            step: ReadingLimit.step,
            detail:
                "the controller \(controller) is not there for \(group), so reading from disks cannot be limited; ‘panal doctor’ "
                + "says how to have it, or leave disk-read out of the profile", errno: 0)
    }
}
