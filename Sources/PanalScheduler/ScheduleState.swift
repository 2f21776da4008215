package import PanalCore

/// Who runs and who waits on one host: a pure value that answers each event with what is to be done.
///
/// Strictly first come, first served: the job with the lowest ticket is the head, and nothing starts before it, even
/// when it would fit. Whole cores belong to one job; shared grants take thousandths out of cores that are set aside for
/// sharing while they are needed for it; memory is added up.
///
/// A job is known from its `submit` until it is refused, withdrawn while it waits, or `finished` after it was started.
/// Events about unknown tickets change nothing, so that reporting an end twice is harmless; so is submitting a known
/// ticket again.
package struct ScheduleState: Sendable {
    package let capacity: HostCapacity
    /// Jobs that may wait at the same time. A job that starts at once never waits.
    package let queueLimit: Int

    private struct Waiting: Sendable {
        var ticket: Ticket
        var request: ResourceRequest
    }

    private struct Running: Sendable {
        var reservation: Reservation
        var sharedParts: [(core: Int, millicores: Int)]
    }

    /// Ascending by ticket.
    private var queue: [Waiting] = []
    private var running: [Ticket: Running] = [:]
    private var cores: CoreMap
    private var freeMemory: Int

    package init(capacity: HostCapacity, queueLimit: Int) {
        self.capacity = capacity
        self.queueLimit = max(0, queueLimit)
        cores = CoreMap(cores: capacity.cores)
        freeMemory = max(0, capacity.memory)
    }

    package var waitingCount: Int { queue.count }
    package var runningCount: Int { running.count }
    /// Cores with nothing on them.
    package var freeCores: Int { cores.freeCount }
    /// Bytes not promised to anybody.
    package var unreservedMemory: Int { freeMemory }

    /// What `ticket` holds, nil when it does not run.
    package func reservation(of ticket: Ticket) -> Reservation? { running[ticket]?.reservation }

    /// Takes one event and says what follows from it. `now` is what policies with deadlines will decide by; first come,
    /// first served needs only the order.
    package mutating func apply(_ event: ScheduleEvent, at now: Timestamp) -> [ScheduleAction] {
        switch event {
        case .submit(let ticket, let request):
            return submit(ticket, request)
        case .finished(let ticket):
            guard let ended = running.removeValue(forKey: ticket) else { return [] }
            cores.releaseWhole(ended.reservation.cores)
            cores.releaseShared(ended.sharedParts)
            freeMemory += ended.reservation.memory
            return startWhatFits()
        case .withdraw(let ticket):
            guard let place = place(of: ticket) else { return [] }
            queue.remove(at: place)
            return startWhatFits()
        }
    }

    private mutating func submit(_ ticket: Ticket, _ request: ResourceRequest) -> [ScheduleAction] {
        guard running[ticket] == nil, place(of: ticket) == nil else { return [] }
        if let reason = refusal(of: request) { return [.refuse(ticket, reason: reason)] }
        queue.insert(Waiting(ticket: ticket, request: request), at: insertionPoint(of: ticket))
        var actions = startWhatFits()
        if queue.count > queueLimit, let place = place(of: ticket) {
            queue.remove(at: place)
            actions.append(
                .refuse(ticket, reason: "the queue is full: \(Words.count(queue.count, "job")) already waiting"))
        }
        return actions
    }

    private mutating func startWhatFits() -> [ScheduleAction] {
        var actions: [ScheduleAction] = []
        var started = 0
        while started < queue.count, let reservation = reserve(queue[started]) {
            actions.append(.start(queue[started].ticket, reservation))
            started += 1
        }
        queue.removeFirst(started)
        return actions
    }

    /// Takes what a job wants out of what is free; nil, and nothing taken, when it does not fit now.
    private mutating func reserve(_ job: Waiting) -> Reservation? {
        guard job.request.memory <= freeMemory else { return nil }
        let reservation: Reservation
        var parts: [(core: Int, millicores: Int)] = []
        switch job.request.cpu {
        case .exclusive(let count):
            guard let whole = cores.wholeCores(count) else { return nil }
            cores.takeWhole(whole)
            reservation = Reservation(cores: whole, millicores: 0, memory: job.request.memory)
        case .shared(let millicores):
            guard let found = cores.parts(millicores: millicores) else { return nil }
            parts = found
            cores.takeShared(parts)
            reservation = Reservation(
                cores: [], millicores: millicores, memory: job.request.memory, sharedCores: parts.map(\.core))
        }
        freeMemory -= job.request.memory
        running[job.ticket] = Running(reservation: reservation, sharedParts: parts)
        return reservation
    }
}

