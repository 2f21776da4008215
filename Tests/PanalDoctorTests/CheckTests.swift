import Testing

@testable import PanalDoctor

/// One thing that is not as it should be, and what the check is to say of it.
struct Ailment: Sendable, CustomTestStringConvertible {
    var id: String
    var verdict: Verdict
    /// Part of what the check found.
    var found: String
    /// Part of the command; nil where there is none.
    var command: String?
    var isSafe = false
    var isRootless = false
    var change: @Sendable (inout HostFacts) -> Void

    var testDescription: String { "\(id) \(verdict): \(found)" }

    init(
        _ id: String, _ verdict: Verdict, _ found: String, _ command: String?, safe: Bool = false,
        rootless: Bool = false,
        _ change: @escaping @Sendable (inout HostFacts) -> Void
    ) {
        self.id = id
        self.verdict = verdict
        self.found = found
        self.command = command
        isSafe = safe
        isRootless = rootless
        self.change = change
    }
}

@Suite struct CheckTests {
    @Test func aSoundHostPassesEverywhere() {
        let root = Diagnosis(.sound, modes: [.root])
        #expect(root.findings.filter { $0.verdict != .pass }.map(\.id) == [])
        #expect(root.exitCode == 0)
        let rootless = Diagnosis(.soundRootless, modes: [.rootless])
        #expect(rootless.findings.filter { $0.verdict != .pass }.map(\.id) == [])
        #expect(root.findings.allSatisfy { $0.concerns.contains(.root) && !$0.meaning.isEmpty && !$0.found.isEmpty })
        #expect(rootless.findings.allSatisfy { $0.concerns.contains(.rootless) })
    }

    @Test(arguments: Ailment.all) func anAilmentIsFound(_ ailment: Ailment) throws {
        var facts = ailment.isRootless ? HostFacts.soundRootless : .sound
        ailment.change(&facts)
        let diagnosis = Diagnosis(facts, modes: ailment.isRootless ? [.rootless] : [.root])
        let finding = try #require(diagnosis.findings.first { $0.id == ailment.id })
        #expect(finding.verdict == ailment.verdict)
        #expect(finding.found.contains(ailment.found), "\(finding.found)")
        if let command = ailment.command {
            let fix = try #require(finding.fix)
            #expect(fix.command(asRoot: true).contains(command), "\(fix.command(asRoot: true))")
            #expect(fix.isSafe == ailment.isSafe)
        } else {
            #expect(finding.fix == nil)
        }
        #expect(diagnosis.exitCode == (ailment.verdict == .fail ? 1 : 0))
        // Nothing else is disturbed by it, but for what follows from it by itself.
        let others = diagnosis.findings.filter { $0.verdict != .pass && $0.id != ailment.id }.map(\.id)
        #expect(Set(others).isSubset(of: ["cgroup.delegation", "cgroup.disk-read", "kernel.namespaces"]), "\(others)")
    }

    @Test func everyCheckIsTriedWithSomethingThatItHasToFind() {
        let tried = Set(Ailment.all.map(\.id))
        #expect(Check.all.map(\.id).filter { !tried.contains($0) } == [])
        #expect(tried.isSubset(of: Check.all.map(\.id)))
    }

    @Test func identifiersAreUnique() {
        #expect(Set(Check.all.map(\.id)).count == Check.all.count)
    }

    @Test func meaningsAreSentencesOfOneLine() {
        for check in Check.all {
            #expect(check.meaning.hasSuffix(".") && !check.meaning.contains("  ") && !check.meaning.contains("\n"))
        }
    }

    /// A restart, a package, a change of what users are given: never without a person.
    @Test func onlySettingsAndSwapAreMendedWithoutAPerson() {
        for ailment in Ailment.all {
            var facts = ailment.isRootless ? HostFacts.soundRootless : .sound
            ailment.change(&facts)
            for finding in Diagnosis(facts, modes: [.root, .rootless]).findings {
                guard let fix = finding.fix else { continue }
                for step in fix.steps {
                    switch step {
                    case .advice: #expect(!fix.isSafe, "\(finding.id)")
                    case .run(let words): #expect(words == ["swapoff", "-a"])
                    case .setting, .write, .writeEach: break
                    }
                }
                let command = fix.command(asRoot: true)
                if ["reboot", "grub", "apt-get", "userns"].contains(where: command.contains) {
                    #expect(!fix.isSafe, "\(command)")
                }
                #expect(fix.isSafe || fix.risk?.isEmpty == false)
            }
        }
    }

    @Test func checksAreOfTheModesThatWereAskedFor() {
        let root = Set(Diagnosis(.sound, modes: [.root]).findings.map(\.id))
        let rootless = Set(Diagnosis(.sound, modes: [.rootless]).findings.map(\.id))
        let both = Set(Diagnosis(.sound, modes: [.root, .rootless]).findings.map(\.id))
        #expect(root.isDisjoint(with: ["cgroup.delegation", "userns.allowed", "userns.apparmor", "userns.trial"]))
        #expect(rootless.isDisjoint(with: ["root.capabilities", "disk.space"]))
        #expect(rootless.contains("cgroup.delegation"))
        #expect(both == root.union(rootless))
        #expect(both == Set(Check.all.map(\.id)))
    }

    @Test func rootCannotSeeWhatAUserHas() throws {
        let finding = try #require(
            Diagnosis(.sound, modes: [.rootless]).findings.first { $0.id == "cgroup.delegation" })
        #expect(finding.verdict == .warn)
    }

    /// Of AppArmor's restriction, the launcher's own profile is the cure; the trial is still refused then.
    @Test func theLaunchersProfileIsReadBack() throws {
        var facts = HostFacts.soundRootless
        facts.settings[.restrictsUserNamespacesByAppArmor] = "1"
        facts.userNamespaceTrial = .failed("unshare: write failed /proc/self/uid_map: Operation not permitted")
        #expect(Diagnosis(facts, modes: [.rootless]).count(.fail) == 2)
        let host = try FixtureHost.usual([
            "/etc/apparmor.d/panal-launcher": "profile panal-launcher /x flags=(unconfined) {\n  userns,\n}"
        ])
        facts.hasLauncherProfile = host.facts().hasLauncherProfile
        #expect(Diagnosis(facts, modes: [.rootless]).verdict == .pass)
    }

    @Test func apportSetsThePatternAnew() {
        var facts = HostFacts.sound
        facts.settings[.corePattern] = "|/usr/share/apport/apport %p"
        let fix = Diagnosis(facts, modes: [.root]).findings.first { $0.id == "host.core-pattern" }?.fix
        #expect(fix?.lasting == "systemctl disable --now apport.service")
    }
}
