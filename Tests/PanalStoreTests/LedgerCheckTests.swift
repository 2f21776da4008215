import Foundation
import GRDB
import PanalCore
import PanalStore
import Testing

private func credits(_ count: Int64) -> Credits { Credits(micro: count * 1_000_000) }

/// What the check at start finds in a file that somebody, or a fault of the disk, has changed past all rules.
@Suite struct LedgerCheckTests {
    private static let at = StoreFixture.start

    /// A person with an open job and one that has ended.
    private func fixture() async throws -> (StoreFixture, open: JobID, ended: JobID) {
        let fixture = try await StoreFixture()
        try await fixture.grant(50)
        let open = try await fixture.submit()
        let ended = try await fixture.submit()
        try await fixture.end(ended, .exited(code: 0), milliseconds: 4_000)
        #expect(try await fixture.store.checkLedger(at: Self.at) == [])
        return (fixture, open, ended)
    }

    /// Finds `count` things, repairs all of them, and finds nothing the second time.
    private func repairs(_ fixture: StoreFixture, _ count: Int, _ word: String) async throws {
        let findings = try await fixture.store.checkLedger(at: Self.at)
        #expect(findings.count == count && findings.allSatisfy(\.isRepaired), "\(findings)")
        #expect(findings.contains { $0.detail.contains(word) }, "\(findings)")
        #expect(try await fixture.store.checkLedger(at: Self.at) == [])
    }

    @Test func entriesAreNeverChanged() async throws {
        let (fixture, _, _) = try await fixture()
        for sql in [
            "UPDATE ledger_entries SET amount = amount + 1", "DELETE FROM ledger_entries",
            "UPDATE ledger_transactions SET reason = 'x'", "DELETE FROM ledger_transactions",
        ] {
            let error = #expect(throws: DatabaseError.self) { try fixture.tamper(sql) }
            #expect(error?.message?.contains("never changed") == true)
        }
        for sql in [
            "UPDATE ledger_accounts SET balance = -1 WHERE id LIKE 'user:%'",
            "UPDATE ledger_accounts SET balance = -1 WHERE id = 'holds'",
            "UPDATE job_charges SET paid = hold + 1 WHERE ended IS NOT NULL",
        ] {
            #expect(throws: DatabaseError.self) { try fixture.tamper(sql) }
        }
    }

    @Test func aBalanceThatIsWrongFollowsFromTheEntries() async throws {
        let (fixture, _, _) = try await fixture()
        let before = try await fixture.standing
        try fixture.tamper("UPDATE ledger_accounts SET balance = balance + 999 WHERE id LIKE 'user:%'")
        try await repairs(fixture, 1, "its entries sum to")
        #expect(try await fixture.standing == before)
    }

    @Test func whatIsSetAsideFollowsFromTheJobs() async throws {
        let (fixture, _, _) = try await fixture()
        let before = try await fixture.standing
        try fixture.tamper("UPDATE ledger_accounts SET held = 0; DELETE FROM ledger_months")
        try await repairs(fixture, 2, "its unfinished jobs hold 10")
        #expect(try await fixture.standing == before)
    }

    @Test(arguments: ["usage_sums", "stored_sums"]) func sumsFollowFromTheJobs(table: String) async throws {
        let (fixture, _, ended) = try await fixture()
        try fixture.tamper("UPDATE jobs SET output_bytes = 7 WHERE id = '\(ended)'")
        #expect(try await fixture.store.checkLedger(at: Self.at) == [])
        let used = try await fixture.store.usage(UsageQuery(by: [.user]))
        let stored = try await fixture.store.storedBytes(of: fixture.owner.id)
        #expect(used.map(\.sum.jobs) == [1] && stored >= 7)
        for sql in [
            "DELETE FROM \(table)",
            table == "usage_sums" ? "UPDATE usage_sums SET jobs = 9" : "UPDATE stored_sums SET bytes = 9",
        ] {
            try fixture.tamper(sql)
            try await repairs(fixture, 1, table)
            #expect(try await fixture.store.usage(UsageQuery(by: [.user])) == used)
            #expect(try await fixture.store.storedBytes(of: fixture.owner.id) == stored)
        }
    }

    /// The job has come to its end, and the end of its hold was lost: it is billed by what is stored of it.
    @Test func aHoldOfAnEndedJobIsSettled() async throws {
        let (fixture, open, _) = try await fixture()
        try fixture.tamper(
            """
            UPDATE jobs SET state = 'finished', ended = \(Self.at.microseconds), outcome = '{"type":"exited","code":0}',
                usage = (SELECT usage FROM jobs WHERE usage IS NOT NULL) WHERE id = '\(open)'
            """)
        try await repairs(fixture, 1, "4 are paid")
        #expect(try await fixture.standing.balance == credits(42))
        #expect(try await fixture.standing.held == .zero)
    }

    @Test(arguments: ["DELETE FROM jobs WHERE id = 'ID'", "UPDATE jobs SET state = 'cancelled' WHERE id = 'ID'"])
    func aHoldOfNoJobIsGivenBack(sql: String) async throws {
        let (fixture, open, _) = try await fixture()
        try fixture.tamper(sql.replacing("ID", with: open.text))
        try await repairs(fixture, 1, "0 are paid")
        #expect(try await fixture.standing.balance == credits(46))
    }

    /// Nobody can say which entry is wrong: it is told and left.
    @Test func whatDoesNotFollowIsLeft() async throws {
        let (fixture, _, _) = try await fixture()
        try fixture.tamper(
            """
            DROP TRIGGER ledger_entries_stay;
            UPDATE ledger_entries SET amount = amount + 1 WHERE number = 1 AND account = 'grants'
            """)
        let findings = try await fixture.store.checkLedger(at: Self.at)
        #expect(
            findings.contains { !$0.isRepaired && $0.detail.contains("transaction 1 of the ledger sums to 0.000001") })
        #expect(try await fixture.store.checkLedger(at: Self.at).contains { !$0.isRepaired })
    }

    /// A store of before the ledger.
    @Test func jobsWithoutAChargeEndAsTheyDid() async throws {
        let fixture = try await StoreFixture()
        let (job, attempt) = fixture.job()
        _ = try await fixture.store.insert(job, attempt: attempt, hasSecrets: false)
        try await fixture.end(job.id, .exited(code: 0), milliseconds: 1)
        #expect(try await fixture.store.job(job.id)?.charge == nil)
        #expect(try await fixture.store.checkLedger(at: Self.at) == [])
    }
}
