package import PanalCore

/// A job's results for whoever has a link.
package struct SharedJob: Sendable {
    package var job: JobID
    /// Who gave the link away; what they may see is what it shows, for as long as they may.
    package var giver: Principal
    package var expires: Timestamp
}

/// A link that holds, as those see it who may end it.
package struct SharedLinkReport: Sendable {
    package var link: SharedLink
    /// What stands in its address.
    package var secret: String
    package var giverName: String
}

extension Panal {
    /// Days that a link may hold.
    package static let shareDays = 1...90
    /// Links that one job may have at a time.
    package static let mostShares = 100

    private static let shareScope = "shared result"

    /// Makes a link to a job's results. It ends with its time, when somebody ends it, with the giver's right to the job, and with
    /// the outputs. Its secret is signed and not stored: whoever reads the store has no link.
    ///
    /// Throws `conflict` before the job's end, and where it has ``mostShares`` links that hold.
    package func share(_ principal: Principal, _ id: JobID, days: Int) async throws -> SharedLinkReport {
        guard Self.shareDays.contains(days) else {
            throw ServiceError(
                .invalid, mistake: "/days",
                "should be a whole number from \(Self.shareDays.lowerBound) to \(Self.shareDays.upperBound)")
        }
        let job = try await owned(id, principal)
        guard job.state.isFinal else { throw ServiceError(.conflict, "the job has no results yet") }
        try checkPresence(of: job)
        let now = clock.now()
        let link = SharedLink(
            id: .make(at: now), job: id, giver: principal.user, made: now, expires: now + .seconds(days * 86_400))
        guard try await store.insert(link, most: Self.mostShares) else {
            throw ServiceError(.conflict, "the job has \(Self.mostShares) links already: end one of them")
        }
        return SharedLinkReport(link: link, secret: try await secret(of: link), giverName: principal.name)
    }

    /// The links of a job that hold, the newest first.
    package func shares(_ principal: Principal, of id: JobID) async throws -> [SharedLinkReport] {
        _ = try await owned(id, principal)
        var reports: [SharedLinkReport] = []
        for link in try await store.sharedLinks(of: id, at: clock.now()) {
            reports.append(
                SharedLinkReport(
                    link: link, secret: try await secret(of: link),
                    giverName: try await store.user(link.giver)?.name ?? ""))
        }
        return reports
    }

    /// Ends a link at once, whoever made it.
    package func endShare(_ principal: Principal, of id: JobID, _ link: SharedLinkID) async throws {
        _ = try await owned(id, principal)
        guard try await store.deleteSharedLink(link, of: id) else {
            throw ServiceError(.notFound, "the job has no such link, or it has ended")
        }
    }

    /// What a link shows. Throws `notFound` for one that is none, or has ended.
    package func shared(_ secret: String) async throws -> SharedJob {
        let nothing = ServiceError(.notFound, "this link is unknown or has ended")
        let key = try await signingKey()
        guard let cursor = try? Cursor(reading: secret, of: Self.shareScope, key: key),
            let id = SharedLinkID(cursor.place), let link = try await store.sharedLink(id), link.expires > clock.now(),
            let giver = try await store.user(link.giver), giver.status == .available
        else { throw nothing }
        let principal = Principal(of: giver)
        _ = try await owned(link.job, principal)
        return SharedJob(job: link.job, giver: principal, expires: link.expires)
    }

    private func secret(of link: SharedLink) async throws -> String {
        Cursor(place: link.id.text).text(of: Self.shareScope, key: try await signingKey())
    }
}
