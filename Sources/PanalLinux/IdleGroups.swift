/// Where idle groups live: beside the instance's group `panal-<instance>`, as `panal-<instance>.<name>`. Below it they would be
/// idle among cells only, and all of them together as heavy against the rest of the host as that group is.
enum IdleGroups {
    static func folder(_ name: GroupName, beside root: GroupFolder) -> GroupFolder {
        GroupFolder(path: "\(root.path).\(name.text)")
    }

    /// All that are there. No instance has a point in its name, so these are no other's.
    static func folders(beside root: String) throws(SystemCallFailure) -> [String] {
        guard let slash = root.lastIndex(of: "/") else { return [] }
        let parent = String(root[..<slash])
        let prefix = root[root.index(after: slash)...] + "."
        return try Folders.children(of: parent).filter { $0.hasPrefix(prefix) }.map { "\(parent)/\($0)" }
    }
}
