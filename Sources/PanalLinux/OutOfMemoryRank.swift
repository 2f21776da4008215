internal import Glibc

/// How soon the kernel ends this process when memory runs out; whoever is born gets the same. A process that makes others takes
/// the first rank while it does, and is spared otherwise.
package final class OutOfMemoryRank {
    private static let step = "cell.oom-score"
    private let score: KernelHandle
    private let usual: String

    /// Of the caller; `/proc` must be in sight.
    package init() throws(StepFailure) {
        (score, usual) = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            let score = try KernelHandle("/proc/self/oom_score_adj", O_RDWR)
            return (score, try score.text())
        }
    }

    /// Before everybody else, read back.
    package func takeFirst() throws(StepFailure) { try score.set("1000", step: Self.step) }

    package func giveBack() throws(StepFailure) {
        try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in try score.write(usual) }
    }
}
