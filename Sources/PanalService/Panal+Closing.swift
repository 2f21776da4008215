import Logging
package import PanalCore

/// The end of an account.
extension Panal {
    /// Closes an account for good; for administrators, and not their own. Nobody finds the user any more: their password, sessions, keys,
    /// webhooks, uploads, links, restriction and memberships are gone, their programs are withdrawn, what they put into jobs is forgotten at
    /// once and what these left goes with the next sweep. What happened stays true: jobs, what they used and cost, the ledger and the audit
    /// log, under the identifier. The name is free for somebody else.
    ///
    /// Throws `conflict` while it has unfinished jobs, credit or images, and for the last administrator; `changed` where the user is not as
    /// `expected`.
    package func closeUser(_ principal: Principal, _ id: UserID, expecting expected: User? = nil) async throws {
        switch try await tryToCloseUser(principal, id, expecting: expected) {
        case nil: break
        case .unfinishedJobs(let count):
            throw ServiceError(.conflict, "\(count) of their jobs have not ended: block them, and cancel these first")
        case .credit(let balance):
            throw ServiceError(.conflict, "there are \(balance) credits on the account: withdraw them first")
        case .images(let count):
            throw ServiceError(.conflict, "\(count) images are theirs: remove them first")
        }
    }

    /// The same, but answers what stands in the way, for whoever has words of their own for it; nil when the account is closed.
    package func tryToCloseUser(
        _ principal: Principal, _ id: UserID, expecting expected: User? = nil
    ) async throws -> ClosingObstacle? {
        try requireAdministrator(principal)
        guard id != principal.user else {
            throw ServiceError(.conflict, "this is your own account: another administrator has to close it")
        }
        do {
            if let obstacle = try await store.close(id, at: clock.now(), expecting: expected) { return obstacle }
        } catch StoreError.changed {
            throw Self.changed
        } catch StoreError.lastAdministrator {
            throw ServiceError(.conflict, "nobody would be left to administer: make another administrator first")
        } catch StoreError.unknown {
            throw Self.noUser
        }
        accessSignals.post(about: id)
        try await tenancyChanged()
        logger.info("account closed", metadata: ["user": "\(id)"])
        return nil
    }

    /// Removes what the jobs of closed accounts have left, a part at a time.
    func sweepClosedAccounts() async throws {
        for user in try await store.closedOwners() {
            var past: Set<JobID> = []
            while true {
                let found = try await store.oldestOutputs(of: user, limit: Self.pass).map(\.id)
                let chosen = found.filter { !past.contains($0) && !reads.isRead($0) }
                guard !chosen.isEmpty else { break }
                past.formUnion(chosen)
                try await removeOutputs(of: chosen)
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}
