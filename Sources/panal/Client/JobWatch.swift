import NIOHTTP1
import PanalClient
import PanalCore

/// A job that somebody waits for at a terminal.
struct JobWatch: Sendable {
    let client: PanalClient
    let id: String
    let display: ProgressDisplay
    /// How to come back is only said to people.
    private let isShown: Bool
    /// Seconds of one long question.
    private static let turn = 20

    init(client: PanalClient, id: String, isShown: Bool) {
        self.client = client
        self.id = id
        self.isShown = isShown
        display = ProgressDisplay(isOn: isShown)
    }

    /// The job as it ended, or as it is at `limit`.
    func end(by limit: ContinuousClock.Instant? = nil) async throws -> ClientAnswer {
        defer { display.clear() }
        var turn = 0
        while true {
            let left = limit.map { max(0, Int(($0 - .now).inSeconds.rounded(.up))) }
            let answer = try await state(waiting: min(turn, left ?? turn))
            let job = try answer.document
            if job["final"]?.flag == true || left == 0 { return answer }
            display.say("\(id) \(JobText.line(job))")
            // What is shown must not be older than that.
            turn = display.isShowing ? 1 : Self.turn
        }
    }

    /// The job, when it has ended or after so many seconds.
    func state(waiting seconds: Int) async throws -> ClientAnswer {
        var request = ClientRequest(.GET, JobCommand.path(id))
        if seconds > 0 { request.headers.add(name: "Prefer", value: "wait=\(seconds)") }
        request.waitsOutOverload = true
        return try await client.send(request)
    }

    /// Does `body` until somebody presses Ctrl-C: then says how to come back and ends with 130. A second Ctrl-C within two seconds cancels the job.
    func attended<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        let attendance = Attendance(
            what: "job \(id)", comeBack: "panal job wait \(id)", isShown: isShown, display: display, cancel: cancel)
        return try await attendance.attended(body)
    }

    @Sendable private func cancel() async throws {
        var request = ClientRequest(.POST, JobCommand.path(id, "/cancel"))
        request.isRepeatable = true
        let job = try await client.send(request).document
        StandardError.line("job \(id): \(job["final"]?.flag == true ? JobText.line(job) : "will be cancelled")")
    }
}
