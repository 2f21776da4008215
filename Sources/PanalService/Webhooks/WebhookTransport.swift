/// What webhooks need of the network; stood in for in tests.
package protocol WebhookTransport: Sendable {
    /// Every address that the operating system has for `host` in this moment, whatever way it is written in.
    func addresses(of host: String) async throws(WebhookFailure) -> [NetworkAddress]
    /// Sends one POST over a connection to exactly `address`, follows nothing, reads little of the answer and answers its status.
    func post(
        _ target: WebhookTarget, to address: NetworkAddress, headers: [(name: String, value: String)], body: [UInt8]
    ) async throws(WebhookFailure) -> Int
}

/// Why a message did not arrive, in words for the log that its owner sees.
package struct WebhookFailure: Error, Hashable, Sendable {
    package var reason: String
    /// Whether it makes no sense to try again.
    package var isFinal: Bool

    package init(_ reason: String, isFinal: Bool = false) {
        self.reason = reason
        self.isFinal = isFinal
    }
}

/// What the service needs to send webhooks at all.
package struct WebhookOutlet: Sendable {
    package var transport: any WebhookTransport
    package var policy: WebhookPolicy
    /// Messages that are on their way at a time: altogether, and to one host.
    package var most: Int
    package var mostPerHost: Int

    package init(transport: any WebhookTransport, policy: WebhookPolicy, most: Int = 16, mostPerHost: Int = 2) {
        self.transport = transport
        self.policy = policy
        self.most = most
        self.mostPerHost = mostPerHost
    }
}
