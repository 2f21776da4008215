import PanalCore
import PanalScheduler
import Testing

/// A second book, kept by simple means from events and actions alone, that every action is held against.
private struct Book {
    let hosts: [HostDescription]
    let settings: ScheduleSettings
    var waiting: Set<Ticket> = []
    var held: [Ticket: [Reservation]] = [:]
    var guests: [Ticket: Reservation] = [:]
    var frozen: Set<Ticket> = []
    var demands: [Ticket: JobDemand] = [:]
    /// Of gangs with members, by the ticket that they wait under, and that ticket by each member's.
    var gangs: [Ticket: JobDemand] = [:]
    var leads: [Ticket: Ticket] = [:]
    var started: Set<Ticket> = []
    /// The first moment that was promised to each job while it was the head.
    var promises: [Ticket: Timestamp] = [:]
    /// What was not as it must be.
    var wrongs: [String] = []

    mutating func submit(_ ticket: Ticket, _ demand: JobDemand) {
        waiting.insert(ticket)
        demands[ticket] = demand
        guard !demand.members.isEmpty else { return }
        gangs[ticket] = demand
        let requests = demand.cells.flatMap { Array(repeating: $0.request, count: $0.count) }
        for (member, request) in zip(demand.members, requests) {
            leads[member] = ticket
            demands[member] = demand
            demands[member]?.cells = [CellDemand(request)]
        }
    }

    /// The ticket under which a job stands in the line.
    func lead(of ticket: Ticket) -> Ticket { leads[ticket] ?? ticket }

    mutating func take(_ actions: [ScheduleAction], submitted: Ticket?, now: Timestamp) {
        var together: [Ticket: Set<Ticket>] = [:]
        defer {
            for (lead, members) in together where members.count != gangs[lead]?.members.count {
                wrongs.append("of gang \(lead.number) only \(members.count) started")
            }
        }
        for action in actions {
            switch action {
            case .start(let ticket, let reservations):
                let isFirst = leads[ticket].map { together[$0] == nil } ?? true
                if let lead = leads[ticket] { together[lead, default: []].insert(ticket) }
                if isFirst, waiting.remove(lead(of: ticket)) == nil {
                    wrongs.append("\(ticket.number) started, and did not wait")
                }
                if !started.insert(ticket).inserted { wrongs.append("\(ticket.number) started twice") }
                check(reservations, of: ticket)
                if let promise = promises.removeValue(forKey: ticket), settings.policy == .easy, now > promise {
                    wrongs.append("\(ticket.number) started \(now - promise) after the moment that it was promised")
                }
                if demands[ticket]?.priority == .opportunistic {
                    guests[ticket] = reservations.first
                } else {
                    held[ticket] = reservations
                    checkGuests()
                }
            case .refuse(let ticket, _):
                if ticket != submitted { wrongs.append("\(ticket.number) was refused after it had been taken") }
                waiting.remove(ticket)
            case .freeze(let ticket):
                if guests[ticket] == nil || !frozen.insert(ticket).inserted {
                    wrongs.append("\(ticket.number) frozen, and did not compute")
                }
            case .thaw(let ticket):
                if frozen.remove(ticket) == nil { wrongs.append("\(ticket.number) thawed, and was not frozen") }
                checkGuests()
            }
        }
    }

    private func numbers(_ reservation: Reservation) -> Set<Int> {
        Set((reservation.cores + reservation.sharedCores).map { reservation.host.number << 16 | $0 })
    }

    /// Nobody computes on a guest's cores while it does.
    private mutating func checkGuests() {
        let taken = held.values.joined().reduce(into: Set<Int>()) { $0.formUnion(numbers($1)) }
        for (ticket, reservation) in guests where !frozen.contains(ticket) {
            if !taken.isDisjoint(with: numbers(reservation)) {
                wrongs.append("guest \(ticket.number) computes on somebody's cores")
            }
        }
    }

