import Logging
import PanalCore
import PanalManifest
import PanalScheduler
import Synchronization

/// What an earlier process left: cells that go on, attempts that are lost, jobs that wait.
extension JobRunner {
    /// Takes up an attempt that the executor holds. The job is `reconnecting` until the executor says how it stands.
    func takeOver(_ left: UnfinishedJob, of manifest: Manifest, demand: JobDemand) async throws {
        let job = left.job.id
        let now = clock.now()
        if left.job.state != .reconnecting {
            let change = JobChange(to: .reconnecting, at: now, message: "the server was away")
            guard try await store.change(job, from: left.job.state, [change]) != nil else { return }
        }
        var attempt = left.attempt
        attempt.cores = left.job.cores ?? []
        let ticket = Ticket(number: left.order)
        note(attempt, of: manifest, demand, ticket, .reconnecting)
        let reservation = Self.reservation(of: attempt)
        carryOut(
            await scheduler.apply(.adopt(ticket, demand, [reservation], started: left.job.started ?? now)))
        // That it stood still for a copy was the earlier process's wish; an opportunistic one has just been told what it is to do.
        if attempt.hasWritableRoot, demand.priority != .opportunistic { releaseLeft(attempt.id) }
        state.withLock { state in
            state.live[job]?.isHandedOver = true
            // Before its end can be looked at: what was cancelled does not begin again.
            state.live[job]?.isCancelled = left.cancelledBy != nil
            state.live[job]?.cancelledBy = left.cancelledBy
            state.live[job]?.task = Task { [attempt] in
                await self.resume(attempt, self.lease(ticket))
            }
        }
        if let name = left.cancelledBy { await cancel(job, by: name) }
    }

    /// What an attempt held, out of what is stored of it.
    private static func reservation(of attempt: AttemptSpec) -> Reservation {
        switch attempt.limits.cpu {
        case .exclusive: Reservation(cores: attempt.cores, millicores: 0, memory: attempt.limits.memory)
        case .shared(let millicores):
            Reservation(
                cores: [], millicores: millicores, memory: attempt.limits.memory, sharedCores: attempt.cores)
        }
    }

    private func resume(_ attempt: AttemptSpec, _ lease: consuming CoreLease) async {
        let job = attempt.id.job
        var isAgain = false
        do {
            isAgain = try await carryOn(attempt)
        } catch {
            logger.error("a job's state could not be stored", metadata: ["job": "\(job)", "error": "\(error)"])
        }
        await leave(job, lease, isAgain: isAgain)
    }

    /// From `reconnecting` to the end; true when the job is queued again.
    private func carryOn(_ attempt: AttemptSpec) async throws -> Bool {
        let job = attempt.id.job
        let sink: any JobSink
        do {
            sink = try await blobs.sink(for: attempt.id, resuming: true) { [signals] in
                signals.post(.output, about: job)
            }
        } catch {
            // Settling it, as an end does, ends what the executor holds.
            return try await end(attempt, from: .reconnecting, streamsFailure(job, error))
        }
        let start = StartNotice()
        let result = await executor.resume(attempt, sink: sink) { [self] ago in
            let moment = clock.now() + .microseconds(-ago.wholeMicroseconds)
            noteStart(start, of: attempt.id, at: moment, from: .reconnecting)
        }
        return try await close(attempt, sink, result, start, before: .reconnecting)
    }

    /// An attempt that is nowhere any more: nothing of it has left its cell, so it is made again, up to the usual number. Answers
    /// the job as it waits for that; nil when it has failed.
    func settleLost(_ left: UnfinishedJob) async throws -> UnfinishedJob? {
        let output = StreamState(bytes: try await blobs.stream(.output, of: left.job.id).size)
        let error = StreamState(bytes: try await blobs.stream(.error, of: left.job.id).size)
        let now = clock.now()
        if let name = left.cancelledBy {
            var ending = JobEnding.cancelledBeforeStart(by: name)
            (ending.result.output, ending.result.error) = (output, error)
            let changes = ending.changes(endedAt: now, now: now)
            if try await store.change(left.job.id, from: left.job.state, changes) != nil {
                state.withLock { $0.ends[.cancelled, default: 0] += 1 }
            }
            return nil
        }
        let ending = JobEnding.lost(output: output, error: error)
        guard left.attempt.id.number < mostAttempts, left.job.state.next.contains(.queued) else {
            let changes = ending.last(left.attempt.id.number, of: mostAttempts).changes(endedAt: now, now: now)
            if try await store.change(left.job.id, from: left.job.state, changes) != nil {
                state.withLock { $0.ends[.failed, default: 0] += 1 }
            }
            return nil
        }
        let retry = nextAttempt(after: left.attempt.id)
        guard try await store.change(left.job.id, from: left.job.state, [ending.again(retry, at: now)]) != nil else {
            return nil
        }
        state.withLock { $0.retries += 1 }
        var again = left
        again.job.state = .queued
        again.attempt.id = retry
        again.attempt.cores = []
        return again
    }
}
