import ArgumentParser

/// Something on a server that goes on without this process, and that somebody waits for here.
struct Attendance: Sendable {
    /// `job 01m7…`
    let what: String
    /// The command by which one comes back.
    let comeBack: String
    let isShown: Bool
    let display: ProgressDisplay
    /// Ends it.
    let cancel: @Sendable () async throws -> Void

    /// Does `body` until somebody presses Ctrl-C: then says how to come back and ends with 130. A second Ctrl-C within two seconds cancels
    /// what is waited for.
    func attended<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        let (presses, continuation) = AsyncStream.makeStream(of: Int.self)
        let interruptions = Interruptions { continuation.yield($0) }
        defer { interruptions.end() }
        return try await withThrowingTaskGroup(of: Result.self) { group in
            group.addTask { try await body() }
            group.addTask { try await leave(presses, continuation) }
            defer { group.cancelAll() }
            guard let result = try await group.next() else { throw CancellationError() }
            return result
        }
    }

    /// Never comes back but by throwing.
    private func leave<Result>(
        _ presses: AsyncStream<Int>, _ continuation: AsyncStream<Int>.Continuation
    ) async throws -> Result {
        var isLeaving = false
        for await _ in presses {
            if isLeaving {
                try await cancel()
                break
            }
            isLeaving = true
            display.clear()
            let again = isShown ? " (Ctrl-C again cancels it)" : ""
            StandardError.line("\(what) goes on; come back with: \(comeBack)\(again)")
            Task {
                try? await Task.sleep(for: .seconds(2))
                continuation.finish()
            }
        }
        try Task.checkCancellation()
        throw ExitCode(ExitStatus.cancelled)
    }
}
