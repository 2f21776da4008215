import PanalCore

/// Gangs: jobs of several cells.
///
/// While it waits a gang is one job of the line, which wants all of its cells at once: head, promise and backfill know no other rule
/// for it. Some gangs also end as one. The cells of others have tickets of their own, its *members*: each is a job of its own from
/// the start on and gives back what it has at its own end. Until then a member's ticket stands for the whole gang: who withdraws
/// one of them withdraws all.
extension ScheduleState {
    /// Makes jobs of the members of gangs that have just started, and tells of each by itself.
    mutating func separateGangs(_ now: Int64, _ actions: inout [ScheduleAction]) {
        guard actions.contains(where: { members(startedBy: $0) != nil }) else { return }
        // Nothing else changes: the same cores are taken until the same moment, so that what was promised holds.
        let promise = self.promise
        var told: [ScheduleAction] = []
        for action in actions {
            guard let (gang, reservations) = members(startedBy: action) else {
                told.append(action)
                continue
            }
            let demand = jobs[Int(gang)].demand
            let requests = demand.cells.flatMap { Array(repeating: $0.request, count: $0.count) }
            end(gang, now)
            for (member, (request, reservation)) in zip(demand.members, zip(requests, reservations)) {
                var own = demand
                (own.cells, own.members) = ([CellDemand(request)], [])
                adopt(member, own, [reservation], started: now, now, &told)
                told.append(.start(member, [reservation]))
            }
        }
        self.promise = promise
        actions = told
    }

    /// The ticket under which a waiting job stands in the line: its own, or that of its gang.
    func lineTicket(of ticket: Ticket) -> Ticket { numbers[ticket].map { jobs[Int($0)].ticket } ?? ticket }

    /// The tickets that wait under one with a ticket, all of a gang's; only itself where it waits alone, or does not wait.
    func together(with ticket: Ticket) -> [Ticket] {
        guard let job = numbers[ticket], jobs[Int(job)].isWaiting, !jobs[Int(job)].demand.members.isEmpty else {
            return [ticket]
        }
        return jobs[Int(job)].demand.members
    }

    /// The gang that an action starts, where it has members.
    private func members(startedBy action: ScheduleAction) -> (gang: Int32, [Reservation])? {
        guard case .start(let ticket, let reservations) = action, let job = numbers[ticket],
            !jobs[Int(job)].demand.members.isEmpty
        else { return nil }
        return (job, reservations)
    }
}

extension JobDemand {
    /// Jobs that are to start together and end each by itself: the demand of all, under the ticket of the first. What goes beyond the
    /// cell and the time limit is taken from the first, since they are one owner's. Nil for none.
    package static func gang(of jobs: [(ticket: Ticket, demand: JobDemand)]) -> JobDemand? {
        guard var gang = jobs.first?.demand else { return nil }
        gang.cells = []
        for cell in jobs.lazy.flatMap(\.demand.cells) {
            if let last = gang.cells.indices.last, gang.cells[last].request == cell.request {
                gang.cells[last].count += cell.count
            } else {
                gang.cells.append(cell)
            }
        }
        gang.timeLimit = jobs.reduce(.zero) { max($0, $1.demand.timeLimit) }
        gang.members = jobs.map(\.ticket)
        return gang
    }
}
