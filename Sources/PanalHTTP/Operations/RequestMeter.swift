import HTTPTypes
import PanalCore
import Synchronization

/// Counts what was asked for and how long it took, by the route's template: addresses themselves are without number.
final class RequestMeter: Sendable {
    struct Place: Hashable {
        var method: String
        /// Empty where no route was found.
        var route: String
    }

    struct Series {
        var statuses: [Int: Int] = [:]
        var times = Histogram()
    }

    private let state = Mutex((series: [Place: Series](), open: 0))
    private static let methods: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .patch, .delete, .options]

    func begin() { state.withLock { $0.open += 1 } }

    /// `took` until the answer's head was ready: how long its body takes is the client's affair too.
    func end(_ method: HTTPRequest.Method, route: String?, status: Int, took: Duration) {
        let place = Place(method: Self.methods.contains(method) ? method.rawValue : "other", route: route ?? "")
        state.withLock { state in
            state.open -= 1
            state.series[place, default: Series()].statuses[status, default: 0] += 1
            state.series[place, default: Series()].times.add(took)
        }
    }

    func write(to text: inout MetricsText) {
        let (series, open) = state.withLock { $0 }
        text.add("panal_http_requests_open", .gauge, "Requests that are being answered.", Double(open))
        let places = series.sorted { ($0.key.route, $0.key.method) < ($1.key.route, $1.key.method) }
        text.add(
            "panal_http_requests_total", .counter, "Requests by method, route and status.",
            places.flatMap { place, series in
                series.statuses.sorted { $0.key < $1.key }.map { status, count in
                    ([("method", place.method), ("route", place.route), ("status", String(status))], Double(count))
                }
            })
        text.add(
            "panal_http_request_seconds", "Time until an answer was ready, by method and route.",
            places.map { ([("method", $0.key.method), ("route", $0.key.route)], $0.value.times) })
    }
}
