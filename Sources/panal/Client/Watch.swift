import NIOHTTP1
import PanalClient
import PanalCore

/// A job or a batch that somebody waits for at a terminal.
struct Watch: Sendable {
    enum Kind: String {
        case job, batch
    }

    let client: PanalClient
    let kind: Kind
    let id: String
    let display: ProgressDisplay
    /// How to come back is only said to people.
    private let isShown: Bool
    /// Seconds of one long question.
    private static let turn = 20

    init(_ kind: Kind, _ id: String, _ client: PanalClient, isShown: Bool) {
        self.kind = kind
        self.client = client
        self.id = id
        self.isShown = isShown
        display = ProgressDisplay(isOn: isShown)
    }

    private var path: String {
        switch kind {
        case .job: JobCommand.path(id)
        case .batch: BatchCommand.path(id)
        }
    }

    private func line(_ document: JSONValue) -> String {
        switch kind {
        case .job: JobText.line(document)
        case .batch: BatchCommand.progress(document)
        }
    }

    /// It as it ended, or as it is at `limit`.
    func end(by limit: ContinuousClock.Instant? = nil) async throws -> ClientAnswer {
        defer { display.clear() }
        var turn = 0
        while true {
            let left = limit.map { max(0, Int(($0 - .now).inSeconds.rounded(.up))) }
            let answer = try await state(waiting: min(turn, left ?? turn))
            let document = try answer.document
            if document["final"]?.flag == true || left == 0 { return answer }
            display.say("\(id) \(line(document))")
            // What is shown must not be older than that.
            turn = display.isShowing ? 1 : Self.turn
        }
    }

    /// It, when it has ended or after so many seconds.
    func state(waiting seconds: Int) async throws -> ClientAnswer {
        var request = ClientRequest(.GET, path)
        if seconds > 0 { request.headers.add(name: "Prefer", value: "wait=\(seconds)") }
        request.waitsOutOverload = true
        return try await client.send(request)
    }

    /// Does `body` until somebody presses Ctrl-C: then says how to come back and ends with 130. A second Ctrl-C within two seconds
    /// cancels the job, or all jobs of the batch.
    func attended<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        let attendance = Attendance(
            what: "\(kind) \(id)", comeBack: "panal \(kind) wait \(id)", isShown: isShown, display: display,
            cancel: cancel)
        return try await attendance.attended(body)
    }

    @Sendable private func cancel() async throws {
        var request = ClientRequest(.POST, path + "/cancel")
        // Twice is once.
        request.isRepeatable = true
        let document = try await client.send(request).document
        let end = document["final"]?.flag == true ? line(document) : "will be cancelled"
        StandardError.line("\(kind) \(id): \(end)")
    }
}
