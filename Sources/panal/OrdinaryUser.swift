import Glibc
import PanalCore
import PanalDoctor
import PanalSandbox

/// Cells without root: what an ordinary user is told when they do not start.
enum OrdinaryUser {
    /// Starts the launcher. When that fails for an ordinary user, the failure says too what this host lacks for rootless cells,
    /// each thing with the command that mends it.
    static func start(_ settings: LauncherSettings) throws -> LocalExecutor {
        do {
            return try LocalExecutor.start(settings)
        } catch {
            guard geteuid() != 0 else { throw error }
            throw CommandFailure(([error.sentence] + advice()).joined(separator: "\n"))
        }
    }

    /// What `panal doctor` finds in the way; nothing where it finds nothing.
    static func advice() -> [String] {
        let diagnosis = Diagnosis(HostFacts.ofThisHost(dataFolder: "/var/lib/panal"), modes: [.rootless])
        let lacking = diagnosis.findings.filter { finding in
            finding.verdict == .fail || finding.verdict == .warn && finding.id == "cgroup.delegation"
        }
        return lacking.flatMap { finding in
            ["\(finding.title): \(finding.found)"]
                + (finding.fix.map { ["to mend it\($0.needsRoot ? ", as root" : ""): \($0.command(asRoot: false))"] }
                    ?? [])
        }
    }
}

extension HostFacts {
    /// Everything that checks look at, a trial of the namespaces included.
    static func ofThisHost(dataFolder: String) -> HostFacts {
        var facts = HostFacts.read(
            from: .thisHost, dataFolder: dataFolder, cellUsers: LauncherSettings.standardUserRange)
        facts.userNamespaceTrial = HostProcess.tryUserNamespace(facts)
        facts.launcher = try? Installation.companion("panal-launcher")
        return facts
    }
}
