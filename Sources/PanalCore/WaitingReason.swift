/// Why a job waits, in numbers: programs are told it in English, readers of pages in their own language. Cores in thousandths unless they
/// are called whole, memory in bytes.
package struct WaitingReason: Hashable, Sendable, Codable {
    /// Whose limit holds it back.
    package enum Party: Hashable, Sendable, Codable {
        case user(String)
        case group(String)
    }

    /// What the hosts that it may run on do not have at the moment.
    package enum Lack: Hashable, Sendable, Codable {
        case wholeCores(needed: Int, free: Int)
        case sharedCores(needed: Int, left: Int)
        case memory(needed: Int, free: Int)
    }

    package enum Cause: Hashable, Sendable, Codable {
        /// `own` jobs that start together, beside `running` of at most `most`.
        case jobsOf(Party, own: Int, running: Int, most: Int)
        /// `most` is a number of whole cores.
        case coresOf(Party, own: Int, running: Int, most: Int)
        case noOpenHost
        /// `free` is a number of whole cores on all hosts together.
        case cellsTogether(Int, cores: Int, free: Int, nextRelease: Timestamp?)
        case lacks([Lack], nextRelease: Timestamp?)
        /// There are cores and memory enough, but not on one host.
        case onDifferentHosts
        case idleCores
        case hostsInPartTaken
    }

    /// Nil where only others' turn comes first.
    package var cause: Cause?
    /// Jobs before it, where they are to be mentioned; else 0.
    package var ahead: Int
    /// What the first of those waits for, where that is to be mentioned.
    package var causeOfFirst: Cause?

    package init(_ cause: Cause?, ahead: Int = 0, causeOfFirst: Cause? = nil) {
        self.cause = cause
        self.ahead = ahead
        self.causeOfFirst = causeOfFirst
    }
}
