import HTTPTypes
package import Hummingbird
import HummingbirdCore
package import Logging
import PanalCore
package import PanalService

package struct WebConfiguration: Hashable, Sendable {
    /// Whether browsers reach the service by TLS, through a proxy; cookies are then `Secure`.
    package var secureCookies: Bool
    /// The longest that `Prefer: wait` is granted, in seconds.
    package var longestWait: Int

    /// How long a live answer may say nothing.
    package var heartbeat: Duration
    /// How often the clock is read, at least, to see whether somebody's access has come to its end.
    package var clockReadings: Duration

    package init(
        secureCookies: Bool = false, longestWait: Int = 60, heartbeat: Duration = .seconds(15),
        clockReadings: Duration = .seconds(60)
    ) {
        self.clockReadings = clockReadings
        self.secureCookies = secureCookies
        self.longestWait = longestWait
        self.heartbeat = heartbeat
    }
}

/// Everything that answers HTTP: the programming interface under `/api/v1`, the pages, and the health checks.
package struct Web: Sendable {
    /// All that can be asked for.
    package let routes: [Route]
    private let gate: Gate
    private let auditor: Auditor
    private let scope: RequestScope

    package init(panal: Panal, configuration: WebConfiguration = WebConfiguration()) throws {
        let templates = try Templates()
        let cookies = SessionCookies(areSecure: configuration.secureCookies)
        let frame = PageFrame(templates: templates, keepsImages: panal.keepsImages)
        gate = Gate(
            panal: panal, cookies: cookies, limits: RateLimits(panal: panal),
            clockReadings: configuration.clockReadings)
        auditor = Auditor(panal: panal)
        let meter = RequestMeter()
        scope = RequestScope(
            areCookiesSecure: configuration.secureCookies, errorPages: ErrorPages(frame: frame), meter: meter,
            visitor: gate.visitor)
        let home = HomeAddress(isSecure: configuration.secureCookies)
        let live = EventStream(heartbeat: configuration.heartbeat)
        let interface =
            ProgramInterface(panal: panal).routes
            + FavouriteInterface(panal: panal).routes
            + JobInterface(
                panal: panal, longestWait: configuration.longestWait,
                live: live
            ).routes
            + CopyInterface(panal: panal).routes
            + RetentionInterface(panal: panal).routes
            + ShareInterface(panal: panal).routes
            + SampleInterface(panal: panal).routes
            + UploadInterface(panal: panal).routes
            + BatchInterface(panal: panal, longestWait: configuration.longestWait).routes
            + QueueInterface(panal: panal).routes
            + CreditInterface(panal: panal).routes
            + AccountInterface(panal: panal).routes
            + WebhookInterface(panal: panal).routes
            + SignInInterface(panal: panal).routes
            + ContentInterface(panal: panal).routes
            + KeyInterface(panal: panal).routes
            + GroupInterface(panal: panal).routes
            + OperationsInterface(panal: panal).routes
            + SignUpInterface(panal: panal).routes
            + PoolInterface(panal: panal).routes
            + RootfsInterface(panal: panal).routes
            + HealthChecks(panal: panal).routes
            + MetricsInterface(panal: panal, meter: meter).routes
        routes =
            interface
            + DescriptionInterface(panal: panal, others: interface).routes
            + SignInPages(panal: panal, frame: frame, cookies: cookies).routes
            + SignUpPages(panal: panal, frame: frame, cookies: cookies).routes
            + ProgramPages(panal: panal, frame: frame, home: home).routes
            + CopyPages(panal: panal, frame: frame).routes
            + RulePages(panal: panal).routes
            + UsagePage(panal: panal, frame: frame).routes
            + JobPages(panal: panal, frame: frame, live: live).routes
            + BatchPages(panal: panal, frame: frame).routes
            + SharePages(panal: panal, frame: frame, home: home).routes
            + AccountPages(panal: panal, frame: frame, cookies: cookies).routes
            + UserPages(panal: panal, frame: frame).routes
            + UserPage(panal: panal, frame: frame).routes
            + GroupPages(panal: panal, frame: frame).routes
            + ImagePages(panal: panal, frame: frame).routes
            + ImagePage(panal: panal, frame: frame).routes
            + WebhookPages(panal: panal, frame: frame).routes
            + SettingPages(panal: panal, frame: frame).routes
            + CreditPages(panal: panal, frame: frame).routes
            + CostPages(panal: panal, frame: frame).routes
            + MachinePages(panal: panal, frame: frame).routes
    }

    /// The router over what the table has of `faces`, with HEAD for each GET and 405 for what an address does not take.
    package func router(_ faces: Set<Face> = Set(Face.allCases)) -> Router<WebContext> {
        let router = Router(context: WebContext.self)
        router.add(middleware: scope.showing(faces))
        let routes = routes.filter { faces.contains($0.face) }
        for (path, routes) in Dictionary(grouping: routes, by: \.path) {
            var taken = routes.map(\.method)
            for route in routes {
                router.on(RouterPath(path), method: route.method) { try await enter(route, $0, $1) }
                if route.method == .get, !taken.contains(.head) {
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

    private static let methods: [HTTPRequest.Method] =
        [.get, .head, .post, .put, .patch, .delete, .options, .trace] + [HTTPRequest.Method("QUERY")].compactMap(\.self)

    @Sendable private func enter(_ route: Route, _ request: Request, _ context: WebContext) async throws -> Response {
        do {
            context.caller = try await gate.caller(for: route, request, context)
            try route.operation?.refuseEmptyParameters(of: request)
            if route.access.isInterface { try route.operation?.refuseUnknownWords(of: request) }
            let response = try await route.handler(request, context)
            // Whoever has waited for an answer is told nothing when their key was revoked meanwhile. What was changed is told as it is.
            if Gate.isSafe(route.method), HeaderValues.wait(request.headers) != nil, let access = context.access,
                await !access.holds()
            {
                throw ServiceError(.unauthenticated, "what this was asked for with is not valid any more")
            }
            await auditor.note(route, request, context, status: response.status.code)
            return response
        } catch {
            await auditor.note(route, request, context, status: (Problem(error) ?? .internalFailure).status.code)
            throw error
        }
    }

    /// One listener of the server as an application of Hummingbird's. `onServerRunning` is told its port.
    package func application(
        _ listener: Listener, logger: Logger, onServerRunning: @escaping @Sendable (Int?) async -> Void = { _ in }
    ) -> some ApplicationProtocol {
        let room = ConnectionRoom(maximum: listener.maximumConnections)
        return Application(
            router: router(listener.faces), server: listener.builder(room),
            configuration: ApplicationConfiguration(
                address: .hostname(listener.host, port: listener.port),
                availableConnectionsDelegate: RoomDelegate(room: room)),
            onServerRunning: { await onServerRunning($0.localAddress?.port) },
            logger: logger)
    }
}
