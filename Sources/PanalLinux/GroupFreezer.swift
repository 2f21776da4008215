/// Stops everything in a v2 group where it is (`cgroup.freeze`). The core of v2 does this, no controller: so it works in the
/// hybrid layout too, in the hierarchy without controllers that slots have a group in. What is frozen can still be killed,
/// which the v1 freezer does not allow.
package final class GroupFreezer {
    private let folder: String
    private let events: KernelHandle

    package init(group folder: String) throws(StepFailure) {
        self.folder = folder
        events = try StepFailure.naming("cgroup.freeze") { () throws(SystemCallFailure) in
            try KernelHandle("\(folder)/cgroup.events")
        }
    }

    /// Orders it; `isFrozen` says when it is so.
    package func set(_ frozen: Bool) throws(StepFailure) {
        try StepFailure.naming("cgroup.freeze") { () throws(SystemCallFailure) in
            try KernelFile.write("\(folder)/cgroup.freeze", frozen ? "1" : "0")
        }
    }

    /// What the kernel says.
    package func isFrozen() throws(StepFailure) -> Bool {
        try StepFailure.naming("cgroup.freeze") { () throws(SystemCallFailure) in
            try events.entry("frozen") == 1
        }
    }
}
