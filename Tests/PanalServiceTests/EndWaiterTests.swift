import PanalCore
import Testing

@testable import PanalService

@Suite struct EndWaiterTests {
    private static let job = JobID.make(at: Timestamp(microseconds: 0))

    @Test func anEndBeforeTheWaitIsNotLost() async {
        let signals = JobSignals()
        let isTold = await signals.waiting(for: Self.job, until: .now + .seconds(60)) { waiter in
            signals.post(.end, about: Self.job)
            return await waiter.next()
        }
        #expect(isTold)
        #expect(signals.listenerCount == 0)
    }

    @Test func anEndWakesWhoWaits() async {
        let signals = JobSignals()
        let isTold = await signals.waiting(for: Self.job, until: .now + .seconds(60)) { waiter in
            let other = Task { signals.post(.end, about: Self.job) }
            defer { other.cancel() }
            return await waiter.next()
        }
        #expect(isTold)
    }

    @Test func onlyEndsOfThisJobAreTold() async {
        let signals = JobSignals()
        let isTold = await signals.waiting(for: Self.job, until: .now + .milliseconds(1)) { waiter in
            signals.post(.state, about: Self.job)
            signals.post(.end, about: .make(at: Timestamp(microseconds: 0)))
            return await waiter.next()
        }
        #expect(!isTold)
        #expect(signals.listenerCount == 0)
    }

    @Test func timeThatHasPassedStaysSo() async {
        let signals = JobSignals()
        await signals.waiting(for: Self.job, until: .now - .seconds(1)) { waiter in
            #expect(await waiter.next() == false)
            #expect(await waiter.next() == false)
        }
    }

    @Test func aCancelledTaskDoesNotWait() async {
        let signals = JobSignals()
        let task = Task {
            await signals.waiting(for: Self.job, until: .now + .seconds(3_600)) { await $0.next() }
        }
        task.cancel()
        #expect(await task.value == false)
        #expect(signals.listenerCount == 0)
    }

    @Test func hundredsWaitBesideEachOther() async {
        let signals = JobSignals()
        let told = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<300 {
                group.addTask {
                    await signals.waiting(for: Self.job, until: .now + .seconds(60)) { waiter in
                        if number == 299 { signals.post(.end, about: Self.job) }
                        // Whoever registered before is told; the others tell themselves.
                        let other = Task { signals.post(.end, about: Self.job) }
                        defer { other.cancel() }
                        return await waiter.next()
                    }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(told == 300)
        #expect(signals.listenerCount == 0)
    }
}

@Suite struct StartNoticeTests {
    private static let moment = Timestamp(microseconds: 7)

    @Test func anEndBeforeItIsStoredTakesItAlong() async {
        let notice = StartNotice()
        notice.note(Self.moment)
        #expect(!notice.isOver)
        guard case .unstored(let began) = await notice.end() else { return #expect(Bool(false), "it is not stored") }
        #expect(began == Self.moment)
        #expect(notice.isOver)
        notice.store { _ in
            #expect(Bool(false), "nothing is stored behind the end")
            return true
        }
        guard case .never = await notice.end() else { return #expect(Bool(false), "once") }
    }

    @Test(arguments: [true, false]) func theEndWaitsForWhatIsBeingStored(_ isStored: Bool) async {
        let notice = StartNotice()
        notice.note(Self.moment)
        notice.store { moment in
            await Task.yield()
            return moment == Self.moment && isStored
        }
        switch await notice.end() {
        case .stored: #expect(isStored)
        case .unstored(let began): #expect(!isStored && began == Self.moment)
        case .never: #expect(Bool(false), "it began")
        }
    }

    @Test func whatNeverBeganIsSaidSo() async {
        guard case .never = await StartNotice().end() else { return #expect(Bool(false), "it never began") }
    }
}
