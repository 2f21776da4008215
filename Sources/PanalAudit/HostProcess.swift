internal import Glibc
internal import PanalLinux

/// A process of the host, as `/proc` shows it.
struct HostProcess {
    let number: Int32

    /// This one.
    static var own: HostProcess { HostProcess(number: getpid()) }

    /// Whether cells are started by an ordinary user here.
    static var isOrdinaryUser: Bool { geteuid() != 0 }

    /// All that are there now.
    static func all() -> [HostProcess] {
        ((try? Folders.children(of: "/proc")) ?? []).compactMap { Int32($0).map(HostProcess.init) }
    }

    /// Those whose name is `name`, at most 15 bytes of it.
    static func named(_ name: String) -> [HostProcess] {
        all().filter { $0.text("comm") == name }
    }

    /// Empty when the process has ended meanwhile.
    func text(_ file: String) -> String {
        (try? KernelFile.read("/proc/\(number)/\(file)")) ?? ""
    }

    /// Name and value of each line of `status`, white space made single.
    var status: [String: String] {
        var found: [String: String] = [:]
        for line in text("status").split(separator: "\n") {
            let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2 else { continue }
            found[String(halves[0])] = halves[1].split { $0 == " " || $0 == "\t" }.joined(separator: " ")
        }
        return found
    }

    var parent: Int32? { status["PPid"].flatMap(Int32.init) }

    /// `Max open files` → soft and hard limit.
    func limit(_ name: String) -> String? {
        for line in text("limits").split(separator: "\n") where line.hasPrefix(name) {
            let words = line.dropFirst(name.count).split(separator: " ")
            return words.count >= 2 ? "\(words[0]) \(words[1])" : nil
        }
        return nil
    }

    /// The process's group by controller, `""` for v2, as folders of this host.
    func groups() throws(StepFailure) -> [String: String] {
        var found: [String: String] = [:]
        let mounts = try CgroupMount.list()
        for line in text("cgroup").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3 else { continue }
            if parts[1].isEmpty {
                if let mount = mounts.first(where: \.isUnified) { found[""] = mount.path + parts[2] }
                continue
            }
            for controller in parts[1].split(separator: ",").map(String.init) {
                if let mount = mounts.first(where: { $0.controllers.contains(controller) }) {
                    found[controller] = mount.path + parts[2]
                }
            }
        }
        return found
    }
}
