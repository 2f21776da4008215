internal import FoundationEssentials
internal import Glibc
internal import PanalCore
internal import PanalLinux

/// Class B: archives of an attacker's, unpacked by the code that the server unpacks uploads with, in a process of its own.
extension Scenarios {
    var uploads: [Scenario] {
        let outside = "\(uploadFolder)/outside"
        return [
            ("honest", "archives of honest programs: taken, or all else would prove nothing", HostileUpload.honest),
            ("names", "names that lead out or to each other", HostileUpload.names(outside: outside)),
            ("kinds", "links, devices, FIFOs and sockets", HostileUpload.kinds(outside: outside)),
            ("bombs", "small archives of very much", HostileUpload.bombs),
            ("damaged", "what is no archive, or half of one", HostileUpload.damaged),
        ].map { name, what, archives in
            Scenario(
                kind: .uploads, name: name, what: what, body: { upload(archives, outside: outside) },
                tried: archives.count)
        }
    }

    private var uploadFolder: String { "\(host.folder)/uploads" }

    private func upload(_ archives: [HostileUpload], outside: String) -> Observation {
        var seen = Observation()
        do {
            try prepare(outside)
            for archive in archives {
                for problem in try problems(with: archive) { seen.problems.append("\(archive.name): \(problem)") }
            }
        } catch {
            seen.doubts.append("\(error)")
        }
        return seen
    }

    /// A folder of the host's beside the place where archives are unpacked, with what a link could lead to.
    private func prepare(_ outside: String) throws(SystemCallFailure) {
        guard !Folders.exists(outside) else { return }
        for folder in [uploadFolder, outside] { try Folders.make(folder, mode: 0o755) }
        let file = try Descriptor.open("\(outside)/honest", O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        try file.writeAll(Array("the host's\n".utf8))
    }

    private func problems(with archive: HostileUpload) throws(SystemCallFailure) -> [String] {
        let place = "\(uploadFolder)/place"
        let packed = "\(uploadFolder)/packed"
        defer {
            unsafe unlink(packed)
            try? FileManager.default.removeItem(atPath: place)
        }
        do {
            let file = try Descriptor.open(packed, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
            try file.writeAll(archive.bytes)
        }
        let before = FolderView.list(uploadFolder)
        let limits = HostileUpload.limits
        let numbers = [limits.entries, limits.bytes, limits.ratio, limits.depth].map(String.init)
        let answer = try HostCommand.run(
            [host.settings.unpack, archive.format.rawValue, packed, place] + numbers, seconds: 60)
        let after = FolderView.list(uploadFolder)
        var problems = UploadJudge.problems(archive, code: answer.code, said: answer.text)
        let own = after.filter { $0.key == "place" || $0.key.hasPrefix("place/") }
        let others = after.filter { own[$0.key] == nil }
        if others != before {
            let changed = Set(others.keys).union(before.keys).filter { others[$0] != before[$0] }.sorted()
            problems.append("beside its folder it changed \(changed)")
        }
        if archive.refusal == nil {
            problems += honestProblems(place, own)
        } else if !own.isEmpty {
            problems.append("it is refused, and \(own.count) files and folders of it are left")
        }
        return problems
    }

    private func honestProblems(_ place: String, _ found: [String: FolderView.Entry]) -> [String] {
        var problems: [String] = []
        let expected = HostileUpload.honestTree
        let files = found.filter { !$0.value.isFolder }
        let names = Set(files.keys.map { String($0.dropFirst("place/".count)) })
        if names != Set(expected.keys) { problems.append("it holds \(names.sorted()), not \(expected.keys.sorted())") }
        for (name, text) in expected.sorted(by: { $0.key < $1.key }) {
            let bytes = try? Descriptor.open("\(place)/\(name)", O_RDONLY | O_NOFOLLOW).readAll(limit: 4_096)
            if bytes != Array(text.utf8) { problems.append("‘\(name)’ is not what was packed") }
        }
        for (name, entry) in found where entry.mode & (S_ISUID | S_ISGID) != 0 {
            problems.append("‘\(name)’ has a set-id bit")
        }
        return problems
    }
}

/// Whether what was said of an archive is what has to be said. Pure.
package enum UploadJudge {
    /// `code` is the exit code of `panal-unpack`, nil when a signal ended it.
    package static func problems(_ archive: HostileUpload, code: Int32?, said: String) -> [String] {
        let words = said.isEmpty ? "nothing" : said.split(separator: "\n").joined(separator: " ")
        switch (code, archive.refusal) {
        case (nil, _): return ["a signal ended the process that unpacked it"]
        case (0, nil): return []
        case (0, _): return ["it was taken"]
        case (1, let refusal?) where refusal.isEmpty ? said.utf8.count > 1 : said.contains(refusal): return []
        case (1, .some(let refusal)): return ["it is refused without the reason ‘\(refusal)’: \(words)"]
        case (1, nil): return ["it is refused: \(words)"]
        case (_, _): return ["it could not be unpacked, and was not refused either: \(words)"]
        }
    }
}

/// What is in a folder of the host, to be held against what is in it later.
enum FolderView {
    struct Entry: Hashable {
        var mode: mode_t
        var size: Int
        var inode: UInt
        var changed: [Int]
        var links: UInt

        var isFolder: Bool { mode & S_IFMT == S_IFDIR }
    }

    /// Path below `folder` → entry. Times and sizes of folders are left out: names come and go in them.
    static func list(_ folder: String, _ prefix: String = "") -> [String: Entry] {
        var found: [String: Entry] = [:]
        guard let opened = try? Descriptor.open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
            let names = try? Folders.names(in: opened, limit: 100_000)
        else { return found }
        for name in names.map({ String(decoding: $0, as: UTF8.self) }) {
            var status = stat()
            guard unsafe lstat("\(folder)/\(name)", &status) == 0 else { continue }
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            let times = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
            found[prefix + name] = Entry(
                mode: status.st_mode, size: isFolder ? 0 : Int(status.st_size), inode: UInt(status.st_ino),
                changed: isFolder ? [] : times, links: isFolder ? 0 : UInt(status.st_nlink))
            if isFolder { found.merge(list("\(folder)/\(name)", "\(prefix)\(name)/")) { first, _ in first } }
        }
        return found
    }
}
