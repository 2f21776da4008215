import Logging
package import PanalCore
import Synchronization

/// A setting as administrators see it.
package struct SettingEntry: Sendable {
    package let rule: SettingRule
    package let value: JSONValue
    /// What it is when nobody has set it.
    package let standard: JSONValue
}

extension Panal {
    /// What holds at this moment.
    package var settings: RuntimeSettings { runtime.withLock { $0 } }

    package func settings(_ principal: Principal) throws -> [SettingEntry] {
        try requireAdministrator(principal)
        let (now, standard) = (settings, RuntimeSettings(configuration))
        return settingRules.map { SettingEntry(rule: $0, value: $0.read(now), standard: $0.read(standard)) }
    }

    /// Changes some settings, all or none of them; nil makes one what it is when nobody has set it. It holds at once. Administrators
    /// only. Throws `invalid` with every wrong value and what would be right.
    package func changeSettings(
        _ principal: Principal, _ changes: [String: JSONValue?]
    ) async throws -> [SettingEntry] {
        try requireAdministrator(principal)
        var mistakes: [Mistake] = []
        var trial = settings
        for (name, value) in changes.sorted(by: { $0.key < $1.key }) {
            guard let rule = settingRules.first(where: { $0.name == name }) else {
                let known = settingRules.map(\.name).joined(separator: ", ")
                mistakes.append(Mistake(pointer: "/\(name)", detail: "unknown; known are \(known)"))
                continue
            }
            guard let value else { continue }
            do {
                try rule.set(value, in: &trial)
            } catch {
                mistakes.append(error)
            }
        }
        guard mistakes.isEmpty else { throw ServiceError(.invalid, "settings are wrong", mistakes: mistakes) }
        try await store.change(changes)
        try await loadSettings()
        return try settings(principal)
    }

    /// Makes what is stored hold. A value that is not taken any more, say of a profile that has gone, is left out and told.
    func loadSettings() async throws {
        // One after the other, so that the newest holds in the end.
        let turn = settingTurns.withLock { turn in
            turn += 1
            return turn
        }
        let stored = try await store.settings()
        var read = RuntimeSettings(configuration)
        for (name, value) in stored {
            guard let rule = settingRules.first(where: { $0.name == name }) else { continue }
            do {
                try rule.set(value, in: &read)
            } catch {
                logger.warning(
                    "a stored setting is not taken", metadata: ["setting": "\(name)", "needed": "\(error.detail)"])
            }
        }
        guard settingTurns.withLock({ $0 == turn }) else { return try await loadSettings() }
        let newest = read
        runtime.withLock { $0 = newest }
        guard let runner else { return }
        runner.deadlineBox.withLock { $0 = newest.deadlines }
        await bindTerms(to: runner)
    }
}
