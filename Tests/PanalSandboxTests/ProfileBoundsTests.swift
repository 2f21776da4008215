import PanalCore
import PanalLauncherProtocol
import PanalProfiles
import Testing

@testable import PanalSandbox

/// What a profile may say the launcher takes too: otherwise it would be listed as available, and each run under it refused.
@Suite struct ProfileBoundsTests {
    @Test(arguments: [true, false]) func theLauncherTakesWhatAProfileMaySay(isLeast: Bool) throws {
        let settings = [
            ("cores", "1", "2"), ("memory", "4MiB", "16TiB"), ("processes", "2", "32768"), ("time", "1s", "7d"),
            ("cpu-time", "1s", "14d"), ("scratch", "1MiB", "1TiB"), ("scratch-files", "16", "10000000"),
            ("output", "1KiB", "16GiB"), ("result-files", "0", "10000"), ("results", "0MiB", "1TiB"),
            ("open-files", "16", "65536"), ("file-size", "1MiB", "1TiB"), ("disk-read", "1MiB/s", "16TiB/s"),
            ("seccomp", "default", "default"),
        ]
        let lines = settings.map { "    \($0.0): \(isLeast ? $0.1 : $0.2)" }
        let text = "profiles:\n  a:\n" + lines.joined(separator: "\n") + "\n"
        let limits = try #require(try ProfileCatalog(parsing: text, file: "a.yaml").profiles.first).limits

        var table = ProtocolTests.table
        table.memory = 16 << 40
        table.wallMicroseconds = UInt64(LauncherSettings.longestRun.wholeMicroseconds)
        table.processes = UInt32(LauncherSettings.mostProcesses)
        var request = ProtocolTests.request
        request.cores = Array(table.cores.sorted().prefix(limits.cpu.parallelism))
        (request.memory, request.processes) = (UInt64(limits.memory), UInt32(limits.processes))
        request.wallMicroseconds = UInt64(limits.wallTime.wholeMicroseconds)
        request.cpuMicroseconds = UInt64(limits.cpuTime.wholeMicroseconds)
        (request.scratchBytes, request.scratchFiles) = (UInt64(limits.scratchBytes), UInt32(limits.scratchFiles))
        request.collectedFiles = UInt32(limits.collectedFiles)
        request.collectedBytes = UInt64(limits.collectedBytes)
        (request.openFiles, request.fileBytes) = (UInt32(limits.openFiles), UInt64(limits.fileBytes))
        request.diskRead = UInt64(try #require(limits.diskRead))
        #expect(RequestCheck.refusal(of: request, by: table) == nil)
    }
}
