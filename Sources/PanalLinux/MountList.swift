/// One mount that must be there, as a process's `mountinfo` tells of it.
package struct ExpectedMount: Sendable {
    package let place: String
    /// Which folder of its file system is mounted there; nil for any.
    package let folder: String?
    /// The kind of file system, its source and its options, as the line ends; nil for any, and a kind alone where it ends with a
    /// blank.
    package let system: String?
    /// What it must have; more is no fault.
    package let flags: [String]
    /// On which one of the list it stands, by index; nil for what is in no sight.
    package let below: Int?
    /// One of the list that is the same file system, by index.
    package let same: Int?

    package init(
        _ place: String, folder: String? = "/", system: String?, flags: [String], below: Int? = 0, same: Int? = nil
    ) {
        (self.place, self.folder, self.system, self.flags) = (place, folder, system, flags)
        (self.below, self.same) = (below, same)
    }
}

/// The mounts that a process sees. All of it byte by byte: each cell's are read back, for which strings are too slow.
package enum MountList {
    /// What of a `mountinfo` is not as it must be; nil when all is: no mount is missing, none more is there, each is what it
    /// must be, stands where it must, has the flags that it must have, and tells no other namespace of what is mounted below it.
    package static func difference(of list: [UInt8], from expected: [ExpectedMount]) -> String? {
        var found = [Line?](repeating: nil, count: expected.count)
        var start = 0
        while start < list.count {
            let end = list[start...].firstIndex(of: newline) ?? list.count
            defer { start = end + 1 }
            if start == end { continue }
            func text(_ range: Range<Int>) -> String { String(decoding: list[range], as: UTF8.self) }
            guard let line = Line(list, start..<end) else {
                return "this mount has other namespaces as peers: \(text(start..<end))"
            }
            let index = expected.indices.first { index in
                let mount = expected[index]
                return found[index] == nil && list.says(mount.place, at: line.place)
                    && (mount.folder.map { list.says($0, at: line.folder) } ?? true)
            }
            guard let index else { return "this mount is none of the expected ones: \(text(start..<end))" }
            if let system = expected[index].system {
                let kind = line.system.prefix(system.hasSuffix(" ") ? system.utf8.count : line.system.count)
                guard list.says(system, at: kind) else {
                    return "another file system than \(system) is there: \(text(start..<end))"
                }
            }
            for flag in expected[index].flags where !list.lists(flag, in: line.flags) {
                return "\(text(line.place)) has only the flags \(text(line.flags)), without \(flag)"
            }
            found[index] = line
        }
        return misplaced(list, found, expected)
    }

    private static func misplaced(_ list: [UInt8], _ found: [Line?], _ expected: [ExpectedMount]) -> String? {
        func text(_ line: Line) -> String { String(decoding: list[line.whole], as: UTF8.self) }
        for (line, mount) in zip(found, expected) {
            guard let line else { return "nothing is mounted at \(mount.place)" }
            let parent = found.first { other in
                guard let other else { return false }
                return list[other.id] == list[line.parent] && list[other.id] != list[line.id]
            }
            guard (parent ?? nil)?.id == mount.below.flatMap({ found[$0]?.id }) else {
                return "\(mount.place) does not stand where it must: \(text(line))"
            }
            if let same = mount.same.flatMap({ found[$0] }), list[same.device] != list[line.device] {
                return "\(mount.place) is not of the file system that it must be of: \(text(line))"
            }
        }
        return nil
    }

    private static let newline = UInt8(ascii: "\n")

    /// Where the words of one line are; nil for one with fields of peers before its dash.
    private struct Line {
        let whole: Range<Int>
        let id: Range<Int>
        let parent: Range<Int>
        let device: Range<Int>
        let folder: Range<Int>
        let place: Range<Int>
        let flags: Range<Int>
        /// The kind of file system, its source and its options.
        let system: Range<Int>

        init?(_ list: [UInt8], _ whole: Range<Int>) {
            self.whole = whole
            var next = whole.lowerBound
            func word() -> Range<Int> {
                let start = next
                while next < whole.upperBound, list[next] != UInt8(ascii: " ") { next += 1 }
                defer { next = min(next + 1, whole.upperBound) }
                return start..<next
            }
            (id, parent, device) = (word(), word(), word())
            (folder, place, flags) = (word(), word(), word())
            guard list.says("-", at: word()) else { return nil }
            system = next..<whole.upperBound
        }
    }
}

extension [UInt8] {
    fileprivate func says(_ text: String, at range: Range<Int>) -> Bool {
        range.count == text.utf8.count && self[range].elementsEqual(text.utf8)
    }

    /// Whether a list of words between commas has this one.
    fileprivate func lists(_ word: String, in range: Range<Int>) -> Bool {
        var start = range.lowerBound
        while start < range.upperBound {
            let end = self[start..<range.upperBound].firstIndex(of: UInt8(ascii: ",")) ?? range.upperBound
            if says(word, at: start..<end) { return true }
            start = end + 1
        }
        return false
    }
}
