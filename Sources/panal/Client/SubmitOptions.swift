import ArgumentParser
import PanalClient
import PanalCore

/// What one submission and many say alike.
struct SubmitOptions: ParsableArguments {
    @Option(
        help: "Hardware profile; the program's own when it is not given.",
        completion: .custom { _, _, prefix in await Completions.profiles(prefix) })
    var profile: String?

    @Option(help: "Version of the program; the newest when it is not given.")
    var version: Int?

    @Option(help: "low, normal, high or opportunistic.", completion: .list(PriorityClass.allCases.map(\.rawValue)))
    var priority: String?

    @Option(
        help: ArgumentHelp(
            "A name of your own for this submission: sent again with it, nothing runs twice.", valueName: "key"))
    var idempotencyKey: String?

    func validate() throws {
        if let priority, PriorityClass(rawValue: priority) == nil {
            let known = PriorityClass.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--priority ‘\(priority)’ is none of \(known)")
        }
        if let key = idempotencyKey,
            !(1...255).contains(key.utf8.count)
                || !key.utf8.allSatisfy({ (33...126).contains($0) && $0 != 34 && $0 != 92 })
        {
            throw ValidationError("--idempotency-key is 1 to 255 visible ASCII characters without quotes")
        }
    }

    /// The program's JSON Schema, by which inputs are looked at before anything is sent.
    func schema(of program: String, _ client: PanalClient) async throws -> JSONValue {
        try await client.get(ProgramCommand.path(program, "/schema", version: version)).document
    }

    /// The key for `request`: the one that was given, or a fresh one.
    func repeatSafely(_ request: inout ClientRequest) {
        request.repeatSafely(key: idempotencyKey ?? Self.freshKey())
    }

    static func freshKey() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in String(generator.next(), radix: 36) }.joined()
    }
}
