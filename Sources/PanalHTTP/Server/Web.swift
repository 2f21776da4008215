import HTTPTypes
package import Hummingbird
import HummingbirdCore
package import Logging
package import PanalService

package struct WebConfiguration: Hashable, Sendable {
    /// Whether browsers reach the service by TLS, through a proxy; cookies are then `Secure`.
    package var secureCookies: Bool
    /// The longest that `Prefer: wait` is granted, in seconds.
    package var longestWait: Int

    /// Connections at a time; the next ones wait until one is closed. Each holds a descriptor, and jobs need some too.
    package var maximumConnections: Int

    package init(secureCookies: Bool = false, longestWait: Int = 60, maximumConnections: Int = 4_096) {
        self.secureCookies = secureCookies
        self.longestWait = longestWait
        self.maximumConnections = maximumConnections
    }
}

/// Everything that answers HTTP: the programming interface under `/api/v1`, the pages, and the health checks.
package struct Web: Sendable {
    /// All that can be asked for.
    package let routes: [Route]
    private let gate: Gate
    private let scope: RequestScope
    private let maximumConnections: Int

    package init(panal: Panal, configuration: WebConfiguration = WebConfiguration()) throws {
        let templates = try Templates()
        let cookies = SessionCookies(areSecure: configuration.secureCookies)
        let frame = PageFrame(templates: templates)
        maximumConnections = configuration.maximumConnections
        gate = Gate(panal: panal, cookies: cookies)
        scope = RequestScope(areCookiesSecure: configuration.secureCookies, errorPages: ErrorPages(frame: frame))
        let interface =
            ProgramInterface(panal: panal).routes
            + JobInterface(panal: panal, longestWait: configuration.longestWait).routes
            + QueueInterface(panal: panal).routes
            + AccountInterface(panal: panal).routes
            + HealthChecks(panal: panal).routes
        routes =
            interface
            + DescriptionInterface(panal: panal, others: interface).routes
            + SignInPages(panal: panal, frame: frame, cookies: cookies).routes
            + ProgramPages(panal: panal, frame: frame).routes
            + JobPages(panal: panal, frame: frame).routes
            + AccountPages(panal: panal, frame: frame, cookies: cookies).routes
            + UserPages(panal: panal, frame: frame).routes
    }

    /// The router over the table, with HEAD for each GET and 405 for what an address does not take.
    package func router() -> Router<WebContext> {
        let router = Router(context: WebContext.self)
        router.add(middleware: scope)
        for (path, routes) in Dictionary(grouping: routes, by: \.path) {
            var taken = routes.map(\.method)
            for route in routes {
                router.on(RouterPath(path), method: route.method) { try await enter(route, $0, $1) }
                if route.method == .get {
                    taken.append(.head)
                    router.on(RouterPath(path), method: .head) { try await enter(route, $0, $1) }
                }
            }
            let allowed = taken
            for method in Self.methods where !allowed.contains(method) {
                router.on(RouterPath(path), method: method) { _, _ -> Response in
                    throw WebError.methodNotAllowed(allowed)
                }
            }
        }
        return router
    }

    private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options, .trace]

    @Sendable private func enter(_ route: Route, _ request: Request, _ context: WebContext) async throws -> Response {
        context.caller = try await gate.caller(for: route, request)
        return try await route.handler(request, context)
    }

    /// The server as an application of Hummingbird's. Connections that say nothing for a while are closed.
    package func application(
        host: String, port: Int, logger: Logger, onServerRunning: @escaping @Sendable (Int?) async -> Void = { _ in }
    ) -> some ApplicationProtocol {
        Application(
            router: router(),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ContinueHandler()], idleTimeout: .seconds(75),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16_384, maxHeaderListSize: 32_768, maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port),
                availableConnectionsDelegate: MaximumAvailableConnections(maximumConnections)),
            onServerRunning: { await onServerRunning($0.localAddress?.port) },
            logger: logger)
    }
}