    private mutating func check(_ reservations: [Reservation], of ticket: Ticket) {
        guard let demand = demands[ticket] else {
            wrongs.append("\(ticket.number) was never submitted")
            return
        }
        let cells = demand.cells.flatMap { Array(repeating: $0.request, count: $0.count) }
        if cells.count != reservations.count { wrongs.append("\(ticket.number) got \(reservations.count) cells") }
        for (request, got) in zip(cells, reservations) {
            let threads = hosts[got.host.number].cores.first?.threads.count ?? 1
            switch request.cpu {
            case .exclusive(let count):
                if Set(got.cores).count != count * threads || got.millicores != 0 || !got.sharedCores.isEmpty {
                    wrongs.append("\(ticket.number) got \(got) for \(count) cores")
                }
            case .shared(let millicores):
                if got.millicores != millicores || !got.cores.isEmpty
                    || got.sharedCores.count != (millicores + 999) / 1_000
                {
                    wrongs.append("\(ticket.number) got \(got) for \(millicores) thousandths")
                }
            }
            if got.memory != request.memory { wrongs.append("\(ticket.number) got other memory than it asked for") }
            if let pools = demand.pools, !pools.contains(hosts[got.host.number].pool) {
                wrongs.append("\(ticket.number) runs in a pool that it may not use")
            }
        }
    }

    /// What must hold after every event.
    mutating func checkAll(_ state: ScheduleState) {
        var free = 0
        var freeMemory = 0
        for (number, host) in hosts.enumerated() {
            let here = held.values.joined().filter { $0.host.number == number }
            var exclusive: Set<Int> = []
            var shared: Set<Int> = []
            var (millicores, memory) = (0, 0)
            for reservation in here {
                for core in reservation.cores where !exclusive.insert(core).inserted {
                    wrongs.append("core \(core) of host \(number) twice")
                }
                shared.formUnion(reservation.sharedCores)
                millicores += reservation.millicores
                memory += reservation.memory
            }
            if !exclusive.isDisjoint(with: shared) {
                wrongs.append("a core is whole and shared: \(exclusive), \(shared)")
            }
            if !exclusive.union(shared).isSubset(of: host.cores.flatMap(\.threads)) {
                wrongs.append("a core that the host does not have")
            }
            if millicores > 1_000 * shared.count { wrongs.append("\(millicores) thousandths of \(shared.count) cores") }
            if memory > host.memory { wrongs.append("\(memory) bytes of \(host.memory)") }
            free += host.cores.count { exclusive.union(shared).isDisjoint(with: $0.threads) }
            freeMemory += host.memory - memory
            let ofGuests = guests.values.filter { $0.host.number == number }
            if ofGuests.reduce(0, { $0 + $1.memory }) > host.opportunisticMemory {
                wrongs.append("guests have more memory than is set aside")
            }
        }
        if state.unreservedMemory != freeMemory { wrongs.append("memory does not add up") }
        if state.freeCores != free { wrongs.append("cores do not add up") }
        if state.runningCount != held.count + guests.count { wrongs.append("\(state.runningCount) run") }
        let all = waiting.reduce(0) { $0 + max(1, gangs[$1]?.members.count ?? 1) }
        if state.waitingCount != all { wrongs.append("\(state.waitingCount) wait, the book says \(all)") }
        checkLimits()
        for report in state.queue(limit: 2) where report.reason.sentence.isEmpty {
            wrongs.append("a wait without a reason")
        }
    }

    private mutating func checkLimits() {
        guard let most = settings.users.runningCores, let mostJobs = settings.users.runningJobs else { return }
        var cores: [String: Int] = [:]
        for ticket in held.keys { cores[demands[ticket]?.user ?? "", default: 0] += demands[ticket]?.millicores ?? 0 }
        for (user, millicores) in cores where millicores > most * 1_000 {
            wrongs.append("\(user) runs on \(millicores)")
        }
        let jobs = Dictionary(grouping: held.keys) { demands[$0]?.user ?? "" }
        for (user, running) in jobs where running.count > mostJobs {
            wrongs.append("\(user) runs \(running.count) jobs")
        }
    }
}

/// What a random run is about.
struct RandomRun: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var hosts: [HostDescription]
    var settings: ScheduleSettings
    var seed: UInt64
}

@Suite struct RandomRunTests {
    private static let gibibyte = 1 << 30

