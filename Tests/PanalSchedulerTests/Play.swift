import PanalCore
import PanalScheduler
import Testing

/// A schedule that is played step by step: what happens at which second, and what the schedule is to answer.
struct Play: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var hosts: [HostDescription]
    var settings: ScheduleSettings
    var steps: [Step]

    struct Step: Sendable {
        var second: Int64
        var event: ScheduleEvent
        /// See `Player.words`.
        var answer: String
    }

    init(
        _ testDescription: String, hosts: [HostDescription] = [host(4)], policy: SchedulingPolicy = .easy,
        settings: ScheduleSettings? = nil, _ steps: [Step]
    ) {
        self.testDescription = testDescription
        self.hosts = hosts
        self.settings = settings ?? ScheduleSettings(policy: policy)
        self.steps = steps
    }

    /// The answers that were not as expected.
    func mistakes() -> [String] {
        var player = Player(hosts, settings)
        return steps.enumerated().compactMap { number, step in
            let answer = player.apply(step.event, at: step.second)
            return answer == step.answer ? nil : "step \(number): ‘\(answer)’ rather than ‘\(step.answer)’"
        }
    }
}

/// Applies events at seconds, and says in short words what follows.
struct Player: Sendable {
    var state: ScheduleState

    init(_ hosts: [HostDescription], _ settings: ScheduleSettings) {
        state = ScheduleState(hosts: hosts, settings: settings)
    }

    mutating func apply(_ event: ScheduleEvent, at second: Int64) -> String {
        Self.words(state.apply(event, at: Timestamp(microseconds: second * 1_000_000)))
    }

    mutating func submit(_ number: Int64, _ demand: JobDemand, at second: Int64) -> String {
        apply(.submit(Ticket(number: number), demand), at: second)
    }

    mutating func end(_ number: Int64, at second: Int64) -> String {
        apply(.finished(Ticket(number: number)), at: second)
    }

    /// `1>0` for job 1 on host 0, `2>0+1` for a gang on two hosts, `3 refused`, `4 frozen`, `5 thawed`.
    static func words(_ actions: [ScheduleAction]) -> String {
        actions.map { action in
            switch action {
            case .start(let ticket, let reservations):
                "\(ticket.number)>" + reservations.map { "\($0.host.number)" }.joined(separator: "+")
            case .refuse(let ticket, _): "\(ticket.number) refused"
            case .freeze(let ticket): "\(ticket.number) frozen"
            case .thaw(let ticket): "\(ticket.number) thawed"
            }
        }.joined(separator: ", ")
    }
}

func submit(_ second: Int64, _ number: Int64, _ demand: JobDemand, _ answer: String = "") -> Play.Step {
    Play.Step(second: second, event: .submit(Ticket(number: number), demand), answer: answer)
}

func end(_ second: Int64, _ number: Int64, _ answer: String = "") -> Play.Step {
    Play.Step(second: second, event: .finished(Ticket(number: number)), answer: answer)
}

func step(_ second: Int64, _ event: ScheduleEvent, _ answer: String = "") -> Play.Step {
    Play.Step(second: second, event: event, answer: answer)
}

/// Whole cores for some seconds at the most.
func cores(
    _ count: Int, for seconds: Int64, user: String = "", group: String = "", priority: PriorityClass = .normal,
    gibibytes: Int = 1, cells: Int = 1, allocator: Allocator? = nil
) -> JobDemand {
    JobDemand(
        cells: [
            CellDemand(
                ResourceRequest(cpu: .exclusive(cores: count), memory: gibibytes << 30), count: cells)
        ], timeLimit: .seconds(seconds), user: user, group: group, priority: priority, allocator: allocator)
}

/// Thousandths of cores for some seconds at the most.
func part(_ millicores: Int, for seconds: Int64, user: String = "", priority: PriorityClass = .normal) -> JobDemand {
    JobDemand(
        ResourceRequest(cpu: .shared(millicores: millicores), memory: 1 << 20), timeLimit: .seconds(seconds),
        user: user, priority: priority)
}

func host(
    _ cores: Int, threads: Int = 1, gibibytes: Int = 64, name: String = "one", pool: String = "a", isDesk: Bool = false,
    forGuests: Int = 0
) -> HostDescription {
    HostDescription(
        name: name, pool: pool,
        cores: (0..<cores).map { core in CoreDescription(threads: (0..<threads).map { core + $0 * cores }) },
        memory: gibibytes << 30, opportunisticMemory: forGuests << 30, isDesk: isDesk)
}

func hosts(_ cores: Int...) -> [HostDescription] {
    cores.enumerated().map { number, count in host(count, name: "h\(number)") }
}
