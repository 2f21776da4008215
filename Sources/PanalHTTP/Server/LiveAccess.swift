import PanalCore
import PanalService
import Synchronization

/// The access of whoever reads an answer that goes on for long: a key can be revoked, a session can end, a user can be blocked while it
/// does.
struct LiveAccess: Sendable {
    let panal: Panal
    let user: UserID
    /// When it ends by itself; nil where it does not.
    let ends: Timestamp?
    /// Somebody may set the clock: it is read again at least so often.
    let clockReadings: Duration
    /// Whether it is still there, as the store has it.
    let holds: @Sendable () async -> Bool

    /// Has an element whenever it may have ended.
    var changes: AsyncStream<Void> { panal.accessChanges(of: user) }

    /// Returns when the moment has come at which it ends by itself; never where there is none.
    func waitForEnd() async {
        guard let ends else { return await Self.waitForEver() }
        while case let rest = ends - panal.now, rest > .zero {
            guard (try? await Task.sleep(for: min(rest, clockReadings))) != nil else { return }
        }
    }

    private static func waitForEver() async {
        while (try? await Task.sleep(for: .seconds(86_400))) != nil {}
    }
}

/// The live answers that each user has open. One connection of HTTP/2 holds a hundred of them, and each costs a few tasks.
final class LivePlaces: Sendable {
    /// Of one user, at the same time.
    static let most = 200

    private let open = Mutex<[UserID: Int]>([:])

    /// Answers whether there is room; `leave` then gives it back.
    func take(_ user: UserID) -> Bool {
        open.withLock { open in
            let count = open[user] ?? 0
            guard count < Self.most else { return false }
            open[user] = count + 1
            return true
        }
    }

    func leave(_ user: UserID) {
        open.withLock { open in
            let left = (open[user] ?? 1) - 1
            open[user] = left > 0 ? left : nil
        }
    }
}