    private static func host(_ name: String, cores: Int, threads: Int = 1, gibibytes: Int, pool: String = "a")
        -> HostDescription
    {
        HostDescription(
            name: name, pool: pool,
            cores: (0..<cores).map { core in
                CoreDescription(
                    threads: (0..<threads).map { core + $0 * cores }, cache: core / 4, node: core / 8)
            }, memory: gibibytes * gibibyte, opportunisticMemory: gibibyte)
    }

    private static let one = [host("one", cores: 12, gibibytes: 64)]
    private static let several = [
        host("small", cores: 2, gibibytes: 8), host("large", cores: 16, threads: 2, gibibytes: 64),
        host("other", cores: 4, gibibytes: 16, pool: "b"),
    ]

    static let runs: [RandomRun] = {
        let users = AccountLimits(runningCores: 8, runningJobs: 5, queuedJobs: 30)
        let half = Duration.seconds(3_600)
        let table: [(String, [HostDescription], SchedulingPolicy, AccountLimits)] = [
            ("first come, one host", one, .firstCome, AccountLimits()),
            ("EASY, one host", one, .easy, AccountLimits()),
            ("EASY, several hosts", several, .easy, AccountLimits()),
            ("Panal's own, one host, limits", one, .standard, users),
            ("Panal's own, several hosts", several, .standard, AccountLimits()),
        ]
        let named = table.map { name, hosts, policy, limits in
            RandomRun(
                testDescription: name, hosts: hosts,
                settings: ScheduleSettings(
                    policy: policy, queueLimit: 40, usageHalfLife: half, promotion: half, users: limits), seed: 1)
        }
        return named
            + Allocator.allCases.filter { $0 != .packed }.map { allocator in
                RandomRun(
                    testDescription: "\(allocator.rawValue), several hosts", hosts: several,
                    settings: ScheduleSettings(
                        policy: SchedulingPolicy(order: .allocators, backfill: .greedy, allocator: allocator),
                        queueLimit: 40), seed: 7)
            }
    }()

