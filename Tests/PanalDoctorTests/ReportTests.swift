import Foundation
import Testing

@testable import PanalDoctor

@Suite struct ReportTests {
    private static func ailing(rootless: Bool = false) -> HostFacts {
        var facts = rootless ? HostFacts.soundRootless : .sound
        facts.settings[.corePattern] = "|/usr/lib/handler"
        facts.settings[.siblingThreads] = "1"
        facts.settings[.siblingControl] = "on"
        return facts
    }

    /// The names that scripts may count on.
    @Test func theShapeOfTheJSON() throws {
        let diagnosis = Diagnosis(Self.ailing(), modes: [.root])
        let repair = Repair(
            id: "x", command: "c", before: .fail, after: .pass, found: "f", failure: nil, lasting: "l")
        let text = try DiagnosisDocument(diagnosis, repairs: [repair]).text()
        let document = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(
            Set(document.keys) == [
                "version", "kernel", "user", "modes", "verdict", "counts", "findings", "repairs",
            ])
        #expect(document["version"] as? Int == 1)
        #expect(document["modes"] as? [String] == ["root"])
        #expect(document["verdict"] as? String == "fail")
        let counts = try #require(document["counts"] as? [String: Int])
        #expect(counts == ["pass": diagnosis.count(.pass), "warn": 1, "fail": 1])
        let findings = try #require(document["findings"] as? [[String: Any]])
        #expect(findings.count == diagnosis.findings.count)
        let pattern = try #require(findings.first { $0["id"] as? String == "host.core-pattern" })
        #expect(Set(pattern.keys) == ["id", "title", "verdict", "concerns", "found", "meaning", "fix"])
        #expect(pattern["verdict"] as? String == "fail")
        #expect(pattern["concerns"] as? [String] == ["root", "rootless"])
        let fix = try #require(pattern["fix"] as? [String: Any])
        #expect(Set(fix.keys) == ["command", "lasting", "safe", "root"])
        #expect(fix["command"] as? String == "sysctl -w kernel.core_pattern=core")
        #expect(fix["safe"] as? Bool == true && fix["root"] as? Bool == true)
        let siblings = try #require(findings.first { $0["id"] as? String == "cpu.siblings" })
        let risky = try #require(siblings["fix"] as? [String: Any])
        #expect(risky["safe"] as? Bool == false && (risky["risk"] as? String)?.isEmpty == false)
        let repairs = try #require(document["repairs"] as? [[String: Any]])
        #expect(repairs.map { Set($0.keys) } == [["id", "command", "before", "after", "found", "lasting"]])
    }

    @Test func withoutFixThereAreNoRepairs() throws {
        let text = try DiagnosisDocument(Diagnosis(.sound, modes: [.root])).text()
        #expect(!text.contains("repairs") && text.contains("\"verdict\" : \"pass\""))
    }

    @Test func linesForAPerson() throws {
        let lines = DoctorText(isColoured: false, width: 100).lines(Diagnosis(Self.ailing(), modes: [.root]))
        let pattern = try #require(lines.firstIndex { $0.contains("host.core-pattern") })
        #expect(lines[pattern].hasPrefix("FAIL  host.core-pattern "))
        #expect(lines[pattern].hasSuffix("|/usr/lib/handler"))
        let rest = lines[(pattern + 1)...]
        #expect(rest.first?.hasPrefix("      A crash in a cell") == true)
        #expect(rest.contains("      fix:     sysctl -w kernel.core_pattern=core"))
        #expect(rest.contains { $0.hasPrefix("      to keep: ") })
        #expect(lines.contains("      by hand: echo off > /sys/devices/system/cpu/smt/control"))
        #expect(lines.last?.hasSuffix("1 warn, 1 fail; panal doctor --fix mends 1") == true)
        // Verdict, check, mode and what was found stand in columns.
        let columns = Set(
            lines.filter { $0.hasPrefix("PASS") }.compactMap { line in
                line.range(of: " both ").map { line.distance(from: line.startIndex, to: $0.lowerBound) }
            })
        #expect(columns.count == 1)
        #expect(lines.allSatisfy { !$0.contains("\u{1b}") })
    }

    @Test func coloursOnATerminal() {
        let lines = DoctorText(isColoured: true, width: 80).lines(Diagnosis(Self.ailing(), modes: [.root]))
        for (colour, word) in [(32, "PASS"), (33, "WARN"), (31, "FAIL")] {
            #expect(lines.contains { $0.hasPrefix("\u{1b}[\(colour)m\(word)\u{1b}[0m  ") })
        }
    }

    @Test func aUserIsToldToBecomeRoot() {
        let diagnosis = Diagnosis(Self.ailing(rootless: true), modes: [.rootless])
        let lines = DoctorText(isColoured: false, width: 100).lines(diagnosis)
        #expect(lines.contains("      fix:     sudo sysctl -w kernel.core_pattern=core"))
        #expect(lines.contains("      by hand, as root: echo off | sudo tee /sys/devices/system/cpu/smt/control"))
        #expect(lines.last?.contains("sudo panal doctor --fix mends 1") == true)
        #expect(diagnosis.mendable == [])
    }

