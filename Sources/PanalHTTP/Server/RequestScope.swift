import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1
import PanalCore

/// What every request gets, whatever it asks for: its number, its language, its line in the log, its safety headers,
/// and an answer in the right form when something is thrown.
struct RequestScope: RouterMiddleware {
    typealias Context = WebContext

    let areCookiesSecure: Bool
    let errorPages: ErrorPages
    private let visitor: @Sendable (Request) async -> Caller?
    /// Whether mistakes are told as pages; where there are no pages they never are.
    private var hasPages = true

    private let meter: RequestMeter

    init(
        areCookiesSecure: Bool, errorPages: ErrorPages, meter: RequestMeter,
        visitor: @escaping @Sendable (Request) async -> Caller?
    ) {
        self.visitor = visitor
        self.meter = meter
        self.areCookiesSecure = areCookiesSecure
        self.errorPages = errorPages
    }

    /// For a listener that shows these faces only.
    func showing(_ faces: Set<Face>) -> RequestScope {
        var scope = self
        scope.hasPages = faces.contains(.pages)
        return scope
    }

    func handle(
        _ request: Request, context: WebContext, next: @concurrent (Request, WebContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.requestID = context.id
        if let id = Self.requestID(request.headers[.requestID]) {
            context.requestID = id
            // Its own number is in the log already.
            context.logger[metadataKey: "hb.request.id"] = .string(id)
        }
        context.language = Language(accepting: request.headers[.acceptLanguage])
        let trace = TraceContext(continuing: request.headers[.traceParent])
        context.logger[metadataKey: "trace_id"] = .string(trace.trace)
        context.logger[metadataKey: "span_id"] = .string(trace.span)
        let begin = ContinuousClock.now
        meter.begin()
        var response: Response
        do {
            // What is made of a request goes on in its trace: a job's webhooks, after a restart too.
            let inner = context
            response = try await TraceContext.$current.withValue(trace.isContinued ? trace : nil) {
                try await next(request, inner)
            }
        } catch let error as HTTPParserError {
            // Not HTTP any more: the server's own handling closes the connection.
            meter.end(request.method, route: context.endpointPath, status: 400, took: ContinuousClock.now - begin)
            throw error
        } catch {
            // An address that no route has is asked for by somebody too, and the page that says so is theirs.
            if hasPages, context.caller == nil, !Self.isInterface(request.uri.path) {
                context.caller = await visitor(request)
            }
            response = try answer(error, request, context)
        }
        if request.method == .head { response = response.createHeadResponse() }
        response.headers[.requestID] = context.requestID
        response.headers[.traceParent] = trace.header
        context.rate?.tell(&response.headers)
        protect(&response, path: request.uri.path)
        let span = ContinuousClock.now - begin
        meter.end(request.method, route: context.endpointPath, status: response.status.code, took: span)
        let took = span.inSeconds * 1_000
        context.logger.info(
            "request",
            metadata: [
                "method": .string(request.method.rawValue), "path": .string(Self.logged(request.uri.path)),
                "status": .stringConvertible(response.status.code), "ms": .stringConvertible(Int(took.rounded())),
            ])
        return response
    }

    /// A link's secret is its address: it stands in no log.
    private static func logged(_ path: String) -> String {
        // As the router reads it: empty parts do not count.
        path.split(separator: "/").first == "shared" ? "/shared/…" : String(path.prefix(512))
    }

    private func answer(_ error: any Error, _ request: Request, _ context: WebContext) throws -> Response {
        let problem: Problem
        if let known = Problem(error) {
            problem = known
        } else {
            problem = .internalFailure
        }
        if problem.status.kind == .serverError {
            context.logger.error("request failed", metadata: ["error": .string(String(reflecting: error))])
        }
        if !hasPages || Self.isInterface(request.uri.path) { return try problem.response(instance: request.uri.path) }
        if problem.status == .unauthorized {
            let back = request.method == .get ? PercentCoding.encoded(request.head.path ?? "/", also: "/") : "/"
            return .seeOther(back == "/" ? "/sign-in" : "/sign-in?return=\(back)")
        }
        return try errorPages.response(problem, request, context)
    }

    /// Addresses for programs, whose answers are never pages.
    static func isInterface(_ path: String) -> Bool {
        path.hasPrefix("/api/") || path == "/api" || path == "/healthz" || path == "/readyz" || path == "/metrics"
            || path == "/openapi.json"
    }

    private func protect(_ response: inout Response, path: String) {
        let policy =
            Self.isInterface(path)
            ? "default-src 'none'; frame-ancestors 'none'"
            : "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
                + "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        let defaults: [(HTTPField.Name, String)] = [
            (.contentSecurityPolicy, policy), (.xContentTypeOptions, "nosniff"), (.referrerPolicy, "same-origin"),
            (.openerPolicy, "same-origin"), (.resourcePolicy, "same-origin"), (.frameOptions, "DENY"),
            (.permissionsPolicy, "camera=(), geolocation=(), microphone=()"),
        ]
        for (name, value) in defaults where response.headers[name] == nil { response.headers[name] = value }
        if areCookiesSecure { response.headers[.strictTransportSecurity] = "max-age=31536000" }
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
    }

    /// The client's own number for the request, when it is one that cannot disturb the log.
    private static func requestID(_ text: String?) -> String? {
        guard let text, (1...64).contains(text.utf8.count),
            text.utf8.allSatisfy({ byte in
                switch byte {
                case 48...57, 65...90, 97...122, 45, 46, 95: true
                default: false
                }
            })
        else { return nil }
        return text
    }
}
