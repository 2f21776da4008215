package import PanalCore

/// The files of an image as its layers say them, one after the other. Pure: nothing of it is on a disk but the contents of files, which
/// stand in numbered files of their own until the tree is whole. So no name and no link of a layer is ever given to the kernel while
/// other layers could still change what it means.
package struct RootfsTree {
    /// What a file holds; several names may share it.
    package struct Content: Hashable, Sendable {
        package var bytes: Int
        package var hash: ContentHash
        /// Whether its owner may execute it.
        package var isExecutable: Bool
        package var isWritable: Bool
        /// Seconds since 1970.
        package var modified: Int64
        /// What it is for the processor; nil for what is no program.
        package var program: ProgramHead?
        var links = 0

        package init(
            bytes: Int, hash: ContentHash, isExecutable: Bool, isWritable: Bool = true, modified: Int64 = 0,
            program: ProgramHead? = nil
        ) {
            self.bytes = bytes
            self.hash = hash
            self.isExecutable = isExecutable
            self.isWritable = isWritable
            self.modified = modified
            self.program = program
        }
    }

    package enum Kind: Hashable, Sendable {
        case folder
        /// The content's number.
        case file(Int)
        case link([UInt8])
    }

    struct Node {
        var kind: Kind
        /// The layer that last said something of it.
        var layer: Int
        var children: [ImageName: Int] = [:]
        /// Folders above it, and bytes of its path, as it lies in the tree: entries reach further than their names say by links.
        var depth = 0
        var pathBytes = 0
    }

    /// Node 0 is the top. What was taken away keeps its place in the list.
    private(set) var nodes = [Node(kind: .folder, layer: 0)]
    private(set) var contents: [Int: Content] = [:]
    /// Contents that no name has any more, since they were last asked for.
    private var dropped: [Int] = []
    private(set) var layer = 0
    private(set) var entries = 0
    private var nameBytes = 0
    private var steps = 0
    let limits: RootfsLimits

    package init(limits: RootfsLimits = RootfsLimits()) {
        self.limits = limits
    }

    /// What follows is of the next layer.
    package mutating func beginLayer() { layer += 1 }

    /// Numbers of contents that are to be forgotten.
    package mutating func takeDropped() -> [Int] {
        defer { dropped = [] }
        return dropped
    }

    /// Counts an entry, whatever becomes of it.
    package mutating func count() throws(ArchiveError) {
        entries += 1
        guard entries <= limits.entries else {
            throw ArchiveError(.tooLarge, "its layers hold more than \(limits.entries) entries")
        }
    }

    // MARK: What layers say

    package mutating func addFolder(_ name: [UInt8]) throws(ArchiveError) {
        guard let (folder, last) = try place(name) else { return }
        if let there = nodes[folder].children[last], nodes[there].kind == .folder {
            nodes[there].layer = layer
        } else {
            try put(Node(kind: .folder, layer: layer), last, in: folder)
        }
    }

    package mutating func addFile(_ name: [UInt8], number: Int, _ content: Content) throws(ArchiveError) {
        guard let (folder, last) = try place(name) else { throw Self.nameless }
        contents[number] = content
        try put(Node(kind: .file(number), layer: layer), last, in: folder)
    }

    package mutating func addLink(_ name: [UInt8], to target: [UInt8]) throws(ArchiveError) {
        guard let (folder, last) = try place(name) else { throw Self.nameless }
        guard (1..<4_096).contains(target.count), !target.contains(0) else {
            throw ArchiveError(
                .forbidden, entry: ImagePath.shown(name), "is a link to a place of no or more than 4095 bytes")
        }
        try put(Node(kind: .link(target), layer: layer), last, in: folder)
    }

    /// A further name for what the image has under `target`.
    package mutating func addHardLink(_ name: [UInt8], to target: [UInt8]) throws(ArchiveError) {
        guard let (folder, last) = try place(name) else { throw Self.nameless }
        let parts = try ImagePath.parts(of: target, limits)
        guard let first = parts.dropLast().isEmpty ? 0 : try seek(Array(parts.dropLast())), let name = parts.last,
            let there = nodes[first].children[name], nodes[there].kind != .folder
        else {
            throw ArchiveError(
                .forbidden, entry: ImagePath.shown(target), "is to get a further name, and is no file of the image")
        }
        if nodes[folder].children[last] == there { return }
        try put(Node(kind: nodes[there].kind, layer: layer), last, in: folder)
    }

    /// Takes away what earlier layers have under this name.
    package mutating func addWhiteout(_ name: [UInt8]) throws(ArchiveError) {
        guard let (folder, last) = try place(name, making: false) else { return }
        guard let there = nodes[folder].children[last] else { return }
        try removeEarlier(there, named: last, in: folder)
    }

    /// Takes away what earlier layers have in this folder.
    package mutating func addOpaque(_ name: [UInt8]) throws(ArchiveError) {
        let parts = try ImagePath.parts(of: name, limits)
        guard let folder = try seek(parts), nodes[folder].kind == .folder else { return }
        for (name, child) in nodes[folder].children { try removeEarlier(child, named: name, in: folder) }
    }

    private static let nameless = ArchiveError(.forbidden, "an entry that is no folder has no name")

    // MARK: Places

    /// The folder that an entry lies in and its name there; nil for the top. Links on the way are followed inside the image, as a
    /// program with this root would; folders that no entry has named are made.
    private mutating func place(_ name: [UInt8], making: Bool = true) throws(ArchiveError) -> (Int, ImageName)? {
        let parts = try ImagePath.parts(of: name, limits)
        guard let last = parts.last else { return nil }
        var folder = 0
        for count in 0..<parts.count - 1 {
            let part = parts[count]
            if let child = nodes[folder].children[part] {
                if nodes[child].kind == .folder {
                    folder = child
                    continue
                }
                guard let found = try seek(Array(parts[...count])), nodes[found].kind == .folder else {
                    guard making else { return nil }
                    throw ArchiveError(
                        .forbidden, entry: ImagePath.shown(name), "lies in what is no folder of the image")
                }
                folder = found
            } else {
                guard making else { return nil }
                // Folders that nobody has named are as many as those that somebody has.
                try self.count()
                try put(Node(kind: .folder, layer: layer), part, in: folder)
                folder = nodes.count - 1
            }
        }
        return (folder, last)
    }

    /// What a path of a layer leads to. Each step counts: a few names of many links each would cost hours.
    private mutating func seek(_ path: [ImageName]) throws(ArchiveError) -> Int? {
        var taken = 0
        let found = find(path, steps: &taken)
        try walk(taken)
        return found
    }

    private mutating func walk(_ count: Int) throws(ArchiveError) {
        steps += count
        guard steps <= limits.steps else {
            throw ArchiveError(.tooLarge, "its layers need more than \(limits.steps) steps to be laid upon each other")
        }
    }

    /// What a path leads to, links followed inside the image, at most 40 of them.
    func find(_ path: [ImageName]) -> Int? {
        var taken = 0
        return find(path, steps: &taken)
    }

    private func find(_ path: [ImageName], steps: inout Int) -> Int? {
        var rest = Array(path.reversed())
        var way = [0]
        var hops = 0
        while let part = rest.popLast() {
            steps += 1
            if part.bytes == Array("..".utf8) {
                if way.count > 1 { way.removeLast() }
                continue
            }
            guard let folder = way.last, nodes[folder].kind == .folder, let child = nodes[folder].children[part] else {
                return nil
            }
            guard case .link(let target) = nodes[child].kind else {
                way.append(child)
                continue
            }
            hops += 1
            guard hops <= 40 else { return nil }
            let (parts, isAbsolute) = ImagePath.target(target)
            if isAbsolute { way = [0] }
            rest += parts.reversed()
        }
        return way.last
    }

    /// What stands at a path itself, the last part not followed.
    func look(_ path: String) -> Kind? {
        var node = 0
        for part in path.split(separator: "/") {
            guard nodes[node].kind == .folder, let child = nodes[node].children[ImageName(String(part))] else {
                return nil
            }
            node = child
        }
        return nodes[node].kind
    }

    /// What a path as a program would write it leads to.
    func resolve(_ path: String) -> Kind? {
        find(ImagePath.target(Array(path.utf8)).parts).map { nodes[$0].kind }
    }

    // MARK: Changes

    private mutating func put(_ node: Node, _ name: ImageName, in folder: Int) throws(ArchiveError) {
        var node = node
        // What is taken away again keeps its place in the list, and counts.
        nameBytes += name.bytes.count
        if case .link(let target) = node.kind { nameBytes += target.count }
        guard nameBytes <= limits.nameBytes else {
            throw ArchiveError(.tooLarge, "its names and links have more than \(ByteCount.text(limits.nameBytes))")
        }
        node.depth = nodes[folder].depth + 1
        node.pathBytes = nodes[folder].pathBytes + name.bytes.count + 1
        guard node.depth <= limits.depth, node.pathBytes <= limits.pathBytes else {
            throw ArchiveError(
                .tooLarge, entry: ImagePath.shown(name.bytes),
                "lies, links followed, deeper than \(limits.depth) folders or \(limits.pathBytes) bytes")
        }
        // Before what was there goes: it may be the same content.
        if case .file(let number) = node.kind { contents[number]?.links += 1 }
        if let before = nodes[folder].children[name] { release(before) }
        nodes.append(node)
        nodes[folder].children[name] = nodes.count - 1
    }

    private mutating func removeEarlier(_ node: Int, named name: ImageName, in folder: Int) throws(ArchiveError) {
        try walk(1)
        for (name, child) in nodes[node].children { try removeEarlier(child, named: name, in: node) }
        guard nodes[node].layer < layer, nodes[node].children.isEmpty else { return }
        release(node)
        nodes[folder].children[name] = nil
    }

    private mutating func release(_ node: Int) {
        let children = nodes[node].children
        nodes[node].children = [:]
        for child in children.values { release(child) }
        guard case .file(let number) = nodes[node].kind, var content = contents[number] else { return }
        content.links -= 1
        contents[number] = content.links > 0 ? content : nil
        if content.links == 0 { dropped.append(number) }
    }

    // MARK: The whole

    /// One name of the finished tree.
    package struct Entry {
        /// Without a slash at its beginning; empty for the top.
        package var path: [UInt8]
        package var kind: Kind
    }

    /// Every name, folders before what is in them, names of a folder in the order of their bytes.
    package func forEach(_ body: (Entry) throws -> Void) rethrows {
        // One path at a time: a folder's names are many, and each path may be long.
        var path: [UInt8] = []
        var waiting: [(above: Int, name: ImageName, node: Int)] = [(0, ImageName([]), 0)]
        while let (above, name, node) = waiting.popLast() {
            path.removeLast(path.count - above)
            if above > 0 { path.append(UInt8(ascii: "/")) }
            path += name.bytes
            try body(Entry(path: path, kind: nodes[node].kind))
            for (name, child) in nodes[node].children.sorted(by: { $1.key < $0.key }) {
                waiting.append((path.count, name, child))
            }
        }
    }
}
