import Logging
import PanalLinux
import PanalService
import ServiceLifecycle

/// Tells the scheduler whether somebody works at this machine.
struct PresenceWatch: ServiceLifecycle.Service {
    let panal: Panal
    let instance: String
    /// For how long nobody has to work before opportunistic jobs go on.
    let departure: Duration
    let logger: Logger

    /// Two looks make a second's work; one costs a tenth of a millisecond.
    private static let interval = Duration.milliseconds(500)

    func run() async throws {
        await cancelWhenGracefulShutdown { await watch() }
    }

    private func watch() async {
        guard let mounts = try? CgroupMount.list(), var foreign = ForeignTime(instance: instance, mounts: mounts) else {
            // Nobody can be seen: then somebody is there.
            logger.error("presence cannot be watched: no control group counts processor time")
            return await panal.notePresence(true)
        }
        var watch = DeskWatch(departure: departure)
        var last = ContinuousClock.now
        await panal.notePresence(false)
        repeat {
            let now = ContinuousClock.now
            do {
                if let time = try foreign.next(), let isThere = watch.note(.nanoseconds(time), in: now - last) {
                    logger.info("presence", metadata: ["attended": .stringConvertible(isThere)])
                    await panal.notePresence(isThere)
                }
            } catch {
                logger.warning("presence cannot be read", metadata: ["error": .string("\(error)")])
            }
            last = now
        } while (try? await Task.sleep(for: Self.interval)) != nil
    }
}
