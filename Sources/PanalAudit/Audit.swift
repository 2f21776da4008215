package import PanalCore

/// Runs the hostile programs on this host, through the same executor as every other run, and judges what they achieved:
/// by what they say themselves, by what came back, and by what the host looks like.
package struct Audit: Sendable {
    package var settings: AuditSettings
    /// Classes to try.
    package var classes: Set<AttackClass>
    /// Runs that fill their scratch, one after another.
    package var fillingRuns: Int

    package init(
        _ settings: AuditSettings, classes: Set<AttackClass> = Set(AttackClass.allCases), fillingRuns: Int = 200
    ) {
        self.settings = settings
        self.classes = classes
        self.fillingRuns = fillingRuns
    }

    /// Throws where not even the ground for an audit could be made.
    package func run() async throws(SystemError) -> AuditReport {
        let before = HostView(settings)
        let host = try AuditHost.start(settings)
        var findings: [Finding] = []
        for attack in host.attacks where classes.contains(attack.kind) {
            findings.append(contentsOf: await carryOut(attack, on: host))
        }
        let scenarios = Scenarios(host: host, fillingRuns: fillingRuns)
        for scenario in scenarios.all where classes.contains(scenario.kind) {
            findings.append(await scenario.carryOut())
        }
        await host.stop()
        findings.append(contentsOf: before.findings(after: host, classes: classes))
        host.removeFolder()
        return AuditReport(findings)
    }

    private func carryOut(_ attack: Attack, on host: AuditHost) async -> [Finding] {
        switch attack.plan {
        case .helper: return []
        case .channel: return await Channels(host: host, attack: attack).findings()
        default:
            let limits = CellLimits.audit(attack.plan)
            let order = AuditOrder(host, [attack.name] + words(for: attack, host, limits), limits: limits)
            return [Judge.finding(attack, await host.run(order))]
        }
    }

    /// What an attack has to be told: where the secret is, how much memory there is.
    private func words(for attack: Attack, _ host: AuditHost, _ limits: CellLimits) -> [String] {
        if attack.name == "host-files" { return [host.secret, host.folder] }
        if attack.kind == .outputs { return [host.secret, host.folder, "/etc/passwd"] }
        return attack.name == "thrash" ? [String(limits.memory - (6 << 20))] : []
    }
}
