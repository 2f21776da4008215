import Crypto
import FoundationEssentials
import PanalCore

/// Standard Webhooks' signatures, version 1: HMAC with SHA-256 over number, moment and body.
enum WebhookSigning {
    /// As it is shown, once: `whsec_` and 256 random bits in base 64.
    static func text(_ secret: [UInt8]) -> String { "whsec_\(Data(secret).base64EncodedString())" }

    /// The three headers of one attempt.
    static func headers(
        id: DeliveryID, at moment: Timestamp, body: [UInt8], secret: [UInt8]
    ) -> [(name: String, value: String)] {
        let seconds = moment.microseconds / 1_000_000
        let name = "msg_\(id)"
        let signed = Array("\(name).\(seconds).".utf8) + body
        let code = HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: secret))
        return [
            ("webhook-id", name), ("webhook-timestamp", String(seconds)),
            ("webhook-signature", "v1,\(Data(code).base64EncodedString())"),
        ]
    }
}

/// When a message that did not arrive is sent again: seven more times within about a day and a half, each with up to a fifth more or less,
/// so that what failed together does not come back together.
enum WebhookRetry {
    static let pauses: [Duration] = [
        .seconds(5), .seconds(300), .seconds(1_800), .seconds(7_200), .seconds(18_000), .seconds(36_000),
        .seconds(50_400),
    ]

    /// After the `number`-th attempt; nil when that was the last.
    static func pause(after number: Int, using generator: inout some RandomNumberGenerator) -> Duration? {
        guard pauses.indices.contains(number - 1) else { return nil }
        return pauses[number - 1] * Double.random(in: 0.8...1.2, using: &generator)
    }
}
