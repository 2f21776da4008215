import FoundationEssentials
import Glibc
import Logging
import PanalCore
import PanalHTTP
import ServiceLifecycle
import UnixSignals

/// The listeners of the service, made out of their plans.
struct Faces: Sendable {
    let listeners: [(plan: ListenerPlan, listener: Listener)]
    let certificate: ServerCertificate?

    /// Reads the certificate, as root: afterwards the service may not be able to. Throws `StartRefusal`.
    init(_ settings: Settings, logger: Logger) throws {
        let certificate: ServerCertificate?
        do {
            certificate = try settings.certificate.map {
                try ServerCertificate(certificate: $0.certificate, key: $0.key)
            }
        } catch let mistake as CertificateMistake {
            throw StartRefusal(reason: "TLS: \(mistake.detail)")
        }
        self.certificate = certificate
        let most = Self.mostConnections()
        // Monitoring has places of its own, so that it is answered when strangers have taken all others.
        let isCrowded = { (plan: ListenerPlan) in plan.faces != [.operations] }
        let crowds = max(1, settings.listeners.filter(isCrowded).count)
        listeners = settings.listeners.map { plan in
            let places = isCrowded(plan) ? max(16, min(4_096, most / crowds)) : 32
            return (
                plan,
                Listener(
                    host: plan.host, port: plan.port, faces: plan.faces,
                    certificate: plan.isSecure ? certificate : nil, maximumConnections: places)
            )
        }
        if let expires = certificate?.expires { Self.warn(expires, logger) }
    }

    /// One service for each listener.
    func services(_ web: Web, logger: Logger) -> [any ServiceLifecycle.Service] {
        listeners.enumerated().map { place, face in
            web.application(face.listener, logger: logger) { port in
                print(face.plan.announcement(port: port, isFirst: place == 0))
                fflush(nil)
                logger.info("listening", metadata: ["url": .string(face.plan.url(port: port))])
            }
        }
    }

    /// Strangers may hold half of the descriptors that this process may have: the others are for jobs and the store.
    private static func mostConnections() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 256 }
        return Int(clamping: limit.rlim_cur) / 2
    }

    fileprivate static func warn(_ expires: Timestamp, _ logger: Logger) {
        guard expires < Timestamp(Date()) + .seconds(14 * 86_400) else { return }
        logger.warning("the TLS certificate ends soon", metadata: ["end": .string(expires.rfc3339)])
    }
}

/// Reads the certificate again at SIGHUP, which without it would end the service.
struct CertificateWatch: ServiceLifecycle.Service {
    let certificate: ServerCertificate?
    let logger: Logger

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            guard let certificate else {
                logger.info("SIGHUP: there is nothing that is read again")
                continue
            }
            do {
                try certificate.reload()
                logger.notice("the TLS certificate was read again")
                if let expires = certificate.expires { Faces.warn(expires, logger) }
            } catch let mistake as CertificateMistake {
                logger.error(
                    "the TLS certificate stays what it was",
                    metadata: ["reason": .string(mistake.detail), "user": .stringConvertible(getuid())])
            } catch {
                logger.error("the TLS certificate stays what it was", metadata: ["reason": "\(error)"])
            }
        }
    }
}
