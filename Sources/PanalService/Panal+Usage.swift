package import PanalCore

extension Panal {
    /// How a job's use of processor and memory went, as far as it was looked at: from its second second on, once a second at most. Nil
    /// for jobs that were too short, that ended a while ago, or before this process began. Throws `notFound`.
    package func usageHistory(_ principal: Principal, of id: JobID) async throws -> UsageHistory? {
        _ = try await owned(id, principal)
        return runner?.usage[id]
    }
}
