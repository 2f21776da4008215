import PanalCore

/// What a policy did to a load, in numbers.
///
/// Only jobs that started are in the waits and slowdowns; the others are counted. Times are seconds.
package struct SimulationFigures: Hashable, Sendable, Codable {
    /// Jobs that ran to their end, those that were ended at their limit among them.
    package var jobs = 0
    package var cut = 0
    /// Jobs that no host could ever run, and jobs that still waited when nothing happened any more.
    package var refused = 0
    package var neverStarted = 0
    /// From the first submission to the last end.
    package var makespan = 0.0
    /// Part of all cores × makespan that computed, 0 to 1.
    package var utilisation = 0.0
    package var meanWait = 0.0
    package var medianWait = 0.0
    package var wait95 = 0.0
    package var wait99 = 0.0
    package var longestWait = 0.0
    /// Mean over all jobs of max(1, (wait + run) / max(run, 10 s)) (Feitelson and Rudolph 1998): how many times as long it took as
    /// on an empty machine; very short jobs count as 10 s.
    package var meanSlowdown = 0.0
    /// Jain's index (Jain, Chiu and Hawe 1984) over the users' mean speed x: (Σx)² / (n Σx²). The speed of a job is 1 / its bounded
    /// slowdown: 1 on an empty machine. The index is 1 when all users get the same speed, 1/n when one of n gets all of it. It is of
    /// what users get, as Jain meant it; over what they lose, a policy would be fair by being slow for all.
    package var fairness = 1.0
    /// Part of all cores that was free, over the time in which somebody waited: what could not be used for want of shape, or was kept.
    package var fragmentation = 0.0

    static let slowdownBound = 10.0

    package init() {}

    package init(_ run: SimulatedRun) {
        var waits: [Double] = []
        var slowdowns = 0.0
        var byUser: [String: (sum: Double, count: Int)] = [:]
        var (first, last) = (Int64.max, Int64.min)
        for (job, result) in zip(run.jobs, run.results) {
            guard let started = result.started, let ended = result.ended else {
                if result.refusal != nil { refused += 1 } else { neverStarted += 1 }
                continue
            }
            jobs += 1
            cut += result.isCut ? 1 : 0
            first = min(first, job.submitted.microseconds)
            last = max(last, ended)
            let wait = Double(started - job.submitted.microseconds) / 1_000_000
            let time = Double(ended - started) / 1_000_000
            let slowdown = max(1, (wait + time) / max(time, Self.slowdownBound))
            waits.append(wait)
            slowdowns += slowdown
            byUser[job.user, default: (0, 0)].sum += 1 / slowdown
            byUser[job.user, default: (0, 0)].count += 1
        }
        guard jobs > 0 else { return }
        makespan = Double(last - first) / 1_000_000
        utilisation = makespan > 0 ? run.busyCoreSeconds / (Double(run.cores) * makespan) : 0
        waits.sort()
        meanWait = waits.reduce(0, +) / Double(jobs)
        medianWait = Self.percentile(50, of: waits)
        wait95 = Self.percentile(95, of: waits)
        wait99 = Self.percentile(99, of: waits)
        longestWait = waits.last ?? 0
        meanSlowdown = slowdowns / Double(jobs)
        // Sorted, so that the sum is the same in every run.
        fairness = Self.jain(byUser.values.map { $0.sum / Double($0.count) }.sorted())
        if run.waitedSeconds > 0 { fragmentation = run.freeWhileWaiting / (run.waitedSeconds * Double(run.cores)) }
    }

    /// The smallest value that at least so many percent of all values do not exceed.
    static func percentile(_ percent: Double, of sorted: [Double]) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let rank = (percent / 100 * Double(sorted.count)).rounded(.up)
        return sorted[min(sorted.count - 1, max(0, Int(rank) - 1))]
    }

    static func jain(_ values: [Double]) -> Double {
        let sum = values.reduce(0, +)
        let squares = values.reduce(0) { $0 + $1 * $1 }
        return squares > 0 ? sum * sum / (Double(values.count) * squares) : 1
    }
}
