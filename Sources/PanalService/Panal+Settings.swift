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
        return entries(of: settings)
    }

    /// What is set, and the entries that follow from it.
    package func storedSettings(
        _ principal: Principal
    ) async throws -> (stored: [String: JSONValue], entries: [SettingEntry]) {
        try requireAdministrator(principal)
        let stored = try await store.settings()
        return (stored, entries(of: read(stored)))
    }

    private func entries(of now: RuntimeSettings) -> [SettingEntry] {
        let standard = RuntimeSettings(configuration)
        return settingRules.map { SettingEntry(rule: $0, value: $0.read(now), standard: $0.read(standard)) }
    }

    /// Changes some settings, all or none of them; nil makes one what it is when nobody has set it. It holds at once. Administrators
    /// only. Throws `invalid` with every wrong value and what would be right, and `changed` where what is set is not as `expected`.
    package func changeSettings(
        _ principal: Principal, _ changes: [String: JSONValue?], expecting expected: [String: JSONValue]? = nil
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
        do {
            try await store.change(changes, expecting: expected)
        } catch StoreError.changed {
            throw Self.changed
        }
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
        let newest = read(try await store.settings())
        guard settingTurns.withLock({ $0 == turn }) else { return try await loadSettings() }
        runtime.withLock { $0 = newest }
        guard let runner else { return }
        runner.deadlineBox.withLock { $0 = newest.deadlines }
        await bindTerms(to: runner)
    }

    private func read(_ stored: [String: JSONValue]) -> RuntimeSettings {
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
        return read
    }
}
