import PanalCore
import PanalScheduler
import Testing

/// SplitMix64: the same run for the same seed.
private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A second book, kept by simple means from events and actions alone, that every action is held against.
private struct Book {
    let capacity: HostCapacity
    var waiting: [Ticket] = []
    var held: [Ticket: Reservation] = [:]
    var requests: [Ticket: ResourceRequest] = [:]
    var started: Set<Ticket> = []
    /// What was not as it must be.
    var wrongs: [String] = []

    mutating func take(_ actions: [ScheduleAction], submitted: Ticket?) {
        for action in actions {
            switch action {
            case .start(let ticket, let reservation):
                if waiting.first != ticket { wrongs.append("\(ticket.number) started before the head") }
                waiting.removeAll { $0 == ticket }
                if !started.insert(ticket).inserted { wrongs.append("\(ticket.number) started twice") }
                check(reservation, of: ticket)
                held[ticket] = reservation
            case .refuse(let ticket, _):
                if ticket != submitted { wrongs.append("\(ticket.number) was refused after it had been taken") }
                waiting.removeAll { $0 == ticket }
            }
        }
    }

    private mutating func check(_ reservation: Reservation, of ticket: Ticket) {
        guard let request = requests[ticket] else {
            wrongs.append("\(ticket.number) was never submitted")
            return
        }
        switch request.cpu {
        case .exclusive(let count):
            if Set(reservation.cores).count != count || reservation.millicores != 0 || !reservation.sharedCores.isEmpty
            {
                wrongs.append("\(ticket.number) got \(reservation) for \(count) cores")
            }
        case .shared(let millicores):
            if reservation.millicores != millicores || !reservation.cores.isEmpty
                || reservation.sharedCores.count != (millicores + 999) / 1_000
            {
                wrongs.append("\(ticket.number) got \(reservation) for \(millicores) thousandths")
            }
        }
        if reservation.memory != request.memory { wrongs.append("\(ticket.number) got other memory than it asked for") }
    }

    /// What must hold after every event.
    mutating func checkAll(_ state: ScheduleState) {
        var exclusive: Set<Int> = []
        var shared: Set<Int> = []
        var millicores = 0
        var memory = 0
        for (ticket, reservation) in held {
            for core in reservation.cores where !exclusive.insert(core).inserted {
                wrongs.append("core \(core) twice, \(ticket.number) the second")
            }
            shared.formUnion(reservation.sharedCores)
            millicores += reservation.millicores
            memory += reservation.memory
        }
        if !exclusive.isDisjoint(with: shared) { wrongs.append("a core is whole and shared: \(exclusive), \(shared)") }
        if !exclusive.union(shared).isSubset(of: capacity.cores) { wrongs.append("a core that the host does not have") }
        if millicores > 1_000 * shared.count { wrongs.append("\(millicores) thousandths of \(shared.count) cores") }
        if memory > capacity.memory { wrongs.append("\(memory) bytes of \(capacity.memory)") }
        if state.unreservedMemory != capacity.memory - memory { wrongs.append("memory does not add up") }
        if state.freeCores != capacity.cores.count - exclusive.count - shared.count {
            wrongs.append("cores do not add up")
        }
        if state.runningCount != held.count { wrongs.append("\(state.runningCount) run, the book says \(held.count)") }
        if state.waitingCount != waiting.count {
            wrongs.append("\(state.waitingCount) wait, the book says \(waiting.count)")
        }
        if let head = waiting.first, state.waitingReason(head) == nil {
            wrongs.append("the head waits without a reason")
        }
        if let last = waiting.last, state.waitingReason(last) == nil {
            wrongs.append("the last waits without a reason")
        }
    }
}

@Suite struct RandomRunTests {
    /// 100,000 events out of a seed, on a host of twelve cores with a hole in their numbers.
    @Test(arguments: [1, 20_261_121] as [UInt64]) func keepsItsPromisesInARandomRun(seed: UInt64) throws {
        let capacity = HostCapacity(cores: [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 14, 15], memory: 64 << 30)
        var generator = Generator(state: seed)
        var state = ScheduleState(capacity: capacity, queueLimit: 40)
        var book = Book(capacity: capacity)
        var last: Int64 = 0
        var refusals = 0

        for step in 0..<100_000 {
            let now = Timestamp(microseconds: Int64(step))
            switch Int.random(in: 0..<100, using: &generator) {
            case 0..<46:
                last += 1
                let ticket = Ticket(number: last)
                let request = Self.request(&generator)
                book.requests[ticket] = request
                book.waiting.append(ticket)
                let actions = state.apply(.submit(ticket, request), at: now)
                if case .refuse? = actions.last { refusals += 1 }
                book.take(actions, submitted: ticket)
            case 46..<92:
                guard let ended = book.held.keys.sorted().randomElement(using: &generator) else { continue }
                book.held[ended] = nil
                book.take(state.apply(.finished(ended), at: now), submitted: nil)
            case 92..<96:
                // One that waits, runs, has ended, was refused, or never was.
                let ticket = Ticket(number: Int64.random(in: 0...(last + 2), using: &generator))
                book.waiting.removeAll { $0 == ticket }
                book.take(state.apply(.withdraw(ticket), at: now), submitted: nil)
            default:
                let ticket = Ticket(number: Int64.random(in: -2...(last + 2), using: &generator))
                if book.held[ticket] != nil { continue }
                book.take(state.apply(.finished(ticket), at: now), submitted: nil)
            }
            book.checkAll(state)
            try #require(book.wrongs.isEmpty, "step \(step), seed \(seed): \(book.wrongs)")
        }

        // Everything comes back, and everybody who waits gets its turn.
        while let running = book.held.keys.min() {
            book.held[running] = nil
            book.take(state.apply(.finished(running), at: Timestamp(microseconds: 0)), submitted: nil)
            book.checkAll(state)
        }
        try #require(book.wrongs.isEmpty)
        #expect(book.waiting.isEmpty)
        #expect(state.freeCores == capacity.cores.count)
        #expect(state.unreservedMemory == capacity.memory)
        // The run was worth something: it started much and refused some.
        #expect(book.started.count > 20_000)
        #expect(refusals > 100)
    }

    private static func request(_ generator: inout Generator) -> ResourceRequest {
        let memory = Int.random(in: 1...40, using: &generator) << 28
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<6:
            return ResourceRequest(cpu: .exclusive(cores: Int.random(in: 1...6, using: &generator)), memory: memory)
        case 6..<9:
            return ResourceRequest(
                cpu: .shared(millicores: Int.random(in: 1...3_000, using: &generator)), memory: memory)
        default:
            // Now and then one that can never be.
            return ResourceRequest(
                cpu: .exclusive(cores: Int.random(in: 0...13, using: &generator)),
                memory: Int.random(in: 0...70, using: &generator) << 30)
        }
    }
}
