import PanalCore
import PanalScheduler

/// Jobs as they come to a machine that is always full: sizes, memory, users and time limits out of a seed.
struct SchedulerLoad {
    private var generator: SeededGenerator
    private var last: Int64 = 0
    /// Microseconds.
    private(set) var now: Int64 = 1_700_000_000_000_000
    /// What runs, by the moment at which it really ends: between a tenth of its time limit and all of it.
    private var ends = EndHeap()
    private var limits: [Int64: Int64] = [:]

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    static func hosts(_ count: Int) -> [HostDescription] {
        (0..<count).map { number in
            HostDescription(
                name: "h\(number)",
                cores: (0..<16).map { CoreDescription(threads: [$0, $0 + 16], cache: $0 / 8) }, memory: 64 << 30)
        }
    }

    mutating func next() -> (Ticket, JobDemand) {
        last += 1
        let cpu: CPUGrant =
            switch Int.random(in: 0..<100, using: &generator) {
            case 0..<30: .exclusive(cores: 1)
            case 30..<45: .exclusive(cores: 2)
            case 45..<60: .exclusive(cores: 4)
            case 60..<65: .exclusive(cores: 8)
            case 65..<67: .exclusive(cores: 16)
            case 67..<85: .shared(millicores: 500)
            default: .shared(millicores: 250)
            }
        let memory = Int.random(in: 1...6, using: &generator) << 30
        // Half a minute to four hours, short ones more often.
        let limit = Int64(30) << Int64.random(in: 0...9, using: &generator)
        let user = Int.random(in: 0..<200, using: &generator)
        limits[last] = limit * 1_000_000
        return (
            Ticket(number: last),
            JobDemand(
                ResourceRequest(cpu: cpu, memory: memory), timeLimit: .seconds(limit), user: "user-\(user)",
                group: "group-\(user % 20)", priority: last % 10 == 0 ? .high : last % 7 == 0 ? .low : .normal)
        )
    }

    /// These run from now on.
    mutating func start(_ ticket: Int64) {
        let limit = limits.removeValue(forKey: ticket) ?? 0
        ends.push(now + Int64.random(in: (limit / 10)...limit, using: &generator), ticket)
    }

    /// The next one that ends; time goes on until then. Nil when nothing runs.
    mutating func end() -> Ticket? {
        guard let (moment, ticket) = ends.pop() else { return nil }
        now = max(now, moment)
        return Ticket(number: ticket)
    }
}

