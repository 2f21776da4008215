import PanalService
import Testing

@Suite struct DeskWatchTests {
    private static let step = Duration.milliseconds(500)

    /// Feeds shares of one core, half a second each, and answers at which of them the answer changed, and to what.
    private func changes(_ shares: [Double]) -> [String] {
        var watch = DeskWatch()
        return shares.enumerated().compactMap { index, share in
            watch.note(Self.step * share, in: Self.step).map { "\(index) \($0)" }
        }
    }

    @Test func somebodyIsThereAfterASecondOfWork() {
        #expect(changes([0, 0.3, 0.3, 0.3]) == ["2 true"])
        #expect(changes([4, 4, 4]) == ["1 true"])
        // Neither a moment's work nor little of it is anybody.
        #expect(changes([1, 0, 1, 0, 1, 0]).isEmpty)
        #expect(changes(Array(repeating: 0.24, count: 200)).isEmpty)
    }

    @Test func nobodyIsThereAfterHalfAMinuteOfQuiet() {
        #expect(changes([1, 1] + Array(repeating: 0.05, count: 60)) == ["1 true", "61 false"])
        #expect(
            changes([1, 1] + Array(repeating: 0.05, count: 59) + [0.2] + Array(repeating: 0, count: 59)) == ["1 true"])
        // Between the two figures nothing changes, whichever way it was.
        #expect(changes([1, 1] + Array(repeating: 0.15, count: 200)) == ["1 true"])
    }

    @Test func comesBackAtOnce() {
        let quiet = Array(repeating: 0.0, count: 60)
        #expect(changes([1, 1] + quiet + [1, 1] + quiet) == ["1 true", "61 false", "63 true", "123 false"])
    }

    /// A machine that stood still for a night says nothing of that night.
    @Test func aLongPauseIsNoSpan() {
        var watch = DeskWatch()
        #expect(watch.note(.seconds(3), in: .seconds(10)) == true)
        #expect(watch.note(.zero, in: .seconds(30_000)) == nil)
        #expect(watch.isAttended)
        #expect(watch.note(.zero, in: .zero) == nil)
    }
}
