import HTTPTypes
import Hummingbird
import HummingbirdTesting
import PanalCore
@testable import PanalHTTP
import PanalService
import Testing

/// One input over a list or a range.
@Suite struct SweepTests {
    private static func values(_ sweep: JSONValue) throws -> [JSONValue?] {
        try Sweep.submissions(sweep, over: ["b": "x"]).map { $0["a"] }
    }

    @Test func rangesAndLists() throws {
        #expect(try Self.values(["input": "a", "values": [1, "two", true]]) == [1, "two", true])
        #expect(try Self.values(["input": "a", "from": 1, "to": 3]) == [1, 2, 3])
        #expect(try Self.values(["input": "a", "from": 1, "to": 6, "step": 2]) == [1, 3, 5])
        #expect(try Self.values(["input": "a", "from": 3, "to": 1, "step": -1]) == [3, 2, 1])
        #expect(try Self.values(["input": "a", "from": 7, "to": 7]) == [7])
        #expect(
            try Self.values(["input": "a", "from": .number(0.1), "to": .number(0.5), "step": .number(0.1)])
                == [.number(0.1), .number(0.2), .number(0.3), .number(0.4), .number(0.5)])
        #expect(try Sweep.submissions(["input": "a", "values": [1]], over: ["b": "x"]) == [["a": 1, "b": "x"]])
        #expect(try Self.values(["input": "a", "from": 1, "to": 1_000]).count == 1_000)
    }

    @Test func aSweepIsABatchWithOneTable() async throws {
        try await Site.open { site, client in
            let uri = "/api/v1/programs/everything-more/batches"
            let made = try await client.json(
                .post, uri, as: site.owner,
                #"{"sweep": {"input": "text", "values": ["a", "b"]}, "profile": "small"}"#,
                [InterfaceTests.prefer: "wait=20"])
            #expect(made.status == .ok, "\(made.text)")
            #expect(try made.json["results"]?.list?.map { $0["values"] } == [["text": "a"], ["text": "b"]])
            // A mistake says which of them it is; and nothing stands beside a sweep.
            let wrong = try await client.json(
                .post, uri, as: site.owner, #"{"sweep": {"input": "nothing", "values": [1]}}"#)
            #expect(wrong.status == .unprocessableContent)
            #expect(wrong.text.contains("/submissions/0/nothing"))
            let both = try await client.json(
                .post, uri, as: site.owner, #"{"sweep": {"input": "text", "values": [1]}, "submissions": [{}]}"#)
            #expect(both.status == .unprocessableContent)
            #expect(try both.json["errors"]?.list?.first?["pointer"] == "/sweep")
        }
    }

    /// What a megabyte holds is not made a gigabyte.
    @Test func whatAllRunsHaveInCommonIsBounded() throws {
        let sweep: JSONValue = ["input": "a", "from": 1, "to": 1_000]
        func common(_ bytes: Int) -> JSONValue { ["b": .string(String(repeating: "x", count: bytes))] }
        #expect(try Sweep.submissions(sweep, over: common(4_000)).count == 1_000)
        let error = #expect(throws: ServiceError.self) { try Sweep.submissions(sweep, over: common(5_000)) }
        #expect(error?.mistakes.map(\.pointer) == ["/sweep"])
    }

    @Test(
        arguments: [
            ("/sweep", .array([])), ("/sweep/input", ["values": [1]]), ("/sweep/imput", ["imput": "a"]),
            ("/sweep/values", ["input": "a", "values": []]), ("/sweep/values", ["input": "a", "values": 3]),
            ("/sweep/values", ["input": "a", "values": [1], "from": 1]),
            ("/sweep/from", ["input": "a"]), ("/sweep/to", ["input": "a", "from": 1]),
            ("/sweep/from", ["input": "a", "from": "1", "to": 2]),
            ("/sweep/step", ["input": "a", "from": 1, "to": 2, "step": 0]),
            ("/sweep/step", ["input": "a", "from": 1, "to": 2, "step": -1]),
            ("/sweep/step", ["input": "a", "from": 1, "to": 1_001]),
            ("/sweep/step", ["input": "a", "from": 0, "to": 1, "step": .number(1e-300)]),
            ("/sweep/to", ["input": "a", "from": 0, "to": .number(1e300)]),
            ("/submission/b", ["input": "b", "values": [1]]),
        ] as [(String, JSONValue)])
    func mistakes(pointer: String, sweep: JSONValue) throws {
        let error = #expect(throws: ServiceError.self) { try Self.values(sweep) }
        #expect(error?.mistakes.map(\.pointer) == [pointer])
        #expect(error?.mistakes.allSatisfy { $0.spanish != nil && $0.spanish != $0.detail } == true)
    }
}
