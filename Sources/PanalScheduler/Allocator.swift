/// Which host takes a job: UnaCloud's seven algorithms, and Panal's own. Each is an order of hosts, an order of the jobs that are
/// decided on together, and a rule; a job fits a host when its cores and its memory fit beside what runs there.
///
/// UnaCloud gave up without a word (`random`, with more than two jobs for each host), and what did not fit was an error. Here
/// what does not fit now waits.
package enum Allocator: String, Hashable, Sendable, Codable, CaseIterable {
    /// Panal's own: the host that is left with the fewest free cores, jobs in the order of the queue.
    case packed
    /// Hosts and jobs shuffled; the first that fits.
    case random
    /// Hosts by name, one job for each and pass; a job that does not fit is offered to the next host.
    case roundRobin
    /// Hosts by number; the first that fits.
    case firstFit
    /// Hosts by free cores, fewest first, sorted once for each decision; most cores first; the first that fits.
    case firstFitDecreasing
    /// Hosts by free cores, fewest first, sorted again after each placement; most cores first; the first that fits.
    case bestFit
    /// Hosts with the most jobs first, then those with a person at the desk, then those with the fewest free cores; most cores first.
    case sorting
    /// One job for each host that is wholly empty, hosts and jobs as listed.
    case singleton

    package enum JobOrder: Hashable, Sendable {
        case asGiven, shuffled, mostCoresFirst
    }

    package var jobOrder: JobOrder {
        switch self {
        case .packed, .roundRobin, .firstFit, .singleton: .asGiven
        case .random: .shuffled
        case .firstFitDecreasing, .bestFit, .sorting: .mostCoresFirst
        }
    }
}
