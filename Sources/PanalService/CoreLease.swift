import PanalScheduler
import Synchronization

/// What a started job holds of the machine. It goes back when this ends, whichever way that comes about: there is no path out of a
/// job's run that could keep it.
struct CoreLease: ~Copyable {
    let ticket: Ticket
    private let end: @Sendable (Ticket) -> Void
    private let isGivenBack = Mutex(false)

    init(_ ticket: Ticket, end: @escaping @Sendable (Ticket) -> Void) {
        self.ticket = ticket
        self.end = end
    }

    /// Somebody has given it back already, and the ticket may hold something else since.
    borrowing func noteGivenBack() { isGivenBack.withLock { $0 = true } }

    deinit { if !isGivenBack.withLock({ $0 }) { end(ticket) } }
}
