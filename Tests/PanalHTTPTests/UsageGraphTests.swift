import PanalCore
import Testing

@testable import PanalHTTP

/// Drawings of a run's use.
@Suite("Drawings of use") struct UsageGraphTests {
    @Test func valuesAreStepsInTheDrawing() {
        let graph = UsageGraph([(to: 1_000_000, value: 1), (to: 4_000_000, value: 0.5)], limit: 1)
        #expect(graph.top == 1)
        #expect(graph.line == "M0 4H150V62H600")
        #expect(graph.area == "M0 120V4H150V62H600V120Z")
    }

    /// Little of a large limit is still seen; what is above the limit for a moment stays inside; nothing at all is no division by zero.
    @Test func heightsFollowWhatIsThere() {
        #expect(UsageGraph([(to: 1, value: 10)], limit: 1_000).top == 40)
        #expect(UsageGraph([(to: 1, value: 1.2)], limit: 1).top == 1.2)
        for values in [[], [(to: Int64(5), value: 0.0)], [(to: Int64(0), value: 1.0)]] {
            let graph = UsageGraph(values, limit: 0)
            #expect(graph.top.isFinite && graph.top > 0 && !graph.line.contains("nan"))
        }
        #expect(UsageGraph([(to: 5, value: 0)], limit: 2).line == "M0 120H600")
    }
}
