import HTTPTypes
import Hummingbird
import HummingbirdTesting
import PanalCore
import PanalService
import Synchronization
import Testing

@testable import PanalHTTP

/// Profiles cost a credit a second and core and run for a minute: `small` costs 60 at most.
@Suite("Credit over HTTP") struct CreditInterfaceTests {
    private static let on = CreditRules(isOn: true)
    private static let run = "/api/v1/programs/everything-more/jobs"

    private func grant(
        _ client: any TestClientProtocol, _ site: Site, _ amount: String, to name: String = "ana"
    ) async throws {
        let answer = try await client.json(
            .post, "/api/v1/credits/grants", as: site.administrator,
            #"{"user": "\#(name)", "amount": "\#(amount)", "reason": "a test"}"#)
        #expect(answer.status == .created, "\(answer.text)")
    }

    private func described(
        _ answer: TestResponse, _ method: String, _ path: String, _ client: any TestClientProtocol
    ) async throws {
        let document = try await client.send(.get, "/openapi.json").json
        let operation = document["paths"]?[path]?[method]
        #expect(DescriptionTests.complaints(answer, operation, document) == [], "\(answer.text)")
    }

    @Test func aJobThatCannotBePaidIsRefusedWithTheNumbers() async throws {
        try await Site.open(credits: Self.on) { site, client in
            try await grant(client, site, "59.5")
            let answer = try await client.json(.post, Self.run, as: site.owner, #"{"text": "a", "_profile": "small"}"#)
            #expect(answer.status.code == 402)
            let problem = try answer.json
            #expect(problem["type"] == "urn:panal:problem:unaffordable" && problem["limit"] == "balance")
            #expect(problem["needed"] == "60" && problem["available"] == "59.5")
            #expect(problem["detail"] == "60 credits are needed, and the account has 59.5")
            try await described(answer, "post", "/api/v1/programs/{name}/jobs", client)
            try await grant(client, site, "0.5")
            let taken = try await client.json(
                .post, Self.run, as: site.owner, #"{"text": "a", "_profile": "small"}"#,
                [HTTPField.Name("Prefer")!: "wait=20"])
            // The scripted run takes two seconds.
            #expect(try taken.json["charge"]?["paid"] == "2" && taken.json["charge"]?["held"] == "0")
            #expect(try taken.json["charge"]?["most"] == "60")
            let account = try await client.send(.get, "/api/v1/credits", site.owner.bearer)
            #expect(try account.json["balance"] == "58" && account.json["enforced"] == true)
            #expect(
                try account.json["entries"]?.list?.map { $0["kind"]?.text } == ["settlement", "hold", "grant", "grant"])
            try await described(account, "get", "/api/v1/credits", client)
        }
    }

    @Test func aHundredAtOnceAndCreditForOne() async throws {
        try await Site.open(credits: Self.on) { site, client in
            site.executor.script.withLock { $0.isEndless = true }
            try await grant(client, site, "60")
            let codes = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        try await client.json(.post, Self.run, as: site.owner, #"{"text": "a", "_profile": "small"}"#)
                            .status.code
                    }
                }
                return try await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(codes == [202: 1, 402: 99])
            let jobs = try await client.send(.get, "/api/v1/jobs", site.owner.bearer).json["jobs"]?.list
            #expect(jobs?.count == 1)
            if let id = jobs?.first?["id"]?.text {
                _ = try await client.send(.delete, "/api/v1/jobs/\(id)", site.owner.bearer)
            }
        }
    }

