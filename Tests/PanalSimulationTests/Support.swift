import Foundation
import PanalCore
import PanalScheduler
import PanalSimulation

/// A job of a hand-made load; times are seconds.
func job(
    _ name: String, at submitted: Int, run: Int, limit: Int? = nil, cores: Int = 1, cells: Int = 1,
    user: String = "u", priority: PriorityClass = .normal
) -> TraceJob {
    TraceJob(
        name: name, submitted: Timestamp(microseconds: Int64(submitted) * 1_000_000), runTime: .seconds(run),
        timeLimit: .seconds(limit ?? run), cpu: .exclusive(cores: cores), cells: cells, user: user,
        priority: priority)
}

func policy(_ name: String) throws -> SchedulingPolicy {
    guard let found = SchedulingPolicy.named.first(where: { $0.name == name }) else {
        throw Missing(name: name)
    }
    return found.policy
}

struct Missing: Error {
    var name: String
}

func replay(_ jobs: [TraceJob], on hosts: String, _ name: String) throws -> SimulatedRun {
    Simulation(
        jobs: jobs, hosts: try HostSpecification.hosts(parsing: hosts),
        settings: ScheduleSettings(policy: try policy(name))
    ).run()
}

/// `A 0-10`: when each job started and ended, in seconds.
func times(_ run: SimulatedRun) -> [String] {
    zip(run.jobs, run.results).map { job, result in
        guard let started = result.started, let ended = result.ended else { return "\(job.name) never" }
        return "\(job.name) \(started / 1_000_000)-\(ended / 1_000_000)"
    }
}

func resource(_ path: String) throws -> [UInt8] {
    let file = Bundle.module.bundleURL.appendingPathComponent(path)
    return [UInt8](try Data(contentsOf: file))
}

func cutOfHPC2N() throws -> Trace { Trace(reading: try resource("Traces/hpc2n-cut.swf")) }
