import Foundation
import Glibc
import PanalLinux

/// What the host's `/proc` says of processes, for tests that look at a launcher from outside.
struct HostProcess: Hashable {
    let id: Int32

    func text(_ file: String) -> String {
        (try? String(contentsOfFile: "/proc/\(id)/\(file)", encoding: .utf8)) ?? ""
    }

    /// The words behind `name:` in its status.
    func field(_ name: String) -> [String] {
        let line = text("status").split(separator: "\n").first { $0.hasPrefix("\(name):") } ?? ""
        return line.dropFirst(name.count + 1).split { $0 == "\t" || $0 == " " }.map(String.init)
    }

    func link(_ file: String) -> String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/\(file)")) ?? ""
    }

    /// Whether it runs this very file. Another file may have the same path where somebody sees other mounts.
    func runs(_ path: String) -> Bool {
        var (own, wanted) = (stat(), stat())
        guard stat("/proc/\(id)/exe", &own) == 0, stat(path, &wanted) == 0 else { return false }
        return own.st_dev == wanted.st_dev && own.st_ino == wanted.st_ino
    }

    var parent: HostProcess? { field("PPid").first.flatMap { Int32($0) }.map { HostProcess(id: $0) } }

    /// Those of each of its threads, oldest first as the kernel lists them: numbers begin anew when they are used up.
    var children: [HostProcess] {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/task")) ?? []
        let numbers = tasks.flatMap { text("task/\($0)/children").split(separator: " ").compactMap { Int32($0) } }
        return numbers.map { HostProcess(id: $0) }
    }

    var descendants: [HostProcess] { children.flatMap { [$0] + $0.descendants } }

    static var all: [HostProcess] {
        ((try? Folders.children(of: "/proc")) ?? []).compactMap { Int32($0).map { HostProcess(id: $0) } }
    }

    /// Sends SIGKILL; false when the process has ended.
    func end() -> Bool { kill(id, SIGKILL) == 0 }
}
