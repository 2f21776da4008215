import Foundation
import PanalLinux
import Testing

/// Where cores are, read from a folder like `/sys/devices/system`.
@Suite struct CoreSiteTests {
    /// Two sockets, each a memory node with two cores of two threads; each core has caches of its own but for the last.
    private func with<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "panal-sites-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        func write(_ path: String, _ text: String) throws {
            let file = folder.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data("\(text)\n".utf8).write(to: file)
        }
        try write("node/online", "0-1")
        try write("node/node0/cpulist", "0-1,4-5")
        try write("node/node1/cpulist", "2-3,6-7")
        for processor in 0..<8 {
            let core = processor % 4
            try write("cpu/cpu\(processor)/topology/thread_siblings_list", "\(core),\(core + 4)")
            try write("cpu/cpu\(processor)/cache/index0/level", "1")
            try write("cpu/cpu\(processor)/cache/index0/shared_cpu_list", "\(core),\(core + 4)")
            try write("cpu/cpu\(processor)/cache/index3/level", "3")
            try write("cpu/cpu\(processor)/cache/index3/shared_cpu_list", core < 2 ? "0-1,4-5" : "2-3,6-7")
        }
        return try body(folder.path)
    }

    @Test func threadsCachesAndNodesAreFound() throws {
        let sites = try with { HostTopology.sites(of: Array(0..<8), folder: $0) }
        #expect(
            sites == [
                CoreSite(threads: [0, 4], cache: 0, node: 0), CoreSite(threads: [1, 5], cache: 0, node: 0),
                CoreSite(threads: [2, 6], cache: 2, node: 1), CoreSite(threads: [3, 7], cache: 2, node: 1),
            ])
    }

    /// A processor that is not ours makes its sibling a core of one thread.
    @Test func onlyWhatIsOursCounts() throws {
        let sites = try with { HostTopology.sites(of: [1, 2, 4, 6], folder: $0) }
        #expect(sites.map(\.threads) == [[1], [2, 6], [4]])
    }

    @Test func aKernelThatTellsNothingLeavesCoresOfTheirOwn() {
        let sites = HostTopology.sites(of: [3, 1], folder: "/nowhere")
        #expect(sites == [1, 3].map { CoreSite(threads: [$0], cache: 0, node: 0) })
    }

    /// Whatever this machine is like, each of its processors is in exactly one core.
    @Test func thisMachineAddsUp() throws {
        let processors = try HostTopology.affinity()
        #expect(HostTopology.sites(of: processors).flatMap(\.threads).sorted() == processors)
    }
}
