import Glibc
import PanalSandbox
import PanalSeccomp

/// An executor of a benchmark's own.
enum BenchExecutor {
    /// Starts a launcher for `body`, and ends it whichever way that ends.
    @MainActor
    static func run(
        launcher: String, profiles: String, _ body: @MainActor (LocalExecutor) async throws -> Void
    ) async throws {
        let executor = try LocalExecutor.start(
            LauncherSettings(
                executable: launcher, instance: "bench-\(getpid())", dataFolder: nil,
                seccomp: try SeccompPolicies.load(folder: "\(profiles)/seccomp")))
        do {
            try await body(executor)
        } catch {
            await executor.stop()
            throw error
        }
        await executor.stop()
    }
}
