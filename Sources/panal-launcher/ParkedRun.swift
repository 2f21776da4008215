internal import Glibc
internal import PanalLauncherProtocol

/// A run whose cores another Panal on this host is using just now (`panal run` beside a service): it waits for them, since
/// exclusive must mean exclusive, and is refused when they do not become free.
final class ParkedRun {
    let request: RunRequest
    let streams: [Int32]
    /// Monotonic nanoseconds.
    let until: Int64

    /// How long a run waits for cores, and how often it looks: there is no event for another process's lock.
    static let patience: Int64 = 60_000_000_000
    static let pause: Int64 = 20_000_000

    /// Takes the streams over.
    init(_ request: RunRequest, streams: [Int32], now: Int64) {
        self.request = request
        self.streams = streams
        until = now + Self.patience
    }

    deinit {
        for number in streams { close(number) }
    }
}
