import PanalCore
import PanalManifest
import Synchronization

/// What exit codes mean, by version: versions never change, so what was read stays right.
final class ExitCodeCache: Sendable {
    struct Key: Hashable, Sendable {
        var program: ProgramID
        var version: Int
    }

    private let codes = Mutex<[Key: [Int: ExitCodeMeaning]]>([:])
    private static let limit = 10_000

    subscript(key: Key) -> [Int: ExitCodeMeaning]? {
        get { codes.withLock { $0[key] } }
        set {
            codes.withLock { codes in
                if codes.count >= Self.limit { codes.removeAll(keepingCapacity: true) }
                codes[key] = newValue
            }
        }
    }
}

extension Panal {
    /// The job with what its program's author says about its exit code.
    func withMeaning(_ job: Job) async throws -> Job {
        guard case .exited(let code)? = job.outcome else { return job }
        let key = ExitCodeCache.Key(program: job.program, version: job.version)
        let known: [Int: ExitCodeMeaning]
        if let cached = exitCodes[key] {
            known = cached
        } else {
            guard let version = try await store.version(job.version, of: job.program) else { return job }
            known = try manifests.manifest(of: version).exitCodes
            exitCodes[key] = known
        }
        guard let meaning = known[code] else { return job }
        var job = job
        job.meaning = JobMeaning(message: meaning.message, isSuccess: meaning.isSuccess)
        return job
    }

    func withMeanings(_ jobs: [Job]) async throws -> [Job] {
        var told: [Job] = []
        for job in jobs { told.append(try await withMeaning(withExpiry(job))) }
        return told
    }
}
