package import PanalCore

/// Who is on the machine at this moment.
package struct MachineReport: Hashable, Sendable {
    /// A job that has cores, or a part of them.
    package struct Guest: Hashable, Sendable {
        package var job: Job
        package var owner: String
    }

    /// Numbers of the cores that cells may be given.
    package var cores: [Int]
    package var guests: [Guest]
}

extension Panal {
    /// Cells that are listed at most; there are never as many on one machine.
    private static let mostGuests = 500

    /// For administrators.
    package func machine(_ principal: Principal) async throws -> MachineReport {
        try requireAdministrator(principal)
        var names: [UserID: String] = [:]
        var guests: [MachineReport.Guest] = []
        for state in JobState.allCases where !state.isFinal && state != .queued {
            for job in try await store.jobs(JobQuery(state: state, limit: Self.mostGuests)) {
                if names[job.owner] == nil { names[job.owner] = try await store.user(job.owner)?.name ?? "" }
                guests.append(MachineReport.Guest(job: job, owner: names[job.owner] ?? ""))
            }
        }
        return MachineReport(cores: executor.capacity.cores, guests: guests)
    }
}
