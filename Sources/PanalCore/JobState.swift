/// Where a job is on its way. Changes are compare-and-set on the expected state; `rule` is the only place that says which are
/// allowed.
package enum JobState: String, Hashable, Sendable, Codable, CaseIterable {
    /// Accepted and stored; waits for cores and memory.
    case queued
    /// Cores and memory are reserved; files are brought together.
    case configuring
    /// Handed to the executor; the cell is being set up.
    case deploying
    /// The program runs; the time that is metered starts here.
    case running
    /// The server was away while the program ran, and takes it up again.
    case reconnecting
    /// A copy of the running job's files was asked for: it is brought to stand still.
    case copyRequested
    /// The job stands still while its files are copied.
    case copying
    /// The program has ended; results are collected.
    case finishing
    /// Final: the program ran, whatever it answered.
    case finished
    /// Final: Panal could not run it, or a deadline passed.
    case failed
    /// Final: on request.
    case cancelled

    package var isFinal: Bool { next.isEmpty }

    /// The states that may follow this one.
    package var next: Set<JobState> { rule.next }

    /// The row of this state in the life of a job: UnaCloud's table of states, with `queued` as the way back of an attempt that
    /// failed through Panal's fault and is made again.
    package var rule: StateRule {
        switch self {
        case .queued:
            StateRule(self, .setting(.queued), .failed, next: [.configuring, .failed, .cancelled])
        case .configuring:
            StateRule(self, .setting(.configuring), .failed, next: [.deploying, .queued, .failed, .cancelled])
        case .deploying:
            StateRule(
                self, .setting(.deploying), .failed,
                next: [.running, .reconnecting, .finishing, .queued, .failed, .cancelled])
        case .running:
            StateRule(
                self, .timeLimit, .finishing,
                next: [.finishing, .reconnecting, .copyRequested, .queued, .failed, .cancelled])
        case .reconnecting:
            StateRule(
                self, .setting(.reconnecting), .failed, next: [.running, .finishing, .queued, .failed, .cancelled])
        case .copyRequested:
            StateRule(
                self, .setting(.copyRequested), .running,
                next: [.running, .reconnecting, .copying, .finishing, .queued, .failed, .cancelled])
        case .copying:
            StateRule(
                self, .setting(.copying), .failed,
                next: [.running, .reconnecting, .finishing, .finished, .queued, .failed, .cancelled])
        case .finishing:
            StateRule(self, .setting(.finishing), .finished, next: [.finished, .failed, .cancelled])
        case .finished, .failed, .cancelled: StateRule(self, .none, nil, next: [])
        }
    }
}

/// What holds for a job while it is in one state.
package struct StateRule: Hashable, Sendable {
    package enum Deadline: Hashable, Sendable {
        /// The state is final.
        case none
        /// What the job's profile says.
        case timeLimit
        case setting(StateDeadlines.Kind)
    }

    package var state: JobState
    /// How long a job may be in this state.
    package var deadline: Deadline
    /// The state that it goes to when that time has passed.
    package var passed: JobState?
    /// The states that may follow.
    package var next: Set<JobState>

    init(_ state: JobState, _ deadline: Deadline, _ passed: JobState?, next: Set<JobState>) {
        self.state = state
        self.deadline = deadline
        self.passed = passed
        self.next = next
    }
}

/// How long a job may be in a state; the defaults are UnaCloud's.
package struct StateDeadlines: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        case queued, configuring, deploying, reconnecting, copyRequested, copying, finishing
    }

    /// Without any host that could take it, now or when others have ended. One that waits its turn is not late.
    package var queued: Duration
    /// Waiting its turn.
    package var turn: Duration
    package var configuring: Duration
    package var deploying: Duration
    package var reconnecting: Duration
    package var copyRequested: Duration
    package var copying: Duration
    package var finishing: Duration

    package init(
        queued: Duration = .seconds(120), turn: Duration = .seconds(30 * 86_400),
        configuring: Duration = .seconds(1_800), deploying: Duration = .seconds(480),
        reconnecting: Duration = .seconds(600), copyRequested: Duration = .seconds(240),
        copying: Duration = .seconds(1_800), finishing: Duration = .seconds(480)
    ) {
        self.queued = queued
        self.turn = turn
        self.configuring = configuring
        self.deploying = deploying
        self.reconnecting = reconnecting
        self.copyRequested = copyRequested
        self.copying = copying
        self.finishing = finishing
    }

    package subscript(kind: Kind) -> Duration {
        get { self[keyPath: Self.path(of: kind)] }
        set { self[keyPath: Self.path(of: kind)] = newValue }
    }

    private static func path(of kind: Kind) -> WritableKeyPath<Self, Duration> {
        switch kind {
        case .queued: \.queued
        case .configuring: \.configuring
        case .deploying: \.deploying
        case .reconnecting: \.reconnecting
        case .copyRequested: \.copyRequested
        case .copying: \.copying
        case .finishing: \.finishing
        }
    }
}
