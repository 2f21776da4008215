import Logging
import PanalCore
import PanalManifest
import PanalPublication

/// Tests run again when what they ran under has changed: a program that does not pass any more is marked, and its owner told.
extension Panal {
    /// Looks at the newest version of every program, one after the other. A version whose tests cannot be run now stays as it is,
    /// for the next look.
    func retest() async {
        var last: String?
        do {
            repeat {
                let programs = try await store.programs(visibleTo: nil, after: last, limit: 100)
                for stored in programs where !Task.isCancelled { await retest(stored) }
                last = programs.last?.program.name
            } while last != nil && !Task.isCancelled
        } catch {
            logger.warning("programs could not be tested again", metadata: ["error": "\(error)"])
        }
    }

    private func retest(_ stored: StoredProgram) async {
        do {
            let program = TestedProgram(
                manifest: try manifests.manifest(of: stored.version), content: stored.version.content,
                entry: stored.version.entry)
            guard !program.manifest.tests.isEmpty else { return }
            let owner = stored.program.owner
            guard let record = try await record(of: program, owner: owner, known: stored.version.tests) else { return }
            try await store.note(record, of: program.content)
            if !record.hasPassed {
                logger.warning(
                    "a program does not pass its tests any more",
                    metadata: [
                        "program": "\(stored.program.name)", "version": "\(stored.version.number)",
                        "failures": "\(record.failures.count)",
                    ])
                webhooks?.dispatcher.wake()
            }
        } catch is CancellationError {
        } catch {
            logger.warning(
                "a program could not be tested again",
                metadata: ["program": "\(stored.program.name)", "error": "\(error)"])
        }
    }

    /// What the tests come to now; nil where nothing has changed since they ran last.
    private func record(
        of program: TestedProgram, owner: UserID, known: TestRecord?
    ) async throws -> TestRecord? {
        let profiles: [Profile]
        let rootfs: ChosenRootfs
        do {
            profiles = try testProfiles(program.manifest, owner)
            rootfs = try chosenRootfs(of: program.manifest, for: owner)
        } catch let error as ServiceError where error.code == .invalid {
            // The profile that it asks for is gone, or too large for this host, or its image is.
            let conditions = Secrets.hash("none: \(error.mistakes)")
            guard known?.conditions != conditions else { return nil }
            return TestRecord(conditions: conditions, at: clock.now(), failures: error.mistakes)
        }
        let conditions = Self.conditions(of: profiles, rootfs: rootfs.name)
        guard known?.conditions != conditions else { return nil }
        let failures = try await run(program, owner: owner, profiles, .low)
        return TestRecord(conditions: conditions, at: clock.now(), failures: failures)
    }
}
