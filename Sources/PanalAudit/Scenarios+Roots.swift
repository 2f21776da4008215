internal import Glibc
internal import PanalCore
internal import PanalLinux

extension Scenarios {
    /// A program does all the harm to its own root that it can. What is mounted there stands, the image stays as it is, nothing of `/etc` is
    /// taken for a result, and the next runs in that image, sealed and writable ones, have what they should.
    func writableRoot() async -> Observation {
        let tree = "\(host.data)/rootfs/\(HostileImage.digest)/tree"
        guard let before = Self.listing(of: tree) else { return Observation(doubts: ["the image cannot be looked at"]) }
        var seen = Observation()
        for round in 1...2 {
            var order = AuditOrder(host, ["rewrite-root"])
            (order.isInImage, order.hasWritableRoot) = (true, true)
            let run = await host.run(order)
            // Where no root can be writable nothing can be done to one.
            if case .systemError(let error) = run.result.outcome, error.step == "rootfs.writable" { return seen }
            guard run.result.outcome.isSuccess, run.tries.hasEnded else {
                seen.note("round \(round) did not come to its end", run)
                return seen
            }
            seen.problems += run.tries.got.map { "\($0.label): \($0.words)" }
            if (run.tries.facts.first { $0.label == "changed" }.flatMap { Int($0.words) } ?? 0) < 9 {
                seen.problems.append("the root could not be written as it should be: \(run.tries.facts)")
            }
            if !run.files.isEmpty { seen.problems.append("\(run.files.map { $0.path }) came out as results") }
            if Self.listing(of: tree) != before { seen.problems.append("the image's own files were changed") }
        }
        for (name, hasWritableRoot) in [("proc", true), ("devices", true), ("write-root", false)] {
            var order = AuditOrder(host, [name])
            (order.isInImage, order.hasWritableRoot) = (true, hasWritableRoot)
            let run = await host.run(order)
            guard run.result.outcome.isSuccess, run.tries.hasEnded else {
                seen.note("\(name), afterwards, did not come to its end", run)
                continue
            }
            seen.problems += run.tries.got.map { "afterwards, \($0.label): \($0.words)" }
        }
        return seen
    }

    /// Names, kinds, sizes, modes and times of all that is in a folder; nil where it cannot be read.
    private static func listing(of folder: String) -> [String]? {
        guard let opened = try? Descriptor.open(folder, O_RDONLY | O_DIRECTORY),
            let names = try? Folders.names(in: opened, limit: 10_000)
        else { return nil }
        var lines: [String] = []
        for bytes in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let path = "\(folder)/\(String(decoding: bytes, as: UTF8.self))"
            var found = stat()
            guard unsafe lstat(path, &found) == 0 else { return nil }
            lines.append(
                "\(path) \(found.st_mode) \(found.st_uid) \(found.st_size) \(found.st_ino) \(found.st_mtim.tv_sec) "
                    + "\(found.st_mtim.tv_nsec) \(found.st_ctim.tv_nsec)")
            if found.st_mode & S_IFMT == S_IFDIR {
                guard let below = listing(of: path) else { return nil }
                lines += below
            }
        }
        return lines
    }
}
