internal import Glibc

/// How much of a core a group gets that others want too. An idle one gets nothing that anybody else wants, but for a
/// thousandth or so, and makes way at once for whoever wakes up. Before Linux 5.15 groups cannot be idle: then it has the least
/// weight that there is.
final class GroupWeight {
    static let step = "cgroup.cpu.idle"

    private let isIdle: Bool
    /// Nil before Linux 5.15.
    private let idle: KernelHandle?
    private let weight: KernelHandle
    private let scale: Scale

    /// The file of a group's weight: the least, the usual and the greatest value.
    struct Scale {
        var file: String
        var least: String
        var usual: String
        var greatest: String

        static let hybrid = Scale(file: "cpu.shares", least: "2", usual: "1024", greatest: "262144")
        static let unified = Scale(file: "cpu.weight", least: "1", usual: "100", greatest: "10000")
    }

    /// The weight of the group in `folder`, which is to be idle or has been left as the kernel makes groups.
    init(_ folder: String, isIdle: Bool, _ scale: Scale) throws(StepFailure) {
        self.isIdle = isIdle
        self.scale = scale
        let (idle, weight) = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            let path = "\(folder)/cpu.idle"
            let idle = try Folders.isThere(path) ? try KernelHandle(path, O_RDWR) : nil
            return (idle, try KernelHandle("\(folder)/\(scale.file)", O_RDWR))
        }
        (self.idle, self.weight) = (idle, weight)
        if isIdle { try set(isUrgent: false) }
        try check(isIdle: isIdle)
    }

    func check(isIdle wanted: Bool) throws(StepFailure) {
        guard wanted == isIdle else {
            throw StepFailure(step: Self.step, detail: "the cell's group is \(isIdle ? "" : "not ")idle", errno: 0)
        }
        let file = idle ?? weight
        let expected = idle == nil ? (isIdle ? scale.least : scale.usual) : (isIdle ? "1" : "0")
        let found = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in try file.text() }
        guard found == expected else {
            throw StepFailure(step: Self.step, detail: "\(file.path) reads \(found), not \(expected)", errno: 0)
        }
    }

    func set(isUrgent: Bool) throws(StepFailure) {
        guard isIdle else { return }
        if isUrgent {
            try idle?.set("0", step: Self.step)
            try weight.set(scale.greatest, step: Self.step)
        } else if let idle {
            try idle.set("1", step: Self.step)
        } else {
            try weight.set(scale.least, step: Self.step)
        }
    }
}
