internal import Glibc
internal import PanalLauncherProtocol

/// A run that cannot start this moment: no cell is ready yet, memory of runs that are over is not back yet, or another Panal on
/// this host is using its cores (`panal run` beside a service). For cores it waits, since exclusive must mean exclusive; and for
/// memory, since what is promised must be there. It is refused when they do not become free.
final class ParkedRun {
    let request: RunRequest
    let streams: [Int32]
    /// Monotonic nanoseconds.
    let until: Int64
    /// Its root as it lies in the store, as far as it has been looked for; nil for the host's.
    var image: ImageTree?
    /// Whether a second slot has gone over to its root (`SlotPool.makeWay`).
    var hasWidened = false
    /// It is looked after from time to time; what waits for a cell hears of it.
    var waitsForCores = false
    /// Since when it waits for memory of runs that are over, which the kernel has not given back yet; nil while it does not.
    var memoryMissedSince: Int64?
    var waitsForMemory: Bool { memoryMissedSince != nil }

    /// How many may wait: more than a server with a scheduler ever sends, and few enough for their descriptors.
    static let most = 256
    /// How long a run waits for cores, and how often it looks: there is no event for another process's lock.
    static let patience: Int64 = 60_000_000_000
    static let pause: Int64 = 20_000_000
    /// How long it waits for such memory: the kernel takes seconds for many gigabytes.
    static let memoryPatience: Int64 = 20_000_000_000

    /// Takes the streams over.
    init(_ request: RunRequest, streams: [Int32], now: Int64) {
        self.request = request
        self.streams = streams
        until = now + Self.patience
    }

    var kind: Slot.Kind { request.isIdle ? .idle : .ordinary }

    deinit {
        for number in streams { close(number) }
    }
}
