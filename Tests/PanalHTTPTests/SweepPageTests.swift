import Foundation
import HTTPTypes
import HummingbirdTesting
import PanalCore
import PanalManifest
import PanalService
import Synchronization
import Testing

@testable import PanalHTTP

/// Many runs out of one form, and what came of them.
@Suite("Pages of sweeps") struct SweepPageTests {
    private static let manifest = #"""
        {"name": "swept", "inputs": [
          {"name": "Size <b>", "id": "size", "type": "integer", "minimum": 1, "maximum": 9},
          {"name": "Word", "type": "text", "default": "same"}, {"name": "File", "type": "file", "optional": true},
          {"name": "sweep", "type": "text", "default": "a field of this name"}]}
        """#

    private static func jobs(_ site: Site, at answer: TestResponse) async throws -> [Job] {
        #expect(answer.status == .seeOther, "\(answer.text)")
        let location = try #require(answer.headers[.location])
        let id = try #require(BatchID(location.replacing("/batches/", with: "")))
        let owner = try #require(site.owner.principal)
        return try await site.panal.wait(owner, batch: id, atMost: .seconds(30)).jobs
    }

    private static func values(_ jobs: [Job], of field: String = "size") -> [String] {
        jobs.map { job in job.fields.first { $0.id == field }?.value ?? "" }
    }

    @Test func aFormRunsOverAListAndARange() async throws {
        try await Site.open { site, client in
            _ = try await site.publish(
                Self.manifest, isPublic: true, as: try #require(site.owner.principal))
            site.executor.script.withLock { $0 = Script(output: "a") }
            let form = try await client.send(.get, "/programs/swept", site.owner.browser).text
            let offered = form.matches(of: /<option value="([a-z_]+)">/).map { String($0.1) }
            #expect(offered == ["size", "word", "sweep"])
            let submit = { (fields: [String: String]) in
                try await client.post("/programs/swept", as: site.owner, fields)
            }
            // Its own field does not count, whatever stands there.
            let list = try await submit(["_sweep": "size", "_sweep_values": "3\r\n\r\n1\r\n", "size": "nonsense"])
            #expect(Self.values(try await Self.jobs(site, at: list)) == ["3", "1"])
            let range = try await submit(
                ["_sweep": "size", "_sweep_from": "2", "_sweep_to": "8", "_sweep_step": "3", "word": "w"])
            let jobs = try await Self.jobs(site, at: range)
            #expect(Self.values(jobs) == ["2", "5", "8"] && Self.values(jobs, of: "word") == ["w", "w", "w"])
            // Without a field that changes it is one run.
            let one = try await submit(["_sweep": "", "_sweep_values": "1\n2", "size": "4"])
            #expect(one.headers[.location]?.hasPrefix("/jobs/") == true)
        }
    }

    /// A code that counts as a success in its manifest is one here too, and says what it says elsewhere.
    @Test func codesMeanWhatTheirProgramSays() async throws {
        try await Site.open { site, client in
            let manifest = #"""
                {"name": "coded", "inputs": [{"name": "size", "type": "integer"}],
                 "exitCodes": {"3": {"message": "nothing found", "success": true}}}
                """#
            _ = try await site.publish(manifest, isPublic: true, as: try #require(site.owner.principal))
            site.executor.script.withLock { $0 = Script(outcome: .exited(code: 3)) }
            let answer = try await client.post(
                "/programs/coded", as: site.owner, ["_sweep": "size", "_sweep_values": "1\n2"])
            _ = try await Self.jobs(site, at: answer)
            let page = try await client.send(
                .get, try #require(answer.headers[.location]), site.owner.browser)
            #expect(page.text.components(separatedBy: "nothing found").count == 3, "\(page.text)")
            #expect(page.text.contains("2 of 2 runs have ended, 2 of them well"), "\(page.text)")
        }
    }

    @Test func mistakesStandWhereTheyAre() async throws {
        try await Site.open { site, client in
            _ = try await site.publish(
                Self.manifest, isPublic: true, as: try #require(site.owner.principal))
            let cases: [(fields: [String: String], told: String)] = [
                (["_sweep": "size", "_sweep_values": "3\n99"], "‘99’: "),
                (["_sweep": "size"], "expected a list of 1 to 1000 values"),
                (["_sweep": "size", "_sweep_from": "1", "_sweep_to": "x"], "‘x’ is no number"),
                (["_sweep": "size", "_sweep_from": "1", "_sweep_to": "9", "_sweep_step": "0"], "leads nowhere"),
                (["_sweep": "size", "_sweep_from": "1", "_sweep_to": "9999"], "more than 1000 values"),
                (["_sweep": "size", "_sweep_values": "1", "_sweep_from": "1"], "either a list of values"),
                (["_sweep": "file", "_sweep_values": "1"], "‘file’ is no field that can change"),
                (["_sweep": "nothing", "_sweep_values": "<b>"], "‘nothing’ is no field that can change"),
            ]
            for (fields, told) in cases {
                let answer = try await client.post("/programs/swept", as: site.owner, fields)
                #expect(answer.status == .unprocessableContent, "\(fields)")
                let mark = try #require(answer.text.firstRange(of: "id=\"sweep-mistake\">"), "\(fields)")
                #expect(answer.text[mark.upperBound...].prefix(200).contains(told), "\(fields): \(answer.text)")
                #expect(
                    answer.text.contains("class=\"sweep\" id=\"field-_sweep\" open") && !answer.text.contains("<b>"))
            }
            // What is wrong with another field is told there, once.
            let other = try await client.post(
                "/programs/swept", as: site.owner,
                ["_sweep": "word", "_sweep_values": "a\nb\nc", "size": "99", "sweep": "x"])
            #expect(other.text.components(separatedBy: "id=\"field-size-mistake\"").count == 2)
            #expect(!other.text.contains("sweep-mistake") && !other.text.contains("field-sweep-mistake"))
            #expect(other.text.components(separatedBy: "href=\"#field-size\"").count == 2)
            let owner = try #require(site.owner.principal)
            #expect(try await site.panal.jobs(owner).isEmpty, "nothing of it was taken")
        }
    }

    @Test func aBatchIsOneTable() async throws {
        try await Site.open { site, client in
            let owner = try #require(site.owner.principal)
            _ = try await site.publish(Self.manifest, isPublic: true, as: owner)
            site.executor.script.withLock { $0 = Script(output: "a", outcome: .exited(code: 3)) }
            let words = ["=cmd()", "<i>,\"", "plain"]
            let answer = try await client.post(
                "/programs/swept", as: site.owner,
                ["_sweep": "word", "_sweep_values": words.joined(separator: "\n"), "size": "4"])
            let jobs = try await Self.jobs(site, at: answer)
            let path = try #require(answer.headers[.location])
            let page = try await client.send(.get, path, site.owner.browser)
            #expect(page.status == .ok && !page.text.contains("<i>") && page.text.contains("=cmd()"))
            for job in jobs { #expect(page.text.contains("/jobs/\(job.id)\"")) }
            // What is the same everywhere is no column.
            #expect(page.text.contains("<th scope=\"col\">Word</th>") && !page.text.contains("Size &lt;b"))
            #expect(!page.text.contains("data-live") && page.text.contains("3 of 3 runs have ended, 0 of them well"))
            let table = try await client.send(.get, "\(path)/table", site.owner.browser)
            let lines = table.text.split(separator: "\r\n").map(String.init)
            #expect(lines.count == 4 && lines[0].hasPrefix("index,word,state,outcome,code,"))
            #expect(lines[1].hasPrefix("0,'=cmd(),finished,exited,3,2,1.5,") && lines[2].contains("\"<i>,\"\"\""))
            #expect(table.headers[.contentDisposition]?.hasPrefix("attachment; filename=\"swept-") == true)
            let one = try await client.send(.get, "/jobs/\(jobs[0].id)", site.owner.browser)
            #expect(one.text.contains("href=\"\(path)\""))
            let live = try await client.send(.get, "\(path)/live?page=99", site.owner.browser)
            #expect(live.headers[.final] == "true" && live.text.contains("/jobs/\(jobs[2].id)"))
            #expect(try await client.send(.get, "\(path)?page=0", site.owner.browser).status == .badRequest)
        }
    }

    @Test func aWaitingBatchIsCancelledAsAWhole() async throws {
        try await Site.open { site, client in
            _ = try await site.publish(
                Self.manifest, isPublic: true, as: try #require(site.owner.principal))
            site.executor.script.withLock { $0 = Script(isEndless: true) }
            let answer = try await client.post(
                "/programs/swept", as: site.owner, ["_sweep": "size", "_sweep_from": "1", "_sweep_to": "5"])
            let path = try #require(answer.headers[.location])
            let page = try await client.send(.get, path, site.owner.browser).text
            #expect(page.contains("data-live=\"\(path)/live?page=1\"") && page.contains("of 5 runs have ended"))
            #expect(try await client.post("\(path)/cancel", as: site.owner).status == .seeOther)
            let states = try await Self.jobs(site, at: answer).map(\.state)
            #expect(states == Array(repeating: .cancelled, count: 5))
        }
    }

    /// Sweeps of hundreds: one page shows a hundred of them.
    @Test func longBatchesHavePages() async throws {
        try await Site.open { site, client in
            _ = try await site.publish(
                Self.manifest, isPublic: true, as: try #require(site.owner.principal))
            site.executor.script.withLock { $0 = Script(output: "a") }
            let values = (0..<250).map(String.init).joined(separator: "\n")
            let answer = try await client.post(
                "/programs/swept", as: site.owner, ["_sweep": "word", "_sweep_values": values, "size": "1"])
            let path = try #require(answer.headers[.location])
            let jobs = try await Self.jobs(site, at: answer)
            let first = try await client.send(.get, path, site.owner.browser).text
            #expect(first.utf8.count < 100_000 && first.contains("\(path)?page=2") && !first.contains("page=0"))
            let last = try await client.send(.get, "\(path)?page=3", site.owner.browser).text
            #expect(last.contains("/jobs/\(jobs[249].id)") && !last.contains("/jobs/\(jobs[199].id)"))
        }
    }
}
