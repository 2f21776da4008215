internal import PanalCore

extension CellLoop {
    /// What belongs to the thread.
    struct LoopState: ~Copyable {
        let keeper: FileKeeper
        /// For sinks that take their time; there once the first of them has something to store.
        var slowKeeper: FileKeeper?
        var runs: [UInt64: ActiveRun] = [:]
        var stopped: [@Sendable () -> Void] = []
        var earlier: EarlierRuns
        var freezing = FreezeQuestions()
        var sampling = SampleQuestions()
        var copying = CopyQuestions()
        var isDetached = false

        init(keeper: FileKeeper, earlier: EarlierRuns) {
            self.keeper = keeper
            self.earlier = earlier
        }

        mutating func keeper(for sink: any AttemptSink) throws(SystemError) -> FileKeeper {
            guard sink.takesItsTime else { return keeper }
            if let slowKeeper { return slowKeeper }
            let made = try FileKeeper()
            slowKeeper = made
            return made
        }
    }
}
