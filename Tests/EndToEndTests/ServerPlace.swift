import Foundation

/// What panald is started with again and again: the name of its instance, its data, its settings. It outlives the servers.
struct ServerPlace: Sendable {
    let instance: String
    let folder: URL
    let data: URL
    var profiles: String
    /// Beyond instance, data and profiles.
    var settings: [String]
    /// A command that goes on as the command behind it, which is the server; empty for the server by itself.
    var wrapper: [String] = []
    /// User ids of cells; nobody else's in this range.
    let cellUsers: Range<UInt32>

    /// Where the test's own executable was built, and panald beside it.
    static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL

    /// `name` is one of this test's own: places with the same name share their user ids.
    init(_ name: String, profiles: [String: String] = [:], settings: [String] = []) throws {
        guard geteuid() == 0 else { throw RunningServer.Failure(reason: "cells need root; run the tests as root") }
        instance = "\(name)-\(getpid())"
        folder = FileManager.default.temporaryDirectory.appending(path: "panal-\(instance)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // The service goes on as another user, who has to reach its data.
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path())
        data = folder.appending(path: "data")
        let number = name.utf8.reduce(UInt32(getpid()) % 10_000) { ($0 &* 31 &+ UInt32($1)) % 400_000 }
        cellUsers = 2_100_000_000 + number * 1_024..<2_100_000_000 + (number + 1) * 1_024
        self.settings = settings
        self.profiles = Self.root.appending(path: "Profiles").path()
        guard !profiles.isEmpty else { return }
        let own = folder.appending(path: "profiles")
        try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            at: own.appending(path: "seccomp"), withDestinationURL: Self.root.appending(path: "Profiles/seccomp"))
        self.profiles = own.path()
        for (name, text) in profiles { try write(profile: text, as: name) }
    }

    func write(profile text: String, as name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: profiles).appending(path: "\(name).yaml"))
    }

    var arguments: [String] {
        [
            "--port", "0", "--data", data.path(), "--instance", instance, "--user", "nobody", "--profiles", profiles,
            "--cell-users", "\(cellUsers.lowerBound)-\(cellUsers.upperBound - 1)", "--log-level", "warning",
        ] + settings
    }

    /// Takes the data away. The server has to be gone.
    func remove() { try? FileManager.default.removeItem(at: folder) }

    /// What of the place's servers is still there: control groups, mounts, processes, the socket. Read from the kernel, not from
    /// Panal.
    func leftovers() throws -> [String] {
        var found: [String] = []
        let groups = FileManager.default.enumerator(atPath: "/sys/fs/cgroup")
        while let path = groups?.nextObject() as? String {
            if path.contains("panal-\(instance)") { found.append("group \(path)") }
        }
        let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        found += mounts.split(separator: "\n").filter { $0.contains(instance) }.map { "mount \($0)" }
        // One that has ended and whom nobody has asked for is its parent's matter.
        for process in HostProcess.all where process.id != getpid() && process.isRunning {
            let isOurs = process.text("cmdline").contains(instance)
            let users = process.field("Uid").compactMap { UInt32($0) }
            if isOurs || users.contains(where: cellUsers.contains) {
                found.append("process \(process.id): \(process.text("status"))")
            }
        }
        let socket = "/run/panal/launchers/\(instance)"
        if FileManager.default.fileExists(atPath: socket) { found.append("socket \(socket)") }
        return found
    }
}

/// A process as the host's `/proc` shows it. What has ended meanwhile says nothing.
struct HostProcess: Hashable {
    let id: Int32

    func text(_ file: String) -> String {
        FileManager.default.contents(atPath: "/proc/\(id)/\(file)").map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// The words behind `name:` in its status.
    func field(_ name: String) -> [String] {
        let line = text("status").split(separator: "\n").first { $0.hasPrefix("\(name):") } ?? ""
        return line.dropFirst(name.count + 1).split { $0 == "\t" || $0 == " " }.map(String.init)
    }

    /// Those of each of its threads, oldest first.
    var children: [HostProcess] {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/task")) ?? []
        let numbers = tasks.flatMap { text("task/\($0)/children").split(separator: " ").compactMap { Int32($0) } }
        return numbers.map { HostProcess(id: $0) }
    }

    /// Where each of its threads is and what it has computed, to find what hangs.
    var threads: String {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/task")) ?? []
        return tasks.map { task in
            let times = text("task/\(task)/stat").split(separator: " ").dropFirst(13).prefix(2).joined(separator: "+")
            return "\n\(text("task/\(task)/comm")) in \(text("task/\(task)/wchan")), ticks \(times)"
        }.joined()
    }

    /// Alive, and no zombie.
    var isRunning: Bool { field("State").first.map { $0 != "Z" && $0 != "X" } ?? false }

    var isLauncher: Bool { text("comm") == "panal-launcher\n" }

    static var all: [HostProcess] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap {
            Int32($0).map { HostProcess(id: $0) }
        }
    }
}
