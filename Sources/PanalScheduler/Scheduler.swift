package import PanalCore

/// Owns the schedule. It never awaits between reading the state and writing it: each call is one step.
package actor Scheduler {
    private var state: ScheduleState
    private let clock: any WallClock

    package init(state: ScheduleState, clock: any WallClock) {
        self.state = state
        self.clock = clock
    }

    /// Takes one event and says what follows from it.
    package func apply(_ event: ScheduleEvent) -> [ScheduleAction] {
        state.apply(event, at: clock.now())
    }

    /// Takes a job in. The actions are its own start or refusal, and what has to freeze for it; none when it has to wait.
    package func submit(_ ticket: Ticket, _ demand: JobDemand) -> [ScheduleAction] { apply(.submit(ticket, demand)) }

    /// Gives back what a job held, whichever way it ended. Unknown tickets are ignored, so telling it twice is
    /// harmless.
    package func finished(_ ticket: Ticket) -> [ScheduleAction] { apply(.finished(ticket)) }

    /// Takes a waiting job out of the queue. A job that runs is not touched: it gives its cores back with `finished`.
    package func withdraw(_ ticket: Ticket) -> [ScheduleAction] { apply(.withdraw(ticket)) }

    /// Why a job waits, in words and numbers, and for how long about; nil when it does not wait.
    package func waitingReport(_ ticket: Ticket) -> WaitingReport? { state.waitingReport(ticket) }

    /// The first `limit` of those that wait, in their order.
    package func queue(limit: Int) -> [WaitingReport] { state.queue(limit: limit) }

    /// When `ScheduleEvent.tick` is due; nil for never.
    package var nextDeadline: Timestamp? { state.nextDeadline }
    /// Jobs that wait.
    package var waiting: Int { state.waitingCount }
    /// Jobs that hold a reservation.
    package var running: Int { state.runningCount }
}
