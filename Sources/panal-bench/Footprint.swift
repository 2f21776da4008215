import FoundationEssentials
import Glibc

/// What cells take of the host's memory while they stand ready and while they run, and what is left after many.
enum Footprint {
    struct Row: Encodable {
        var name: String
        var before: Int?
        var value: Int
    }

    @MainActor
    static func measure(_ cells: BenchCells, soak: Int) async throws -> [Row] {
        try await cells.run(["/usr/bin/true"])
        usleep(500_000)
        guard let launcher = descendants(of: getpid()).first(where: { parent($0) == getpid() }) else {
            throw BenchFailure("there is no launcher")
        }
        func members() -> [Int32] { descendants(of: launcher).filter { slot(of: $0) != nil } }
        func inSlots() -> Int { members().reduce(0) { $0 + memory($1) } }
        let slots = max(1, Set(members().compactMap(slot(of:))).count)
        let idle = inSlots()
        var rows = [Row(name: "a slot that stands ready, private bytes", value: idle / slots)]
        async let sleeping = cells.run(["/bin/sleep", "2"])
        usleep(1_000_000)
        rows.append(Row(name: "a slot whose cell runs sleep, private bytes", value: inSlots() - idle + idle / slots))
        _ = try await sleeping
        guard soak > 0 else { return rows }
        let before = leftovers(launcher)
        for _ in 0..<soak { try await cells.run(["/usr/bin/true"]) }
        usleep(1_000_000)
        for (old, new) in zip(before, leftovers(launcher)) {
            rows.append(Row(name: "\(old.name), after \(soak) cells", before: old.value, value: new.value))
        }
        return rows
    }

    // MARK: What is left

    private static func leftovers(_ launcher: Int32) -> [Row] {
        let both = [getpid(), launcher]
        return [
            Row(name: "private bytes of this process and the launcher", value: both.reduce(0) { $0 + memory($1) }),
            Row(name: "descriptors of both", value: both.reduce(0) { $0 + count("/proc/\($1)/fd") }),
            Row(name: "processes of both", value: descendants(of: getpid()).count),
            Row(name: "mounts", value: both.reduce(0) { $0 + lines("/proc/\($1)/mountinfo") }),
            Row(name: "control groups", value: controlGroups()),
            Row(name: "unreclaimable kernel slab, bytes", value: kernelSlab()),
        ]
    }

    private static func controlGroups() -> Int {
        (text("/proc/cgroups") ?? "").split(separator: "\n").dropFirst().reduce(0) {
            $0 + (Int($1.split(separator: "\t").dropFirst(2).first ?? "") ?? 0)
        }
    }

    private static func kernelSlab() -> Int { 1_024 * number(in: "/proc/meminfo", after: "SUnreclaim:") }

    // MARK: Processes

    private static func descendants(of ancestor: Int32) -> [Int32] {
        let all = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        let parents = Dictionary(all.map { ($0, parent($0)) }, uniquingKeysWith: { first, _ in first })
        return all.filter { process in
            var next = parents[process] ?? 0
            while next > 1, next != ancestor { next = parents[next] ?? 0 }
            return next == ancestor
        }
    }

    /// The group of a slot, or of its cell, that a process lives in.
    private static func slot(of process: Int32) -> Substring? {
        (text("/proc/\(process)/cgroup") ?? "").split(separator: "\n").compactMap { line in
            line.split(separator: "/").drop { !$0.hasPrefix("panal-") }.dropFirst().first
        }.first
    }

    private static func parent(_ process: Int32) -> Int32 {
        Int32(number(in: "/proc/\(process)/status", after: "PPid:"))
    }

    private static func memory(_ process: Int32) -> Int {
        let file = "/proc/\(process)/smaps_rollup"
        return 1_024 * (number(in: file, after: "Private_Clean:") + number(in: file, after: "Private_Dirty:"))
    }

    // MARK: Files of the kernel

    private static func text(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        return String(decoding: data, as: UTF8.self)
    }

    private static func lines(_ path: String) -> Int { (text(path) ?? "").split(separator: "\n").count }

    private static func count(_ folder: String) -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: folder).count) ?? 0
    }

    private static func number(in path: String, after word: String) -> Int {
        let line = (text(path) ?? "").split(separator: "\n").first { $0.hasPrefix(word) }
        return Int(line?.split(whereSeparator: \.isWhitespace).dropFirst().first ?? "") ?? 0
    }
}
