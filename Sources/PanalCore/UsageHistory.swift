/// What a running program has used since it began, and holds in this moment.
package struct UsageSample: Hashable, Sendable {
    /// For how long it has run, without what it stood still.
    package var wallMicroseconds: Int64
    package var cpuMicroseconds: Int64
    package var memoryBytes: Int64
    package var processes: Int64

    package init(wallMicroseconds: Int64, cpuMicroseconds: Int64, memoryBytes: Int64, processes: Int64) {
        self.wallMicroseconds = wallMicroseconds
        self.cpuMicroseconds = cpuMicroseconds
        self.memoryBytes = memoryBytes
        self.processes = processes
    }
}

/// How a run's use went, in bounded space however long it takes: where it is full, two neighbours become one, and the next ones are
/// that far apart. Processor time stays exact by that, since each sample counts from the beginning; of memory and processes the
/// highest is kept.
package struct UsageHistory: Hashable, Sendable {
    /// The run between two samples.
    package struct Part: Hashable, Sendable {
        /// Since the program began, in microseconds.
        package var from: Int64
        package var to: Int64
        /// Processors used on the average.
        package var cores: Double
        package var memoryBytes: Int64
        package var processes: Int64
    }

    /// Samples that are kept, at most.
    package static let most = 120

    private var samples: [UsageSample] = []
    /// The least time between two samples, in microseconds.
    private var interval: Int64 = 0

    package init() {}

    /// Takes a sample. One that is not later than the last is none.
    package mutating func note(_ sample: UsageSample) {
        guard let last = samples.last else {
            if sample.wallMicroseconds > 0 { samples = [sample] }
            return
        }
        guard sample.wallMicroseconds > last.wallMicroseconds, sample.cpuMicroseconds >= last.cpuMicroseconds else {
            return
        }
        let before = samples.count > 1 ? samples[samples.count - 2].wallMicroseconds : 0
        // What is nearer to the last but one than two samples are to be takes the place of the last.
        if last.wallMicroseconds - before < interval {
            samples[samples.count - 1] = Self.joined(last, sample)
        } else {
            samples.append(sample)
        }
        if samples.count > Self.most { thin() }
    }

    private mutating func thin() {
        samples = stride(from: 0, to: samples.count, by: 2).map { place in
            place + 1 < samples.count ? Self.joined(samples[place], samples[place + 1]) : samples[place]
        }
        interval = (samples.last?.wallMicroseconds ?? 0) / Int64(samples.count)
    }

    private static func joined(_ first: UsageSample, _ second: UsageSample) -> UsageSample {
        var joined = second
        joined.memoryBytes = max(first.memoryBytes, second.memoryBytes)
        joined.processes = max(first.processes, second.processes)
        return joined
    }

    /// From the beginning on, without gaps.
    package var parts: [Part] {
        var (wall, cpu): (Int64, Int64) = (0, 0)
        return samples.map { sample in
            let part = Part(
                from: wall, to: sample.wallMicroseconds,
                cores: Double(sample.cpuMicroseconds - cpu) / Double(sample.wallMicroseconds - wall),
                memoryBytes: sample.memoryBytes, processes: sample.processes)
            (wall, cpu) = (sample.wallMicroseconds, sample.cpuMicroseconds)
            return part
        }
    }
}