    @Test(arguments: ["?dryRun=true", ""]) func aDryRunSaysWhatWouldBecomeOfIt(query: String) async throws {
        try await Site.open(credits: Self.on) { site, client in
            func ask(_ body: String) async throws -> TestResponse {
                let member = query.isEmpty ? #""_dryRun": true, "# : ""
                return try await client.json(.post, Self.run + query, as: site.owner, "{\(member)\(body)}")
            }
            try await grant(client, site, "100")
            let good = try await ask(#""text": "a", "_profile": "small""#)
            #expect(good.status == .ok)
            let estimate = try good.json
            #expect(estimate["allowed"] == true && estimate["valid"] == true && estimate["startsNow"] == true)
            #expect(
                estimate["charge"]?["most"] == "60" && estimate["balance"] == "100" && estimate["host"]?.text != nil)
            try await described(good, "post", "/api/v1/programs/{name}/jobs", client)
            let wrong = try await ask(#""text": "a", "size": 99"#)
            #expect(wrong.status == .ok)
            #expect(try wrong.json["valid"] == false)
            #expect(try wrong.json["refusal"]?["errors"]?.list?.first?["pointer"] == "/size")
            try await described(wrong, "post", "/api/v1/programs/{name}/jobs", client)
            let dear = try await ask(#""text": "a", "_profile": "medium""#)
            #expect(try dear.json["valid"] == true && dear.json["allowed"] == false)
            #expect(try dear.json["refusal"]?["needed"] == "120")
            try await described(dear, "post", "/api/v1/programs/{name}/jobs", client)
            // Nothing was stored, and nothing ran.
            #expect(try await client.send(.get, "/api/v1/jobs", site.owner.bearer).json["jobs"]?.list == [])
            let attempts = site.executor.attempts.withLock(\.count)
            #expect(attempts == 0)
            #expect(try await client.send(.get, "/api/v1/credits", site.owner.bearer).json["held"] == "0")
        }
    }

    @Test func useIsAListAndATable() async throws {
        try await Site.open { site, client in
            for _ in 0..<2 { _ = try await site.job() }
            let list = try await client.send(.get, "/api/v1/usage?by=user,program,profile", site.owner.bearer)
            let row = try #require(try list.json["usage"]?.list?.first)
            #expect(row["user"] == "ana" && row["program"] == "everything-more" && row["jobs"] == 2)
            #expect(row["profile"] == "medium" && row["coreSeconds"] == 8 && row["cost"] == "8" && row["paid"] == "0")
            #expect(try list.json["total"]?["jobs"] == 2)
            try await described(list, "get", "/api/v1/usage", client)
            var headers = site.owner.bearer
            headers[.accept] = "text/csv"
            for (path, headers) in [
                ("/api/v1/usage?by=program", headers), ("/api/v1/usage?by=program&format=csv", site.owner.bearer),
                ("/api/v1/usage.csv?by=program", site.owner.bearer),
            ] {
                let table = try await client.send(.get, path, headers)
                #expect(table.headers[.contentType]?.hasPrefix("text/csv") == true)
                #expect(
                    table.text
                        == "program,jobs,systemErrors,coreSeconds,memoryGibibyteSeconds,cpuSeconds,cost,paid\r\n"
                        + "everything-more,2,0,8,8,3,8,0\r\n")
            }
            #expect(try await client.send(.get, "/api/v1/usage", site.other.bearer).json["usage"] == [])
            #expect(try await client.send(.get, "/api/v1/usage?user=ana", site.other.bearer).status == .notFound)
            for path in [
                "?by=,", "?by=month,month", "?by=secret", "?month=2026-13", "?from=now", "?month=2026-11&to=now",
                "?format=xml",
                "?by=month;drop", "?user=ana&group=g",
            ] {
                let answer = try await client.send(.get, "/api/v1/usage\(path)", site.administrator.bearer)
                #expect(answer.status.kind == .clientError, "\(path)")
                try await described(answer, "get", "/api/v1/usage", client)
            }
        }
    }

    @Test(arguments: [
        #"{"user": "ana", "amount": 2.5, "reason": "x"}"#, #"{"user": "ana", "amount": "-1", "reason": "x"}"#,
        #"{"user": "ana", "amount": "1e3", "reason": "x"}"#, #"{"user": "ana", "amount": "0", "reason": "x"}"#,
        #"{"user": "ana", "amount": "0.0000001", "reason": "x"}"#, #"{"user": "ana", "amount": true, "reason": "x"}"#,
        #"{"user": "ana", "amount": "1"}"#, #"{"user": "ana", "reason": "x"}"#, #"{"amount": "1", "reason": "x"}"#,
        #"{"user": "ana", "amount": "1000000000001", "reason": "x"}"#, #"{"user": "ana", "amount": -5, "reason": "x"}"#,
        #"{"user": "ana", "amount": "1", "reason": "x", "to": "me"}"#, #"{"user": "ana", "amount": "1", "reason": ""}"#,
        #"{"user": "ana", "group": "g", "amount": "1", "reason": "x"}"#,
    ])
    func aWrongGrantMovesNothing(body: String) async throws {
        try await Site.open { site, client in
            let answer = try await client.json(.post, "/api/v1/credits/grants", as: site.administrator, body)
            #expect(answer.status == .unprocessableContent, "\(answer.text)")
            #expect(try answer.json["errors"]?.list?.isEmpty == false)
            #expect(try await client.send(.get, "/api/v1/credits", site.owner.bearer).json["entries"] == [])
        }
    }

    @Test func entriesComePageByPage() async throws {
        try await Site.open { site, client in
            for amount in ["1", "2", "3"] { try await grant(client, site, amount) }
            let first = try await client.send(.get, "/api/v1/credits?limit=2", site.owner.bearer)
            #expect(try first.json["entries"]?.list?.map { $0["amount"] } == ["3", "2"])
            let link = try #require(first.headers[.link])
            #expect(link.hasSuffix("rel=\"next\""))
            let next = try #require(try first.json["next"]?.text)
            let second = try await client.send(.get, "/api/v1/credits?limit=2&cursor=\(next)", site.owner.bearer)
            #expect(try second.json["entries"]?.list?.map { $0["amount"] } == ["1"] && second.json["next"] == nil)
            let whole = try await client.json(
                .post, "/api/v1/credits/withdrawals", as: site.administrator,
                #"{"user": "ana", "amount": 7, "reason": "too much"}"#)
            #expect(whole.status.code == 402)
            try await described(whole, "post", "/api/v1/credits/withdrawals", client)
            let accounts = try await client.send(.get, "/api/v1/credits/accounts", site.administrator.bearer)
            #expect(try accounts.json["accounts"]?.list?.map { $0["user"] } == ["ana"])
            try await described(accounts, "get", "/api/v1/credits/accounts", client)
        }
    }

    /// Cloudy's own estimate, told to the service and read back for a month of thirty days.
    @Test func aMonthsCostIsAnalysed() async throws {
        try await Site.open { site, client in
            let items = """
                {"items": [{"name": "database", "unit": "hour", "price": "0.27"},
                  {"name": "storage", "unit": "gibibyteMonth", "price": "0.023", "quantity": 50},
                  {"name": "web and API", "unit": "hour", "price": "0.051", "quantity": 2, "hoursADay": 12}]}
                """
            let put = try await client.json(.put, "/api/v1/costs/items", as: site.administrator, items)
            #expect(put.status == .ok, "\(put.text)")
            try await described(put, "put", "/api/v1/costs/items", client)
            let costs = try await client.send(.get, "/api/v1/costs?month=2026-11", site.administrator.bearer)
            #expect(try costs.json["items"]?.list?.map { $0["cost"] } == ["194.4", "1.15", "36.72"])
            #expect(try costs.json["cost"] == "232.27" && costs.json["earned"] != nil)
            #expect(try costs.json["breakEvenCoreHourAtCapacity"] == "0.161299")
            try await described(costs, "get", "/api/v1/costs", client)
            _ = try await site.job()
            let now = try await client.send(.get, "/api/v1/costs?profile=medium", site.administrator.bearer)
            #expect(try now.json["profiles"]?.list?.map { $0["profile"] } == ["medium"])
            #expect(try now.json["profiles"]?.list?.first?["usage"]?["coreSeconds"] == 4)
            #expect(
                try await client.send(.get, "/api/v1/costs?profile=no", site.administrator.bearer).status == .notFound)
            for wrong in [
                #"{"items": 3}"#, #"{"items": [{"name": "a", "unit": "day", "price": "1"}]}"#,
                #"{"items": [{"name": "a", "unit": "hour"}]}"#,
                #"{"items": [{"name": "a", "unit": "hour", "price": 0.5}]}"#,
                #"{"items": [{"name": "a", "unit": "hour", "price": "1", "hoursADay": 25}]}"#,
                #"{"items": [{"name": "a", "unit": "hour", "price": "1"}, {"name": "a", "unit": "hour", "price": "1"}]}"#,
                #"{"items": [{"name": "a", "unit": "hour", "price": "1", "colour": "red"}]}"#, #"{"items": [1]}"#,
            ] {
                let answer = try await client.json(.put, "/api/v1/costs/items", as: site.administrator, wrong)
                #expect(answer.status == .unprocessableContent, "\(wrong): \(answer.text)")
            }
            let kept = try await client.send(.get, "/api/v1/costs/items", site.administrator.bearer)
            #expect(try kept.json["items"]?.list?.count == 3)
        }
    }

    @Test func whoIsNotThereIsSaidAsDescribed() async throws {
        try await Site.open { site, client in
            for (path, query) in [
                ("/api/v1/credits", "?user=nobody"), ("/api/v1/usage", "?user=nobody"),
                ("/api/v1/costs", "?profile=no"),
            ] {
                let answer = try await client.send(.get, path + query, site.administrator.bearer)
                #expect(answer.status == .notFound)
                try await described(answer, "get", path, client)
            }
            for (method, path) in [
                ("post", "/api/v1/credits/grants"), ("post", "/api/v1/credits/withdrawals"),
                ("put", "/api/v1/credits/budget"),
            ] {
                let reason = method == "post" ? #", "reason": "x""# : ""
                let answer = try await client.json(
                    method == "post" ? .post : .put, path, as: site.administrator,
                    #"{"user": "nobody", "amount": "1"\#(reason)}"#)
                #expect(answer.status == .notFound, "\(answer.text)")
                try await described(answer, method, path, client)
            }
        }
    }

    @Test func aBudgetIsSetAndTakenAway() async throws {
        try await Site.open(credits: Self.on) { site, client in
            try await grant(client, site, "500")
            let set = try await client.json(
                .put, "/api/v1/credits/budget", as: site.administrator, #"{"user": "ana", "amount": "30"}"#)
            #expect(try set.json["budget"] == "30" && set.json["leftOfBudget"] == "30" && set.json["stopped"] == [])
            try await described(set, "put", "/api/v1/credits/budget", client)
            let refused = try await client.json(.post, Self.run, as: site.owner, #"{"text": "a", "_profile": "small"}"#)
            #expect(try refused.status.code == 402 && refused.json["limit"] == "budget")
            let away = try await client.json(
                .put, "/api/v1/credits/budget", as: site.administrator, #"{"user": "ana", "amount": null}"#)
            #expect(try away.json["budget"] == nil)
            let missing = try await client.json(
                .put, "/api/v1/credits/budget", as: site.administrator, #"{"user": "ana"}"#)
            #expect(missing.status == .unprocessableContent)
        }
    }

    @Test func theFiguresOfTheLedgerAddUp() async throws {
        try await Site.open(credits: Self.on) { site, client in
            try await grant(client, site, "1000.5")
            _ = try await site.job()
            site.executor.script.withLock { $0.isEndless = true }
            let open = try await client.json(
                .post, Self.run, as: site.owner, #"{"text": "a", "_profile": "small"}"#)
            let text = try await client.send(.get, "/metrics", site.administrator.bearer).text
            for line in [
                "panal_credits_granted 1000.5", "panal_credits_earned_total 4.0", "panal_credits_held 60.0",
                "panal_credits_available 936.5", "panal_credit_holds 1.0", "panal_ledger_difference_credits 0.0",
                "panal_ledger_transactions_total 4.0",
            ] {
                #expect(text.contains("\n\(line)\n"), "\(line)")
            }
            let id = try #require(try open.json["id"]?.text)
            _ = try await client.send(.delete, "/api/v1/jobs/\(id)", site.owner.bearer)
        }
    }

    // MARK: - Pages

    @Test func thePageShowsUseAndCredit() async throws {
        try await Site.open(credits: Self.on) { site, client in
            try await grant(client, site, "1234.5")
            _ = try await site.job()
            let page = try await client.send(.get, "/usage", site.owner.browser)
            for words in ["1230.50", "everything-more", "4.00", "granted", "a test · admin", "format=csv"] {
                #expect(page.text.contains(words), "\(words)")
            }
            var spanish = site.owner.browser
            spanish[.acceptLanguage] = "es"
            #expect(try await client.send(.get, "/usage", spanish).text.contains("1230,50"))
            let everyone = try await client.send(.get, "/usage?everyone=true", site.administrator.browser)
            #expect(everyone.text.contains("/usage?user=ana"))
            let others = try await client.send(.get, "/usage?user=ana", site.administrator.browser)
            #expect(others.text.contains("1230.50"))
            // Nobody else's: not by name, and not by asking for all.
            #expect(try await client.send(.get, "/usage?user=ana", site.other.browser).status == .notFound)
            #expect(
                try await !client.send(.get, "/usage?everyone=true", site.other.browser).text.contains(
                    "everything-more"))
        }
    }

    @Test func theFormAndTheJobSayWhatItCosts() async throws {
        try await Site.open(credits: Self.on) { site, client in
            let form = try await client.send(.get, "/programs/everything-more", site.owner.browser)
            #expect(form.text.contains("at most 60.00 credits") && form.text.contains("at most 120.00 credits"))
            let (headers, body) = PageTests.multipart(site.owner, [("text", "a"), ("_profile", "small")])
            let refused = try await client.send(.post, "/programs/everything-more", headers, body: body)
            #expect(refused.status.code == 402)
            #expect(refused.text.contains("There is not enough credit: at most 60.00 are needed, and 0.00 are there."))
            try await grant(client, site, "200")
            let job = try await site.job()
            #expect(try await client.send(.get, "/jobs/\(job)", site.owner.browser).text.contains("4.00 credits"))
        }
    }
}
