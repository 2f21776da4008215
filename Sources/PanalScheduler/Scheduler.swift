package import PanalCore

/// Owns the schedule of one host. It never awaits between reading the state and writing it: each call is one step.
package actor Scheduler {
    private var state: ScheduleState
    private let clock: any WallClock

    package init(state: ScheduleState, clock: any WallClock) {
        self.state = state
        self.clock = clock
    }

    /// Takes a job in. The actions are its own start or refusal; none when it has to wait.
    package func submit(_ ticket: Ticket, _ request: ResourceRequest) -> [ScheduleAction] {
        state.apply(.submit(ticket, request), at: clock.now())
    }

    /// Gives back what a job held, whichever way it ended. Unknown tickets are ignored, so telling it twice is
    /// harmless.
    package func finished(_ ticket: Ticket) -> [ScheduleAction] {
        state.apply(.finished(ticket), at: clock.now())
    }

    /// Takes a waiting job out of the queue. A job that runs is not touched: it gives its cores back with `finished`.
    package func withdraw(_ ticket: Ticket) -> [ScheduleAction] {
        state.apply(.withdraw(ticket), at: clock.now())
    }

    /// Why a job waits, in words and numbers; nil when it does not wait.
    package func waitingReason(_ ticket: Ticket) -> String? { state.waitingReason(ticket) }

    /// Jobs that wait.
    package var waiting: Int { state.waitingCount }
    /// Jobs that hold a reservation.
    package var running: Int { state.runningCount }
}
