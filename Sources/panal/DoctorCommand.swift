import ArgumentParser
import Glibc
import PanalDoctor

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what of this machine keeps cells from running, from being held, or from even timings.",
        discussion: """
            Each check says PASS, WARN or FAIL, which way of starting cells it concerns (by root, rootless, or both), what was \
            found, why it matters and the command that mends it. WARN: cells run and are held; timing, speed or the host's own \
            defence could be better. FAIL: cells do not run, or something that is promised does not hold.

            Exit codes: 0 when all pass or warn, 1 when one fails, after --fix as it is then.
            """)

    enum Modes: String, CaseIterable, ExpressibleByArgument {
        case root, rootless, both
    }

    @Option(help: ArgumentHelp("Checks for cells by root, by an ordinary user, or both; yours when not given."))
    var mode: Modes?

    @Option(help: ArgumentHelp("The service's data folder.", valueName: "folder"))
    var data = "/var/lib/panal"

    @Flag(help: "Carry out the safe fixes, each told before it is done and read back; the others are only told.")
    var fix = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard data.hasPrefix("/") else { throw ValidationError("--data must be an absolute path") }
    }

    func run() throws {
        let facts = readFacts()
        let modes = modes(facts)
        var diagnosis = Diagnosis(facts, modes: modes)
        let text = DoctorText(isColoured: Terminal.isColoured(1), width: Terminal.width ?? 100)
        guard fix else {
            try tell(diagnosis, repairs: nil, text)
            throw ExitCode(diagnosis.exitCode)
        }
        let repairs = mend(diagnosis, text)
        diagnosis = Diagnosis(readFacts(), modes: modes)
        if !json, !repairs.isEmpty { print() }
        try tell(diagnosis, repairs: repairs, text)
        throw ExitCode(diagnosis.exitCode)
    }

    private func modes(_ facts: HostFacts) -> [Mode] {
        switch mode {
        case .root: [.root]
        case .rootless: [.rootless]
        case .both: [.root, .rootless]
        case nil: facts.user.isRoot ? [.root] : [.rootless]
        }
    }

    private func readFacts() -> HostFacts {
        HostFacts.ofThisHost(dataFolder: data)
    }

    /// With JSON the commands are told on standard error, so that the output is one document.
    private func mend(_ diagnosis: Diagnosis, _ text: DoctorText) -> [Repair] {
        let mender = Mender(tree: .thisHost, facts: readFacts, command: { HostProcess.failure(of: $0) })
        return diagnosis.mendable.compactMap { finding in
            let repair = mender.mend(finding) { command in
                if json { return StandardError.line(command) }
                print("      \(command)")
                fflush(nil)
            }
            if let repair, !json { print(text.line(repair)) }
            return repair
        }
    }

    private func tell(_ diagnosis: Diagnosis, repairs: [Repair]?, _ text: DoctorText) throws {
        if json {
            print(try DiagnosisDocument(diagnosis, repairs: repairs).text())
        } else {
            for line in text.lines(diagnosis) { print(line) }
        }
    }
}
