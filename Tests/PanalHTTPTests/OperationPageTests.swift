import HTTPTypes
import Hummingbird
import HummingbirdTesting
import PanalCore
import PanalService
import Testing

@testable import PanalHTTP

/// Pages of administration, of webhooks and of storage: what they do, and what they refuse.
@Suite("Pages of operation") struct OperationPageTests {
    @Test func settingsAreSetTakenBackAndRefused() async throws {
        try await Site.open { site, client in
            let page = try await client.send(.get, "/settings", site.administrator.browser)
            for entry in try site.panal.settings(try #require(site.administrator.principal)) {
                #expect(page.text.contains("name=\"\(entry.rule.name)\""), "\(entry.rule.name)")
            }
            let set = try await client.post(
                "/settings", as: site.administrator, ["queueLimit": "7", "outputRetentionDays": "30"])
            #expect(set.status == .ok && set.text.contains("value=\"7\""))
            #expect(site.panal.settings.queueLimit == 7)
            #expect(site.panal.settings.outputs.lifetime == .seconds(30 * 86_400))
            let wrong = try await client.post(
                "/settings", as: site.administrator, ["queueLimit": "many", "keptJobs": "3"])
            #expect(wrong.status == .unprocessableContent)
            #expect(wrong.text.contains("value=\"many\"") && wrong.text.contains("a whole number from 0"))
            #expect(site.panal.settings.queueLimit == 7 && site.panal.settings.keptJobs == 100)
            _ = try await client.post("/settings", as: site.administrator, ["queueLimit": ""])
            #expect(site.panal.settings.queueLimit == 1_000)
            #expect(
                try await client.post("/settings", as: site.administrator, ["queueLimit": "9"], token: "x").status
                    == .forbidden)
            #expect(site.panal.settings.queueLimit == 1_000)
        }
    }

    @Test func whatAProfileMayReadIsSaid() throws {
        var limits = try #require(Site.profiles.first).limits
        #expect(Wording(.english).size(limits) == "1 core · 1 GiB of memory")
        limits.diskRead = 50 << 20
        #expect(Wording(.english).size(limits) == "1 core · 1 GiB of memory · reads at most 50 MiB/s")
        #expect(Wording(.spanish).size(limits) == "1 núcleo · 1 GiB de memoria · lee como mucho 50 MiB/s")
    }

    @Test func everySettingIsSaidInSpanishToo() async throws {
        try await Site.open { site, _ in
            for entry in try site.panal.settings(try #require(site.administrator.principal)) {
                let isDeadline = entry.rule.name.hasPrefix("deadline.")
                #expect(isDeadline || Wording.spanishSettings[entry.rule.name] != nil, "\(entry.rule.name)")
            }
        }
    }

    @Test func creditIsGivenAndTaken() async throws {
        try await Site.open { site, client in
            let root = site.administrator
            let principal = try #require(root.principal)
            _ = try await site.panal.createGroup(principal, name: "lab", GroupChange())
            let given = try await client.post(
                "/credits/movements", as: root,
                ["holder": "user:ana", "kind": "grant", "amount": "12,5", "reason": "a gift"])
            #expect(given.status == .ok)
            #expect(try await site.panal.standing(principal, of: .user("ana")).standing.balance.description == "12.5")
            let taken = try await client.post(
                "/credits/movements", as: root,
                ["holder": "user:ana", "kind": "withdrawal", "amount": "20", "reason": "too much"])
            #expect(taken.status.code == 402 && taken.text.contains("20.00"))
            for fields in [
                ["holder": "user:ana", "kind": "grant", "amount": "-1", "reason": "x"],
                ["holder": "user:ana", "kind": "grant", "amount": "1", "reason": ""],
                ["holder": "user:ana", "kind": "grant", "amount": "much", "reason": "x"],
            ] {
                let refused = try await client.post("/credits/movements", as: root, fields)
                #expect(refused.status == .unprocessableContent, "\(fields)")
            }
            let odd = try await client.post(
                "/credits/movements", as: root, ["holder": "ana", "kind": "grant", "amount": "1", "reason": "x"])
            #expect(odd.status == .badRequest)
            let budget = try await client.post("/credits/budget", as: root, ["holder": "group:lab", "amount": "3"])
            #expect(budget.status == .ok)
            #expect(try await site.panal.standing(principal, of: .group("lab")).standing.budget?.description == "3")
            let pays = try await client.post("/credits/payer", as: root, ["group": "lab", "pays": "true"])
            #expect(pays.text.contains("pays for its members"))
            #expect(try await site.panal.standing(principal, of: .group("lab")).standing.pays)
            _ = try await client.post("/credits/payer", as: root, ["group": "lab", "pays": "false"])
            #expect(try await !site.panal.standing(principal, of: .group("lab")).standing.pays)
        }
    }

    @Test func costsAreListedAndAnalysed() async throws {
        try await Site.open { site, client in
            let root = site.administrator
            _ = try await site.job()
            let item = ["name": "<machine>", "unit": "month", "price": "60", "quantity": "2", "hours": "24"]
            #expect(try await client.post("/costs/items", as: root, item).status == .seeOther)
            let page = try await client.send(.get, "/costs", root.browser)
            #expect(page.text.contains("&lt;machine&gt;") && page.text.contains("120.00"))
            #expect(page.text.contains("<td>medium</td>"))
            let twice = try await client.post("/costs/items", as: root, item)
            #expect(twice.status == .unprocessableContent && twice.text.contains("stands twice"))
            for (field, value) in [("hours", "25"), ("quantity", "-1"), ("price", "a lot"), ("name", "")] {
                let wrong = item.merging(["name": "another"]) { $1 }.merging([field: value]) { $1 }
                #expect(
                    try await client.post("/costs/items", as: root, wrong).status == .unprocessableContent, "\(field)")
            }
            #expect(try await client.send(.get, "/costs?month=2020-02", root.browser).status == .ok)
            #expect(try await client.send(.get, "/costs?month=2020", root.browser).status == .badRequest)
            #expect(
                try await client.post("/costs/items/remove", as: root, ["name": "<machine>"]).status == .seeOther)
            #expect(try await site.panal.costItems(try #require(root.principal)).isEmpty)
        }
    }

    @Test func webhooksAreMadeTriedAndEnded() async throws {
        try await Site.open { site, client in
            let owner = try #require(site.owner.principal)
            let made = try await client.post(
                "/webhooks", as: site.owner, ["url": "https://hooks.example/<a>", "event": "job.expiring"])
            #expect(made.status == .created && made.text.contains("whsec_"))
            let webhook = try #require(try await site.panal.webhooks(owner).first)
            #expect(webhook.events == [.expiring])
            // The secret is shown once.
            #expect(try await !client.send(.get, "/webhooks", site.owner.browser).text.contains("whsec_"))
            #expect(try await client.post("/webhooks/\(webhook.id)/test", as: site.owner).status == .seeOther)
            let log = try await client.send(.get, "/webhooks/\(webhook.id)", site.owner.browser)
            #expect(
                log.text.contains("https://hooks.example/&lt;a&gt;") && log.text.contains("<td role=\"cell\">test</td>")
            )
            for fields in [
                ["url": "http://127.0.0.1/", "event": "job.failed"], ["url": "https://hooks.example/"],
                ["url": "https://hooks.example/", "event": "webhook.test"], ["url": "", "event": "job.failed"],
            ] {
                #expect(
                    try await client.post("/webhooks", as: site.owner, fields).status == .unprocessableContent,
                    "\(fields)")
            }
            #expect(try await client.post("/webhooks/\(webhook.id)/delete", as: site.owner).status == .seeOther)
            #expect(try await site.panal.webhooks(owner).isEmpty)
            let secret = try await client.post("/webhooks/callback-secret", as: site.owner)
            #expect(secret.status == .created && secret.text.contains("whsec_"))
        }
    }

    @Test func aUsersPageRestrictsThemAndKeepsWhatItDoesNotShow() async throws {
        try await Site.open { site, client in
            let root = site.administrator
            let principal = try #require(root.principal)
            let user = try #require(site.owner.principal).user
            try await site.panal.restrict(principal, .user(user), to: Restriction(repositories: ["main"]))
            let set = try await client.post(
                "/users/\(user)/restriction", as: root,
                ["profile": "small", "runningCores": "2", "storedBytes": "5000000", "outputDays": "9", "pool": ""])
            #expect(set.status == .seeOther)
            #expect(
                try await site.panal.restriction(principal, of: .user(user))
                    == Restriction(
                        profiles: ["small"], repositories: ["main"], runningCores: 2, storedBytes: 5_000_000,
                        outputDays: 9))
            let page = try await client.send(.get, "/users/\(user)", root.browser)
            #expect(page.text.contains("kept for 9 days"))
            let account = try await client.send(.get, "/account", site.owner.browser)
            #expect(account.text.contains("kept for 9 days") && account.text.contains("of 4.8 MiB"))
            let wrong = try await client.post("/users/\(user)/restriction", as: root, ["outputDays": "0"])
            #expect(wrong.status == .unprocessableContent && wrong.text.contains("Days that outputs are kept"))
            let nobody = UserID.make(at: site.panal.now)
            #expect(try await client.send(.get, "/users/\(nobody)", root.browser).status == .notFound)
        }
    }

    @Test func anAccountIsClosedOrItIsSaidWhatStandsInTheWay() async throws {
        try await Site.open { site, client in
            let root = site.administrator
            let user = try #require(site.owner.principal).user
            let path = "/users/\(user)"
            #expect(try await client.send(.get, path, root.browser).text.contains("\(path)/close"))
            let ownPath = "/users/\(try #require(root.principal).user)"
            #expect(try await client.send(.get, ownPath, root.browser).text.contains("/close") == false)
            #expect(try await client.post("\(ownPath)/close", as: root, ["sure": "true"]).status == .conflict)

            let job = try await site.job(Script(isEndless: true))
            let thoughtless = try await client.post("\(path)/close", as: root, [:])
            #expect(thoughtless.status == .unprocessableContent)
            let busy = try await client.post("\(path)/close", as: root, ["sure": "true"])
            #expect(busy.status == .conflict && busy.text.contains("Jobs of theirs that have not ended: 1."))
            _ = try await client.send(.delete, "/api/v1/jobs/\(job)", site.owner.bearer)
            for _ in 0..<500 {
                let answer = try await client.post("\(path)/close", as: root, ["sure": "true"])
                if answer.status == .seeOther { break }
                #expect(answer.status == .conflict)
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(try await client.send(.get, path, root.browser).status == .notFound)
            #expect(try await client.send(.get, "/api/v1/jobs", site.owner.bearer).status == .unauthorized)
        }
    }
}
