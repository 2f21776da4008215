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

/// The mounts that a process sees.
package enum MountList {
    /// What of a `mountinfo` is not as it must be; nil when all is: no mount is missing, none more is there, each is what it
    /// must be, stands where it must, has the flags that it must have, and tells no other namespace of what is mounted below it.
    package static func difference(of list: String, from expected: [ExpectedMount]) -> String? {
        var found = [[Substring]?](repeating: nil, count: expected.count)
        for line in list.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 6, words[6] == "-" else { return "this mount has other namespaces as peers: \(line)" }
            let index = expected.indices.first { index in
                let mount = expected[index]
                return found[index] == nil && mount.place == words[4] && (mount.folder.map { $0 == words[3] } ?? true)
            }
            guard let index else { return "this mount is none of the expected ones: \(line)" }
            if let system = expected[index].system {
                let ending = words[7...].joined(separator: " ")
                guard system.hasSuffix(" ") ? ending.hasPrefix(system) : ending == system else {
                    return "another file system than \(system) is there: \(line)"
                }
            }
            let flags = words[5].split(separator: ",")
            for flag in expected[index].flags where !flags.contains(where: { $0 == flag }) {
                return "\(words[4]) has only the flags \(words[5]), without \(flag)"
            }
            found[index] = words
        }
        return misplaced(found, expected)
    }

    private static func misplaced(_ found: [[Substring]?], _ expected: [ExpectedMount]) -> String? {
        for (words, mount) in zip(found, expected) {
            guard let words else { return "nothing is mounted at \(mount.place)" }
            let parent = found.first { $0?[0] == words[1] && $0?[0] != words[0] } ?? nil
            guard parent?[0] == mount.below.flatMap({ found[$0]?[0] }) else {
                return "\(mount.place) does not stand where it must: \(words)"
            }
            if let same = mount.same, found[same]?[2] != words[2] {
                return "\(mount.place) is not of the same file system as \(expected[same].place): \(words)"
            }
        }
        return nil
    }
}
