/// Where a whole core is: its hardware threads, the last cache that it shares with others, the memory that is near to it.
package struct CoreSite: Hashable, Sendable {
    /// Numbers of its logical processors, ascending; at least one.
    package var threads: [Int]
    /// The lowest processor of those that share its last level of cache.
    package var cache: Int
    /// Number of its memory node.
    package var node: Int

    package init(threads: [Int], cache: Int, node: Int) {
        self.threads = threads
        self.cache = cache
        self.node = node
    }
}

extension HostTopology {
    /// The cores to which `processors` belong, by their first thread. Where the kernel tells nothing of a processor, as in some
    /// containers, it counts as a core of its own with everything near to it. `folder` is `/sys/devices/system`.
    package static func sites(of processors: [Int], folder: String = "/sys/devices/system") -> [CoreSite] {
        let known = Set(processors)
        var nodes: [Int: Int] = [:]
        let online = list("\(folder)/node/online") ?? []
        for node in online {
            for processor in list("\(folder)/node/node\(node)/cpulist") ?? [] { nodes[processor] = node }
        }
        var sites: [CoreSite] = []
        var seen: Set<Int> = []
        for processor in known.sorted() where !seen.contains(processor) {
            let path = "\(folder)/cpu/cpu\(processor)"
            // A thread that is not ours belongs to somebody else, whom we cannot keep away.
            let threads = (list("\(path)/topology/thread_siblings_list") ?? [processor]).filter(known.contains)
            seen.formUnion(threads)
            sites.append(
                CoreSite(
                    threads: threads.isEmpty ? [processor] : threads.sorted(), cache: lastCache(path),
                    node: nodes[processor] ?? 0))
        }
        return sites
    }

    private static func lastCache(_ path: String) -> Int {
        var last: (level: Int, first: Int) = (0, 0)
        for index in 0..<8 {
            guard let text = try? KernelFile.read("\(path)/cache/index\(index)/level"), let level = Int(text),
                level > last.level, let shared = list("\(path)/cache/index\(index)/shared_cpu_list")?.min()
            else { continue }
            last = (level, shared)
        }
        return last.first
    }

    private static func list(_ path: String) -> [Int]? {
        guard let text = try? KernelFile.read(path) else { return nil }
        let numbers = CoreList.numbers(text)
        return numbers.isEmpty ? nil : numbers
    }
}
