import FoundationEssentials
import Glibc

/// What processes of this machine have computed, in nanoseconds.
struct ProcessClock {
    let server: Int
    let launcher: Int

    /// `server` is panald's process; its launcher is its only child of that name.
    init(server: Int) throws {
        self.server = server
        let found = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int($0) }.first {
            number in
            guard let (name, parent) = Self.lineage(of: number) else { return false }
            return parent == server && name == "panal-launcher"
        }
        guard let found else { throw BenchFailure("process \(server) has no launcher") }
        launcher = found
    }

    private static func lineage(of process: Int) -> (name: Substring, parent: Int)? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        guard let open = text.firstIndex(of: "("), let end = text.lastIndex(of: ")") else { return nil }
        let words = text[end...].split(separator: " ")
        guard words.count > 2, let parent = Int(words[2]) else { return nil }
        return (text[text.index(after: open)..<end], parent)
    }

    struct Reading {
        var server: Int64
        var launcher: Int64
        /// Everything on this host, the cells, the client and the kernel's own threads too.
        var host: Int64
    }

    func read() -> Reading {
        Reading(server: Self.time(of: server), launcher: Self.time(of: launcher), host: Self.hostTime())
    }

    /// Of all threads that the process has now: those of the two that are measured live as long as they do.
    private static func time(of process: Int) -> Int64 {
        let folder = "/proc/\(process)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return threads.reduce(0) { sum, thread in
            guard let data = FileManager.default.contents(atPath: "\(folder)/\(thread)/schedstat") else { return sum }
            return sum + (String(decoding: data, as: UTF8.self).split(separator: " ").first.flatMap { Int64($0) } ?? 0)
        }
    }

    static func hostTime() -> Int64 {
        for controllers in ["cpuacct", "cpu,cpuacct"] {
            if let data = FileManager.default.contents(atPath: "/sys/fs/cgroup/\(controllers)/cpuacct.usage") {
                return Int64(String(decoding: data, as: UTF8.self).filter(\.isNumber)) ?? 0
            }
        }
        // Version 2: the root's own figure, in microseconds.
        guard let data = FileManager.default.contents(atPath: "/sys/fs/cgroup/cpu.stat") else { return 0 }
        let words = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard let place = words.firstIndex(of: "usage_usec"), place + 1 < words.count else { return 0 }
        return (Int64(words[place + 1]) ?? 0) * 1_000
    }
}
