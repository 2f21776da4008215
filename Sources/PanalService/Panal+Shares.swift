package import PanalCore

/// A job's results for whoever has a link.
package struct SharedJob: Sendable {
    package var job: JobID
    /// Who gave the link away; what they may see is what it shows, for as long as they may.
    package var giver: Principal
    package var expires: Timestamp
}

extension Panal {
    /// Days that a link may hold.
    package static let shareDays = 1...90

    private static let shareScope = "shared result"

    /// The secret of a link to a job's results, and when it ends. It is signed and stored nowhere: it ends with its time, with the
    /// giver's right to the job, and with the outputs.
    package func share(
        _ principal: Principal, _ id: JobID, days: Int
    ) async throws -> (secret: String, expires: Timestamp) {
        guard Self.shareDays.contains(days) else {
            throw ServiceError(
                .invalid, mistake: "/days",
                "should be a whole number from \(Self.shareDays.lowerBound) to \(Self.shareDays.upperBound)")
        }
        let job = try await owned(id, principal)
        guard job.state.isFinal else { throw ServiceError(.conflict, "the job has no results yet") }
        try checkPresence(of: job)
        let expires = clock.now() + .seconds(days * 86_400)
        let place = "\(id) \(principal.user) \(expires.microseconds / 1_000_000)"
        let secret = Cursor(place: place).text(of: Self.shareScope, key: try await signingKey())
        return (secret, Timestamp(microseconds: expires.microseconds / 1_000_000 * 1_000_000))
    }

    /// What a link shows. Throws `notFound` for one that is none, or has ended.
    package func shared(_ secret: String) async throws -> SharedJob {
        let nothing = ServiceError(.notFound, "this link is unknown or has ended")
        let key = try await signingKey()
        guard let cursor = try? Cursor(reading: secret, of: Self.shareScope, key: key) else { throw nothing }
        let parts = cursor.place.split(separator: " ").map(String.init)
        guard parts.count == 3, let job = JobID(parts[0]), let user = UserID(parts[1]), let seconds = Int64(parts[2])
        else { throw nothing }
        let expires = Timestamp(microseconds: seconds * 1_000_000)
        guard expires > clock.now(), let giver = try await store.user(user), giver.status == .available else {
            throw nothing
        }
        let principal = Principal(of: giver)
        _ = try await owned(job, principal)
        return SharedJob(job: job, giver: principal, expires: expires)
    }
}
