internal import PanalLauncherProtocol
internal import PanalLinux

/// Everything that the child needs after `clone3`, put together before it, so that the child decides nothing.
struct CellPlan {
    var root: String
    var request: RunRequest
    var filter: [UInt8]
    var programUser: UInt32
    var initUser: UInt32
    /// Detached trees, open in the child too.
    var scratchTree: Int32
    /// -1 when there is none.
    var programTree: Int32
    var inputTrees: [Int32]
    /// Standard input, output and error.
    var streams: [Int32]
    /// Written by init, read by the launcher.
    var report: Int32
    /// One byte from the launcher: the cell is in its group.
    var start: Int32

    var kept: [Int32] {
        [scratchTree, programTree, report, start] + inputTrees + streams
    }
}

/// Names of steps in the child, as failures carry them.
extension StepFailure {
    static func mismatch(_ step: String, _ detail: String) -> StepFailure {
        StepFailure(step: step, detail: detail, errno: 0)
    }
}
