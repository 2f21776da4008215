import PanalService
import Testing

@Suite struct TokenBucketTests {
    private static let rule = RateRule(quota: 60, span: .seconds(60), burst: 3)

    /// Each step: seconds, whether it is let through, what is left, and when there is one more.
    @Test func tokensComeBackOneByOne() {
        let buckets = TokenBuckets<String>()
        let steps: [(at: Double, isAllowed: Bool, remaining: Int, next: Double)] = [
            (0, true, 2, 1), (0, true, 1, 1), (0, true, 0, 1), (0, false, 0, 1), (0.5, false, 0, 0.5),
            (1, true, 0, 1), (1, false, 0, 1), (3.5, true, 1, 0.5), (100, true, 2, 1), (100, true, 1, 1),
            // A clock that stands still or goes back gives nothing.
            (99, true, 0, 1), (99, false, 0, 1),
        ]
        for (place, step) in steps.enumerated() {
            let state = buckets.take("a", Self.rule, at: .seconds(step.at))
            #expect(state.isAllowed == step.isAllowed, "step \(place)")
            #expect(state.remaining == step.remaining, "step \(place)")
            #expect(abs(state.next / .seconds(1) - step.next) < 0.001, "step \(place): \(state.next)")
        }
    }

    @Test func eachHasABucketOfItsOwn() {
        let buckets = TokenBuckets<String>()
        for _ in 0..<3 { #expect(buckets.take("a", Self.rule, at: .zero).isAllowed) }
        #expect(!buckets.take("a", Self.rule, at: .zero).isAllowed)
        #expect(buckets.take("b", Self.rule, at: .zero).isAllowed)
    }

    /// Neither many who come once nor a flood of new ones makes it grow, and nobody who has used theirs up is let in by it soon.
    @Test func itDoesNotGrow() {
        let buckets = TokenBuckets<Int>(most: 100)
        for number in 0..<1_000 { _ = buckets.take(number, Self.rule, at: .seconds(number)) }
        #expect(buckets.count <= 100)
        for number in 0..<1_000 { _ = buckets.take(number, Self.rule, at: .seconds(1_000)) }
        #expect(buckets.count <= 100)
    }

    @Test func aHundredAtOnceGetWhatThereIs() async {
        let buckets = TokenBuckets<String>()
        let rule = RateRule(quota: 1, span: .seconds(86_400), burst: 10)
        let allowed = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<100 { group.addTask { buckets.take("a", rule, at: .zero).isAllowed } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(allowed == 10)
    }
}