    /// A million events over all runs, out of seeds.
    @Test(arguments: runs) func keepsItsPromisesInARandomRun(_ run: RandomRun) throws {
        var generator = SeededGenerator(seed: run.seed)
        var state = ScheduleState(hosts: run.hosts, settings: run.settings)
        var book = Book(hosts: run.hosts, settings: run.settings)
        var ends: [Ticket: Timestamp] = [:]
        var now = Timestamp(microseconds: 0)
        var last: Int64 = 0
        var refusals = 0
        var closed: Set<Int> = []

        func apply(_ event: ScheduleEvent, submitted: Ticket? = nil) {
            let actions = state.apply(event, at: now)
            for case .start(let ticket, _) in actions {
                ends[ticket] = now + (book.demands[ticket]?.timeLimit ?? .zero)
            }
            if case .refuse? = actions.last { refusals += 1 }
            book.take(actions, submitted: submitted, now: now)
            if let promised = state.promised, book.promises[promised.ticket] == nil, closed.isEmpty {
                book.promises[promised.ticket] = promised.moment
            }
        }
        func end(_ ticket: Ticket) {
            book.held[ticket] = nil
            book.guests[ticket] = nil
            book.frozen.remove(ticket)
            ends[ticket] = nil
            apply(.finished(ticket))
        }

        for step in 0..<(1_000_000 / Self.runs.count + 1) {
            // Nothing runs for longer than it may.
            now = now + .microseconds(Int64.random(in: 0...4_000_000, using: &generator))
            let moment = now
            while let late = Self.first(of: ends, where: { book.guests[$0] == nil }), late.value <= moment {
                now = late.value
                end(late.key)
            }
            now = moment
            switch Int.random(in: 0..<100, using: &generator) {
            case 0..<46:
                last += 1
                let ticket = Ticket(number: last)
                var demand = Self.demand(&generator)
                // Whoever is more urgent may come before a head that was promised something.
                if run.settings.policy == .easy, demand.priority != .opportunistic { demand.priority = .normal }
                let cells = demand.cells.reduce(0) { $0 + $1.count }
                if (2...9).contains(cells), Bool.random(using: &generator) {
                    demand.members = (0..<cells).map { Ticket(number: last + Int64($0)) }
                    last += Int64(cells - 1)
                }
                book.submit(ticket, demand)
                apply(.submit(ticket, demand), submitted: ticket)
            case 46..<90:
                guard let ended = ends.keys.sorted().randomElement(using: &generator) else { continue }
                end(ended)
            case 90..<96:
                // One that waits, runs, has ended, was refused, or never was.
                let ticket = Ticket(number: Int64.random(in: 0...(last + 2), using: &generator))
                book.waiting.remove(book.lead(of: ticket))
                apply(.withdraw(ticket))
            case 96: apply(.tick)
            case 97:
                let host = Int.random(in: 0..<run.hosts.count, using: &generator)
                apply(.presence(HostID(number: host), Bool.random(using: &generator)))
            case 98 where step % 10 == 0:
                // A promise counts on the hosts that were open when it was made.
                let host = Int.random(in: 0..<run.hosts.count, using: &generator)
                if closed.remove(host) == nil { closed.insert(host) }
                book.promises = [:]
                apply(.host(HostID(number: host), closed.contains(host) ? .closed : .open))
            default:
                let ticket = Ticket(number: Int64.random(in: -2...(last + 2), using: &generator))
                if ends[ticket] == nil { apply(.finished(ticket)) }
            }
            if step % 32 == 0 { book.checkAll(state) }
            try #require(book.wrongs.isEmpty, "step \(step): \(book.wrongs)")
        }

        // Everything comes back, and everybody who waits gets its turn.
        for host in closed { apply(.host(HostID(number: host), .open)) }
        for host in run.hosts.indices { apply(.presence(HostID(number: host), false)) }
        while let running = Self.first(of: ends, where: { _ in true }) {
            now = max(now, running.value)
            end(running.key)
            book.checkAll(state)
        }
        try #require(book.wrongs.isEmpty, "\(book.wrongs)")
        #expect(book.waiting.isEmpty)
        #expect(state.freeCores == run.hosts.reduce(0) { $0 + $1.cores.count })
        #expect(state.unreservedMemory == run.hosts.reduce(0) { $0 + $1.memory })
        #expect(state.utilisation == 0)
        // The run was worth something: it started much and refused some.
        #expect(book.started.count > 10_000)
        #expect(refusals > 100)
    }

    private static func first(
        of ends: [Ticket: Timestamp], where isMeant: (Ticket) -> Bool
    ) -> (key: Ticket, value: Timestamp)? {
        ends.filter { isMeant($0.key) }.min { ($0.value, $0.key) < ($1.value, $1.key) }
    }

    private static func demand(_ generator: inout SeededGenerator) -> JobDemand {
        let memory = Int.random(in: 1...24, using: &generator) << 28
        let user = "u\(Int.random(in: 0..<6, using: &generator))"
        var demand = JobDemand(
            ResourceRequest(cpu: .exclusive(cores: Int.random(in: 1...6, using: &generator)), memory: memory),
            timeLimit: .seconds(Int.random(in: 1...90, using: &generator)), user: user, group: "g\(user.last ?? "0")",
            priority: [.high, .normal, .normal, .low].randomElement(using: &generator) ?? .normal)
        switch Int.random(in: 0..<20, using: &generator) {
        case 0..<9: break
        case 9..<14:
            demand.cells[0].request.cpu = .shared(millicores: Int.random(in: 1...3_000, using: &generator))
        case 14..<16:
            demand.priority = .opportunistic
            demand.cells[0].request.memory = Int.random(in: 1...8, using: &generator) << 26
        case 16..<18:
            demand.cells[0].request.cpu = .exclusive(cores: 1)
            demand.cells[0].count = Int.random(in: 2...6, using: &generator)
            if Bool.random(using: &generator) {
                demand.cells.append(CellDemand(ResourceRequest(cpu: .shared(millicores: 700), memory: 1 << 28)))
            }
        case 18: demand.pools = ["b"]
        default:
            // Now and then one that can never be.
            demand.cells[0].request = ResourceRequest(
                cpu: .exclusive(cores: Int.random(in: 0...17, using: &generator)),
                memory: Int.random(in: 0...70, using: &generator) << 30)
        }
        return demand
    }
}
