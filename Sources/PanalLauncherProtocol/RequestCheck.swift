/// Holds a request against the table. Pure: the first field that is not as it must be is named, and nothing is made.
package enum RequestCheck {
    /// Bytes of memory below which no program starts.
    static let leastMemory: UInt64 = 4 << 20
    /// Bytes each second. What a run waits for, others who want the same pages wait for too: less would hold them up for too long.
    static let diskRead: ClosedRange<UInt64> = 1 << 20...1 << 44

    /// Nil when the request may be carried out.
    package static func refusal(of request: RunRequest, by table: LauncherTable) -> String? {
        if request.rootfs != .host, table.imageFolder.isEmpty { return "rootfs" }
        if request.hasWritableRoot, request.rootfs == .host { return "writable root" }
        if Int(request.seccomp) >= table.seccomp.count { return "seccomp" }
        if request.network != .none, !table.seccomp[Int(request.seccomp)].makesSockets { return "network" }
        let cores = Set(request.cores)
        if cores.isEmpty || cores.count != request.cores.count || !cores.isSubset(of: table.cores) { return "cores" }
        if request.quota != 0, request.exclusive || !(1_000...100_000 * UInt32(cores.count)).contains(request.quota) {
            return "quota"
        }
        if request.quota == 0, !request.exclusive { return "quota" }
        if request.burst > request.quota { return "burst" }
        if !(leastMemory...table.memory).contains(request.memory) || request.memory % 4_096 != 0 { return "memory" }
        if !(2...table.processes).contains(request.processes) { return "processes" }
        if !(1...table.wallMicroseconds).contains(request.wallMicroseconds) { return "wall time" }
        if !(1...UInt64(cores.count) * table.wallMicroseconds).contains(request.cpuMicroseconds) {
            return "processor time"
        }
        if !(4_096...(1 << 40)).contains(request.scratchBytes) || request.scratchBytes % 4_096 != 0 {
            return "scratch bytes"
        }
        if !(16...10_000_000).contains(request.scratchFiles) { return "scratch files" }
        if request.collectedFiles > 10_000 { return "collected files" }
        if request.collectedBytes > 1 << 40 { return "collected bytes" }
        if !(8...65_536).contains(request.openFiles) { return "open files" }
        if !(1...(1 << 40)).contains(request.fileBytes) { return "file bytes" }
        if request.diskRead != 0, !table.limitsReading || !diskRead.contains(request.diskRead) { return "disk read" }
        if !request.program.isEmpty, table.dataFolder.isEmpty || !isRelative(request.program) { return "program" }
        var names: Set<[String]> = []
        for input in request.inputs {
            guard !table.dataFolder.isEmpty, isComponent(input.field), isComponent(input.name),
                isRelative(input.source),
                names.insert([input.field, input.name]).inserted
            else { return "input" }
        }
        guard let command = request.arguments.first, !command.isEmpty else { return "arguments" }
        if !request.environment.allSatisfy({ $0.utf8.dropFirst().contains(61) }) { return "environment" }
        return nil
    }

    /// One component of a path: no separator, neither `.` nor `..`.
    static func isComponent(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(47) && name.utf8.count <= 255
    }

    /// A path below a folder: no part empty, `.` or `..`, so neither absolute nor upwards. `.` alone is the folder itself.
    static func isRelative(_ path: String) -> Bool {
        path == "."
            || path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { isComponent(String($0)) }
    }
}
