import Foundation
import PanalCore
import PanalProfiles
import Testing

private let complete = """
    defaults: {processes: 64, time: 1min, cpu-time: 90s, scratch: 16MiB, scratch-files: 100, output: 1MiB, result-files: 10,
      results: 2MiB, open-files: 64, file-size: 8MiB, seccomp: default}

    """

/// What a text is refused for, `line:column: detail` each.
private func mistakes(_ text: String) -> [String] {
    do {
        _ = try ProfileCatalog(parsing: text, file: "p.yaml")
        return []
    } catch {
        return error.mistakes.map { "\($0.line):\($0.column): \($0.detail)" }
    }
}

@Suite struct ProfileCatalogTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().resolvingSymlinksInPath()
        .appendingPathComponent("Profiles")

    @Test func theStandardProfilesAreUnaClouds()
        throws
    {
        let catalog = try ProfileCatalog.load(folder: Self.folder.path)
        let expected: [(String, Int, Int)] = [("small", 1, 1), ("medium", 2, 2), ("large", 4, 4), ("xlarge", 6, 8)]
        #expect(catalog.profiles.map(\.name).prefix(4) == ["small", "medium", "large", "xlarge"])
        for (name, cores, gibibytes) in expected {
            let profile = try #require(catalog[name])
            #expect(profile.limits.cpu == .exclusive(cores: cores))
            #expect(profile.limits.memory == gibibytes << 30)
            #expect(profile.seccomp == "default")
            #expect(profile.limits.scratchBytes <= profile.limits.memory)
            #expect(profile.limits.cpuTime == profile.limits.wallTime * cores)
            #expect(!profile.summary.isEmpty)
        }
        let small = try #require(catalog["small"]).limits
        #expect(small.processes == 256)
        #expect(small.wallTime == .seconds(600))
        #expect(small.outputBytes == 16 << 20)
        #expect(small.openFiles == 1_024)
        #expect(catalog["tiny"] == nil)
    }

    @Test func aProfilesOwnSettingsComeBeforeTheDefaults() throws {
        let catalog = try ProfileCatalog(
            parsing: complete
                + "profiles:\n  a: {cores: 0.25, cpu-burst: 25ms, memory: 64MiB, time: 1.5h, summary: quick, disk-read: 1.5 MiB/s}\n  b: {cores: 3, memory: 1.5 GiB, network: loopback}\n",
            file: "p.yaml")
        #expect(catalog.profiles.map(\.name) == ["a", "b"])
        let first = catalog.profiles[0].limits
        #expect(first.cpu == .shared(millicores: 250))
        #expect(first.cpuBurst == .milliseconds(25))
        #expect(first.wallTime == .seconds(5_400))
        #expect(first.cpuTime == .seconds(90))
        #expect(first.memory == 64 << 20)
        #expect(first.fileBytes == 8 << 20)
        #expect(first.collectedFiles == 10)
        #expect(first.diskRead == 3 << 19)
        #expect(catalog.profiles[1].limits.diskRead == nil)
        #expect(catalog.profiles[0].summary == "quick")
        #expect(catalog.profiles.map(\.network) == [.none, .loopback])
        #expect(catalog.profiles[1].limits.memory == 3 << 29)
        #expect(catalog.profiles[1].limits.cpu == .exclusive(cores: 3))
    }

    /// Settings of a profile on line 4, after `  a: {cores: 1, memory: 64MiB` → what is said.
    static let settings: [(String, [String])] = [
        ("memory: 1 GB", ["‘1 GB’ has no unit of size that Panal knows; write 1GiB"]),
        ("memory: 64", ["‘64’ has no unit; write for example 1GiB, or 64B for bytes"]),
        ("memory: 1MiB", ["1MiB is out of range; write 4 MiB to 16 TiB"]),
        ("memory: lots", ["‘lots’ has no unit of size that Panal knows; units are KiB, MiB, GiB and TiB"]),
        ("memory: [1]", ["should be one value, for example 1GiB"]),
        ("memory: -1GiB", ["‘-1GiB’ is no size; write a number and KiB, MiB, GiB or TiB"]),
        ("cores: 0", ["0 is out of range; write 1 to 4096, or a fraction from 0.01"]),
        ("cores: two", ["‘two’ is no number of cores; write whole ones such as 2, or a fraction such as 0.5"]),
        ("cores: 0.001", ["0.001 is out of range; write 0.01 to 4096"]),
        ("cores: 0.0125", ["‘0.0125’ is finer than a thousandth of a core; write at most three places"]),
        ("cores: 2.0", ["‘2.0’ could be whole cores or a share; write 2 for cores that nobody else uses"]),
        ("cores: 1e3", ["‘1e3’ is no number of cores; write whole ones such as 2, or a fraction such as 0.5"]),
        ("time: 60", ["‘60’ has no unit; write 60s for seconds, or ms, min, h, d"]),
        ("time: 5 minutes", ["‘5 minutes’ is no span of time; write a number and ms, s, min, h or d"]),
        ("time: 10ms", ["10ms is out of range; write 1s to 7d"]),
        (
            "cpu-time: 8d",
            [
                "8d is more than 1 core can use in the longest time that a run may take; write at most 7d"
            ]
        ),
        ("processes: 1", ["‘1’ should be a whole number from 2 to 32768"]),
        ("open-files: many", ["‘many’ should be a whole number from 16 to 65536"]),
        ("seccomp: ../x", ["‘../x’ is no name of a policy; write the name of its file without .json, such as default"]),
        ("cpu-burst: 20ms", ["whole cores have nothing to save up; leave it out"]),
        ("disk-read: 50MiB", ["‘50MiB’ is a size, not a rate; write 50MiB/s for so much in each second"]),
        ("disk-read: 50MB/s", ["‘50MB’ has no unit of size that Panal knows; write 50MiB"]),
        ("disk-read: 512KiB/s", ["512KiB/s is out of range; write 1 MiB/s to 16 TiB/s, or leave it out for no limit"]),
        ("disk-read: none", ["‘none’ has no unit of size that Panal knows; units are KiB, MiB, GiB and TiB"]),
        ("disk-read: [1]", ["should be one value, for example 50MiB/s"]),
        ("network: internet", ["‘internet’ is no network; write none or loopback"]),
        ("network: [loopback]", ["should be one value, for example none"]),
        (
            "scratch: 65MiB",
            [
                "65 MiB is more than the memory, 64 MiB; scratch files are kept in memory and count as such"
            ]
        ),
    ]

    @Test(arguments: settings) func namesAWrongSettingWithItsPlace(setting: String, details: [String]) throws {
        let key = try #require(setting.split(separator: ":").first)
        var lines = ["  a:", "    \(setting)"]
        if key != "cores" { lines.append("    cores: 1") }
        if key != "memory" { lines.append("    memory: 64MiB") }
        let text = complete + "profiles:\n" + lines.joined(separator: "\n") + "\n"
        #expect(mistakes(text) == details.map { "5:\(7 + key.count): \(key): \($0)" })
    }

    /// Whole files → what is said.
    static let files: [(String, [String])] = [
        ("", ["1:1: the file is empty"]),
        ("- a\n", ["1:1: the file should be a mapping that begins with profiles:"]),
        ("{}\n", ["1:1: the file has no profiles:"]),
        ("profiles: {}\n", ["1:11: profiles: should be a mapping from names to settings"]),
        (
            "profils: {}\nprofiles: 3\n",
            [
                "1:1: ‘profils’ is no key here; known are profiles and defaults",
                "2:11: profiles: should be a mapping from names to settings",
            ]
        ),
        (
            complete + "profiles:\n  Big: {}\n",
            [
                "4:3: ‘Big’ is no name of a profile; write 1 to 40 of a-z, 0-9 and -, a letter first"
            ]
        ),
        (
            complete + "profiles:\n  a: {cores: 1, ram: 1GiB}\n",
            [
                "4:3: a: memory is missing; write for example memory: 1GiB",
                "4:17: ‘ram’ is no setting; did you mean memory?",
            ]
        ),
        (
            complete + "profiles:\n  a: {cores: 1, memory: 64MiB, colour: red}\n",
            [
                "4:32: ‘colour’ is no setting; known are summary, cores, memory, processes, time, cpu-time, cpu-burst, scratch, scratch-files, output, "
                    + "result-files, results, open-files, file-size, disk-read, seccomp, network, price, memory-price, opportunistic-price"
            ]
        ),
        (
            complete + "profiles:\n  a: 3\n",
            [
                "4:3: a: cores is missing; write for example cores: 1",
                "4:3: a: memory is missing; write for example memory: 1GiB",
                "4:6: a: should be a mapping of settings, such as cores: 1",
            ]
        ),
        (
            complete + "profiles:\n  a:\n    cores: 1\n    memory: 64MiB\n    cores: 2\n",
            [
                "7:5: cores: stands twice; keep one of them"
            ]
        ),
        (
            complete + "profiles:\n  a:\n    cores: 1\n    memory: 64MiB\n  a:\n    cores: 2\n",
            [
                "7:3: a: stands twice; keep one of them"
            ]
        ),
        ("profiles:\n\ta: 1\n", ["2:1: is no YAML: found character that cannot start any token"]),
        ("profiles: [\n", ["2:1: is no YAML: did not find expected node content"]),
    ]

    @Test(arguments: files) func namesWhatIsWrongWithAFile(text: String, expected: [String]) {
        #expect(mistakes(text) == expected)
    }

    @Test func aFolderIsReadInOrderAndAsOne() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "panal-profiles-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: folder.appendingPathComponent(name))
        }

        // Nothing there, and a folder that is not there, are no profiles.
        #expect(throws: ProfileMistakes.self) { try ProfileCatalog.load(folder: folder.path) }
        #expect(throws: ProfileMistakes.self) { try ProfileCatalog.load(folder: folder.path + "/none") }

        try write("b.yaml", complete + "profiles:\n  one: {cores: 1, memory: 64MiB}\n")
        try write("a.yaml", complete + "profiles:\n  two: {cores: 1, memory: 64MiB}\n")
        try write("notes.txt", "not: read")
        #expect(try ProfileCatalog.load(folder: folder.path).profiles.map(\.name) == ["two", "one"])

        try write("c.yaml", complete + "profiles:\n  one: {cores: 2, memory: 64MiB}\n")
        do {
            _ = try ProfileCatalog.load(folder: folder.path)
            Issue.record("a name that stands in two files was taken")
        } catch {
            #expect(
                error.description
                    == "\(folder.path)/c.yaml:4:3: profile ‘one’ is already in \(folder.path)/b.yaml, line 4")
        }
    }

    @Test func quantitiesComeBackAsTheyAreWritten() throws {
        for text in ["90s", "10min", "1500ms", "2h", "3d"] {
            #expect(Quantity.text(try Quantity.duration(text)) == text)
        }
        #expect(Quantity.text(.zero) == "0s")
        #expect(try Quantity.bytes("1.5KiB") == 1_536)
        #expect(try Quantity.bytes("17") == 17)
        for wrong in ["", "GiB", "1,5GiB", "999999999999TiB", "1e3MiB", "NaNGiB", "--1"] {
            #expect(throws: QuantityMistake.self, "\(wrong)") { try Quantity.bytes(wrong) }
        }
    }
}
