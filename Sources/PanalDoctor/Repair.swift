internal import PanalLinux

/// One fix that was carried out, and what the same check said afterwards.
package struct Repair: Hashable, Sendable, Encodable {
    /// The check.
    package var id: String
    package var command: String
    package var before: Verdict
    /// Read back from the host.
    package var after: Verdict
    package var found: String
    /// What could not be done; nil when each step went through, which is not yet to say that it helped.
    package var failure: String?
    package var lasting: String?
}

/// Carries out safe fixes, one after the other, and asks the same check again.
package struct Mender {
    /// Runs a command; nil when it ended well, else what it said.
    package typealias Command = ([String]) -> String?

    private let tree: HostTree
    private let facts: () -> HostFacts
    private let command: Command

    /// `facts` reads the host anew.
    package init(tree: HostTree, facts: @escaping () -> HostFacts, command: @escaping Command) {
        self.tree = tree
        self.facts = facts
        self.command = command
    }

    /// Nil for a finding whose fix is not safe, or that has none. `announce` is told the command before it is carried out.
    package func mend(_ finding: Finding, announce: (String) -> Void) -> Repair? {
        guard let fix = finding.fix, fix.isSafe, finding.verdict != .pass,
            let check = Check.all.first(where: { $0.id == finding.id })
        else { return nil }
        let words = fix.command(asRoot: true)
        announce(words)
        var failure: String?
        for step in fix.steps where failure == nil { failure = carryOut(step) }
        let after = check.finding(facts())
        return Repair(
            id: finding.id, command: words, before: finding.verdict, after: after.verdict, found: after.found,
            failure: failure, lasting: fix.lasting)
    }

    private func carryOut(_ step: Fix.Step) -> String? {
        switch step {
        case .setting(let setting, let value): write(setting.rawValue, value)
        case .write(let path, let value): write(path, value)
        case .writeEach(_, let paths, let value): paths.lazy.compactMap { write($0, value) }.first
        case .run(let words): command(words)
        // Advice always has a risk that says why it is left to a person, and so never comes here.
        case .advice(let text): "this is for a person: \(text)"
        }
    }

    private func write(_ path: String, _ value: String) -> String? {
        do throws(SystemCallFailure) {
            try tree.write(path, value)
            return nil
        } catch {
            return "\(error.call): \(error.reason)"
        }
    }
}