/// A binary heap.
private struct EndHeap {
    private var items: [(moment: Int64, ticket: Int64)] = []

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        (items[left].moment, items[left].ticket) < (items[right].moment, items[right].ticket)
    }

    mutating func push(_ moment: Int64, _ ticket: Int64) {
        items.append((moment, ticket))
        var at = items.count - 1
        while at > 0, isBefore(at, (at - 1) / 2) {
            items.swapAt(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
    }

    mutating func pop() -> (Int64, Int64)? {
        guard let first = items.first else { return nil }
        items[0] = items[items.count - 1]
        items.removeLast()
        var at = 0
        while 2 * at + 1 < items.count {
            let right = 2 * at + 2
            let child = right < items.count && isBefore(right, right - 1) ? right : right - 1
            guard isBefore(child, at) else { break }
            items.swapAt(at, child)
            at = child
        }
        return first
    }
}

/// What is measured: something that takes jobs and ends, and tells what it starts.
protocol MeasuredScheduler {
    var waiting: Int { get }
    mutating func submit(_ ticket: Ticket, _ demand: JobDemand, at moment: Timestamp) -> [Int64]
    mutating func finish(_ ticket: Ticket, at moment: Timestamp) -> [Int64]
}

struct PanalScheduling: MeasuredScheduler {
    private(set) var state: ScheduleState

    init(hosts: Int) {
        state = ScheduleState(hosts: SchedulerLoad.hosts(hosts), settings: ScheduleSettings(queueLimit: .max))
    }

    var waiting: Int { state.waitingCount }

    mutating func submit(_ ticket: Ticket, _ demand: JobDemand, at moment: Timestamp) -> [Int64] {
        starts(.submit(ticket, demand), moment)
    }

    mutating func finish(_ ticket: Ticket, at moment: Timestamp) -> [Int64] { starts(.finished(ticket), moment) }

    private mutating func starts(_ event: ScheduleEvent, _ moment: Timestamp) -> [Int64] {
        state.apply(event, at: moment).compactMap {
            if case .start(let ticket, _) = $0 { ticket.number } else { nil }
        }
    }
}

/// What a simple scheduler does: an array in the order of submission, looked through from its beginning whenever something becomes
/// free; a job takes the first host with room. It knows no fair share, no limits and no promises.
struct PlainScheduling: MeasuredScheduler {
    private struct Host {
        var millicores = 16_000
        var memory = 64 << 30
    }

    private struct Waiting {
        var ticket: Int64
        var millicores: Int
        var memory: Int
    }

    private var hosts: [Host]
    private var queue: [Waiting] = []
    private var running: [Int64: (host: Int, job: Waiting)] = [:]

    init(hosts: Int) {
        self.hosts = Array(repeating: Host(), count: hosts)
    }

    var waiting: Int { queue.count }

    private mutating func place(_ job: Waiting) -> Bool {
        for host in hosts.indices where job.millicores <= hosts[host].millicores && job.memory <= hosts[host].memory {
            hosts[host].millicores -= job.millicores
            hosts[host].memory -= job.memory
            running[job.ticket] = (host, job)
            return true
        }
        return false
    }

    mutating func submit(_ ticket: Ticket, _ demand: JobDemand, at moment: Timestamp) -> [Int64] {
        let job = Waiting(
            ticket: ticket.number, millicores: demand.millicores, memory: demand.cells.first?.request.memory ?? 0)
        if place(job) { return [job.ticket] }
        queue.append(job)
        return []
    }

    mutating func finish(_ ticket: Ticket, at moment: Timestamp) -> [Int64] {
        guard let (host, job) = running.removeValue(forKey: ticket.number) else { return [] }
        hosts[host].millicores += job.millicores
        hosts[host].memory += job.memory
        var started: [Int64] = []
        var kept = 0
        for index in queue.indices {
            if place(queue[index]) {
                started.append(queue[index].ticket)
            } else {
                queue.swapAt(kept, index)
                kept += 1
            }
        }
        queue.removeLast(queue.count - kept)
        return started
    }
}

/// Times of events, of each kind apart: a plain array is quick to take a job and slow to look for the next one.
struct EventTimes {
    var submissions: [Duration] = []
    var ends: [Duration] = []

    var count: Int { submissions.count + ends.count }
    var all: [Duration] { submissions + ends }
}

extension MeasuredScheduler {
    /// Fills all hosts and the queue, then measures each event of the steady state: one ends, and as many come as have started.
    mutating func measure(queued: Int, events: Int, atMost limit: Duration, _ load: inout SchedulerLoad) -> EventTimes {
        while waiting < queued {
            let (ticket, demand) = load.next()
            for started in submit(ticket, demand, at: Timestamp(microseconds: load.now)) { load.start(started) }
        }
        let clock = ContinuousClock()
        let beginning = clock.now
        var samples = EventTimes()
        while samples.count < events, samples.count < 20 || clock.now - beginning < limit, let ended = load.end() {
            let moment = Timestamp(microseconds: load.now)
            var before = clock.now
            var starts = finish(ended, at: moment)
            samples.ends.append(clock.now - before)
            for started in starts { load.start(started) }
            while waiting < queued {
                let (ticket, demand) = load.next()
                before = clock.now
                starts = submit(ticket, demand, at: moment)
                samples.submissions.append(clock.now - before)
                for started in starts { load.start(started) }
            }
        }
        return samples
    }
}
