import PanalCore
import PanalPublication
import Synchronization

/// Who has chosen an image and not stored yet what is to run in it: submissions on their way, publications whose tests run. Only they have to
/// be waited for before an image goes that no job uses.
final class RootfsChoices: Sendable {
    private struct State {
        /// Choices are numbered from 1 in their order.
        var last = 0
        var open: Set<Int> = []
        /// For an image that is to go, the last choice that may have been of it.
        var awaited: [RootfsID: Int] = [:]
    }

    private let state = Mutex(State())

    /// One choice, from before the look into the book until nobody has a use for what was found there.
    func hold() -> RootfsHold {
        let number = state.withLock { state in
            state.last += 1
            state.open.insert(state.last)
            return state.last
        }
        return RootfsHold { [self] in end(number) }
    }

    private func end(_ number: Int) { state.withLock { _ = $0.open.remove(number) } }

    /// Whether everybody is done who may have chosen `image` before it was to be removed. To be asked only when the book says that it is:
    /// whoever begins behind the first question does not get it any more.
    func areOver(of image: RootfsID) -> Bool {
        state.withLock { state in
            let last = state.awaited[image] ?? state.last
            guard state.open.allSatisfy({ $0 > last }) else {
                state.awaited[image] = last
                return false
            }
            state.awaited[image] = nil
            return true
        }
    }
}