// MARK: - Places in the queue

extension ScheduleState {
    private func insertionPoint(of ticket: Ticket) -> Int {
        var low = 0
        var high = queue.count
        while low < high {
            let middle = (low + high) / 2
            if queue[middle].ticket < ticket { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func place(of ticket: Ticket) -> Int? {
        let place = insertionPoint(of: ticket)
        return place < queue.count && queue[place].ticket == ticket ? place : nil
    }
}

// MARK: - Reasons in words and numbers

extension ScheduleState {
    /// Why `request` can never run here, in words; nil when it can.
    package func refusal(of request: ResourceRequest) -> String? {
        guard request.memory >= 1 else { return "asks for \(request.memory) bytes of memory; at least 1 is needed" }
        switch request.cpu {
        case .exclusive(let count):
            guard count >= 1 else { return "asks for \(count) cores; at least 1 is needed" }
            if count > cores.count {
                return "needs \(Words.count(count, "whole core")), this host has \(cores.count) for cells"
            }
        case .shared(let millicores):
            guard millicores >= 1 else { return "asks for \(millicores) thousandths of a core; at least 1 is needed" }
            if millicores > 1_000 * cores.count {
                return "needs \(Words.cores(millicores)) shared cores, this host has \(cores.count) for cells"
            }
        }
        if request.memory > capacity.memory {
            return "needs \(ByteCount.text(request.memory)) of memory, "
                + "this host has \(ByteCount.text(capacity.memory)) for cells"
        }
        return nil
    }

    /// Why `ticket` waits: what it lacks, and how many jobs are ahead of it (`needs 2 whole cores, 1 is free; 3 jobs
    /// are ahead`); nil when it does not wait.
    package func waitingReason(_ ticket: Ticket) -> String? {
        guard let place = place(of: ticket) else { return nil }
        let ahead = "\(Words.count(place, "job")) \(place == 1 ? "is" : "are") ahead"
        if let lack = lack(of: queue[place].request) { return place == 0 ? lack : "\(lack); \(ahead)" }
        guard place > 0, let head = lack(of: queue[0].request) else { return ahead }
        return "\(ahead), the first of them \(head)"
    }

    /// What is missing for `request` to start now; nil when nothing is.
    private func lack(of request: ResourceRequest) -> String? {
        var lacks: [String] = []
        switch request.cpu {
        case .exclusive(let count):
            let free = cores.freeCount
            if free < count { lacks.append("needs \(Words.count(count, "whole core")), \(Words.areFree(free))") }
        case .shared(let millicores):
            if cores.parts(millicores: millicores) == nil {
                lacks.append(
                    "needs \(Words.cores(millicores)) shared cores, \(Words.cores(cores.freeMillicores)) left in all")
            }
        }
        if request.memory > freeMemory {
            let free = freeMemory == 0 ? "none" : ByteCount.text(freeMemory)
            lacks.append("needs \(ByteCount.text(request.memory)) of memory, \(free) is free")
        }
        return lacks.isEmpty ? nil : lacks.joined(separator: ", and ")
    }
}

/// Numbers as people say them.
private enum Words {
    static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    static func areFree(_ number: Int) -> String {
        switch number {
        case 0: "none is free"
        case 1: "1 is free"
        default: "\(number) are free"
        }
    }

    /// Thousandths as cores: 500 is `0.5`, 1250 is `1.25`.
    static func cores(_ millicores: Int) -> String {
        let (whole, rest) = millicores.quotientAndRemainder(dividingBy: 1_000)
        guard rest > 0 else { return String(whole) }
        var digits = String(rest)
        digits = String(repeating: "0", count: 3 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(whole).\(digits)"
    }
}
