internal import Glibc
internal import PanalCore
internal import PanalLinux
internal import Synchronization

/// Stores result files one after another on a thread of its own.
final class FileKeeper: Sendable {
    struct Work: Sendable {
        var descriptor: Int32
        var path: String
        var limit: Int
        var sink: any AttemptSink
        var patience: DiskPatience
        var done: @Sendable (Result<JobFile, SystemError>) -> Void
    }

    private struct Queue {
        var work: [Work] = []
        var isStopped = false
    }

    private let queue = Mutex(Queue())
    private let wake: Descriptor

    init() throws(SystemError) {
        do throws(SystemCallFailure) {
            wake = try Descriptor.event()
        } catch {
            throw SystemError(step: "executor.event", errno: Int(error.errno), detail: error.reason)
        }
        try CellThread.start { [self] in serve() }
    }

    /// `work.descriptor` becomes the keeper's and is closed.
    func store(_ work: Work) {
        queue.withLock { $0.work.append(work) }
        WakeUp.ring(wake)
    }

    /// Lets the thread end once everything is stored.
    func stop() {
        queue.withLock { $0.isStopped = true }
        WakeUp.ring(wake)
    }

    private func serve() {
        while true {
            WakeUp.wait(wake)
            while let work = queue.withLock({ $0.work.isEmpty ? nil : $0.work.removeFirst() }) {
                work.done(store(work))
            }
            if queue.withLock({ $0.isStopped && $0.work.isEmpty }) { return }
        }
    }

    private func store(_ work: Work) -> Result<JobFile, SystemError> {
        let file = Descriptor(owning: work.descriptor)
        while true {
            do {
                let stored = try work.sink.store(descriptor: file.raw, limit: work.limit)
                return .success(JobFile(path: work.path, bytes: stored.bytes, content: stored.content))
            } catch  where work.patience.bears(error) && !queue.withLock(\.isStopped) {
                usleep(UInt32(DiskPatience.pause / .microseconds(1)))
                lseek(file.raw, 0, SEEK_SET)
            } catch {
                return .failure(
                    SystemError(step: "collect.store", detail: "\(work.path) could not be stored: \(error)"))
            }
        }
    }
}

/// Waking a thread that waits in `poll`.
enum WakeUp {
    static func ring(_ event: borrowing Descriptor) {
        var one: UInt64 = 1
        _ = unsafe write(event.raw, &one, 8)
    }

    static func clear(_ event: borrowing Descriptor) {
        var count: UInt64 = 0
        _ = unsafe read(event.raw, &count, 8)
    }

    static func wait(_ event: borrowing Descriptor) {
        var polled = pollfd(fd: event.raw, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&polled, 1, -1)
        clear(event)
    }
}