    // MARK: - Repairs

    @Test func aSafeFixIsToldThenDoneThenReadBack() throws {
        let host = try FixtureHost.usual(["/proc/sys/kernel/core_pattern": "|abc"])
        let before = Diagnosis(host.facts(), modes: [.root])
        let finding = try #require(before.mendable.first { $0.id == "host.core-pattern" })
        var told: [String] = []
        let mender = Mender(tree: host.tree, facts: { host.facts() }, command: { _ in "no command was expected" })
        let repair = try #require(
            mender.mend(finding) { command in
                told.append(command)
                #expect((try? host.text("/proc/sys/kernel/core_pattern")) == "|abc\n")
            })
        #expect(told == ["sysctl -w kernel.core_pattern=core"])
        #expect(repair.before == .fail && repair.after == .pass && repair.failure == nil && repair.found == "core")
        // What the kernel has in one value is as long as what stood here, so that an ordinary file can stand for it.
        #expect(try host.text("/proc/sys/kernel/core_pattern") == "core\n")
    }

    @Test func aFixOfManyFilesReachesEach() throws {
        let folder = "/sys/devices/system/cpu/cpufreq"
        let names = ["policy0", "policy1", "policy2"].map { "\(folder)/\($0)/scaling_governor" }
        let host = try FixtureHost.usual([names[0]: "performance", names[1]: "schedutil", names[2]: "ondemand"])
        let finding = try #require(
            Diagnosis(host.facts(), modes: [.root]).mendable.first { $0.id == "cpu.governor" })
        let mender = Mender(tree: host.tree, facts: { host.facts() }, command: { _ in "no command was expected" })
        let repair = try #require(mender.mend(finding) { _ in })
        #expect(repair.failure == nil && repair.after == .pass && repair.found == "performance")
        #expect(repair.command == "for f in \(folder)/policy*/scaling_governor; do echo performance > $f; done")
        for name in names { #expect(try host.text(name).hasPrefix("performance")) }
    }

    @Test func whatIsNotSafeIsNeverDone() throws {
        let finding = try #require(Diagnosis(Self.ailing(), modes: [.root]).findings.first { $0.id == "cpu.siblings" })
        let host = try FixtureHost.usual(["/sys/devices/system/cpu/smt/control": "on"])
        let mender = Mender(tree: host.tree, facts: { host.facts() }, command: { _ in nil })
        #expect(mender.mend(finding) { _ in Issue.record("nothing is to be told") } == nil)
        #expect(try host.text("/sys/devices/system/cpu/smt/control") == "on\n")
        let diagnosis = Diagnosis(Self.ailing(), modes: [.root])
        #expect(diagnosis.mendable.map(\.id) == ["host.core-pattern"])
    }

    @Test func aFixThatDoesNotHelpIsSaidToHaveFailed() throws {
        let host = try FixtureHost.usual(["/proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/a file 10 0 -2"])
        let finding = try #require(
            Diagnosis(host.facts(), modes: [.root]).mendable.first { $0.id == "memory.swap" })
        var ran: [[String]] = []
        let refusing = Mender(tree: host.tree, facts: { host.facts() }) { words in
            ran.append(words)
            return "swapoff: Not superuser."
        }
        let repair = try #require(refusing.mend(finding) { _ in })
        #expect(ran == [["swapoff", "-a"]])
        #expect(repair.failure == "swapoff: Not superuser." && repair.after == repair.before)
        let line = DoctorText(isColoured: false, width: 80).line(repair)
        #expect(line == "WARN  memory.swap: swapoff: Not superuser.")
        // A file that is not there: the kernel's words, and the verdict as it is then.
        let absent = try #require(Diagnosis(Self.ailing(), modes: [.root]).mendable.first)
        let empty = try FixtureHost([:])
        let failed = try #require(
            Mender(tree: empty.tree, facts: { Self.ailing() }, command: { _ in nil }).mend(absent) { _ in })
        #expect(failed.failure?.contains("No such file") == true && failed.after == .fail)
    }

    @Test func commandsOfTheHost() {
        #expect(HostProcess.failure(of: ["/bin/true"]) == nil)
        #expect(HostProcess.failure(of: ["/bin/sh", "-c", "echo one >&2; echo two >&2; exit 3"]) == "two")
        #expect(HostProcess.failure(of: ["/bin/sh", "-c", "exit 3"])?.contains("3") == true)
        #expect(HostProcess.failure(of: ["/nonexistent"])?.contains("No such file") == true)
        #expect(HostProcess.failure(of: ["/bin/sleep", "100"], seconds: 1)?.contains("did not end") == true)
    }
}
