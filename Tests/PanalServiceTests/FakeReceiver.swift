import Foundation
import PanalCore
import PanalService
import Synchronization

/// The network as a test wants it: names that mean what it says, and receivers that answer what it says.
final class FakeReceiver: WebhookTransport {
    struct Message: Sendable {
        var target: WebhookTarget
        var address: NetworkAddress
        var headers: [String: String]
        var body: [UInt8]

        var json: JSONValue { (try? JSONValue(parsing: Data(body))) ?? .null }
    }

    private struct State {
        var names: [String: [[String]]] = [:]
        var lookups: [String] = []
        var answers: [Int] = []
        var messages: [Message] = []
        var held: [CheckedContinuation<Void, Never>] = []
        var isHolding: Set<String> = []
        var underway: [String: Int] = [:]
        var most: [String: Int] = [:]
    }

    private let state = Mutex(State())

    var messages: [Message] { state.withLock(\.messages) }
    var lookups: [String] { state.withLock(\.lookups) }

    /// The most messages that were underway to `host` at a time.
    func most(_ host: String) -> Int { state.withLock { $0.most[host] ?? 0 } }

    /// What each lookup of `host` finds, one after the other; the last one stays. Others find 93.184.216.34.
    func name(_ host: String, _ answers: [String]...) { state.withLock { $0.names[host] = answers } }

    /// Statuses one after the other, 0 for no answer; after them 200.
    func answer(_ statuses: Int...) { state.withLock { $0.answers = statuses } }

    /// Messages to `host` are not answered before `release`.
    func hold(_ host: String) { state.withLock { _ = $0.isHolding.insert(host) } }

    func release() {
        let held = state.withLock { state in
            state.isHolding = []
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    func addresses(of host: String) async throws(WebhookFailure) -> [NetworkAddress] {
        state.withLock { state in
            state.lookups.append(host)
            guard var answers = state.names[host], let first = answers.first else {
                return ["93.184.216.34"]
            }
            if answers.count > 1 { answers.removeFirst() }
            state.names[host] = answers
            return first
        }.compactMap { NetworkAddress($0) }
    }

    func post(
        _ target: WebhookTarget, to address: NetworkAddress, headers: [(name: String, value: String)], body: [UInt8]
    ) async throws(WebhookFailure) -> Int {
        let message = Message(
            target: target, address: address, headers: Dictionary(headers.map { ($0.name, $0.value) }) { $1 },
            body: body)
        let isHeld = state.withLock { state in
            state.messages.append(message)
            state.underway[target.host, default: 0] += 1
            state.most[target.host] = max(state.most[target.host] ?? 0, state.underway[target.host] ?? 0)
            return state.isHolding.contains(target.host)
        }
        if isHeld {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isHolding.contains(target.host) { state.held.append(continuation) }
                    return !state.isHolding.contains(target.host)
                }
                if isOver { continuation.resume() }
            }
        }
        let status = state.withLock { state in
            state.underway[target.host, default: 1] -= 1
            return state.answers.isEmpty ? 200 : state.answers.removeFirst()
        }
        guard status != 0 else { throw WebhookFailure("no answer: nobody there") }
        return status
    }
}
