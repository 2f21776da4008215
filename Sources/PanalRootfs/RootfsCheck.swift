package import PanalCore

/// What a tree has to be before a cell may begin in it. Pure.
package enum RootfsCheck {
    /// Where cells mount something of their own, or read what decides who they are: a link there would lead the mount elsewhere
    /// (runc CVE-2021-30465, CVE-2023-27561, CVE-2025-31133).
    package static let mountPoints = ["proc", "dev", "etc", "tmp", "sys", "run", "var", "work", "input", "program"]
    /// Where programs are looked for.
    private static let folders = ["bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin"]

    /// Why this tree is refused; nil where it is taken. `architecture` as the image's documents name it.
    package static func refusal(
        _ tree: RootfsTree, architecture: String?, system: String?, host: Architecture = .current
    ) -> ArchiveError? {
        if let system, system != "linux" {
            return ArchiveError(.forbidden, "it is an image for \(ImagePath.shown(Array(system.utf8))), not for Linux")
        }
        if let architecture, architecture != host.rawValue {
            let named = ImagePath.shown(Array(architecture.utf8))
            return ArchiveError(.forbidden, "it is an image for \(named); this machine is \(host.rawValue)")
        }
        guard !tree.contents.isEmpty else { return ArchiveError(.forbidden, "it holds no file") }
        for place in mountPoints {
            switch tree.look(place) {
            case nil, .folder?: continue
            case .link?:
                return ArchiveError(
                    .forbidden, entry: "/" + place, "is a symbolic link, and has to be a folder or missing")
            case .file?: return ArchiveError(.forbidden, entry: "/" + place, "is a file, and has to be a folder")
            }
        }
        for place in [""] + mountPoints {
            guard let node = tree.find(place.split(separator: "/").map { ImageName(String($0)) }),
                tree.nodes[node].children.count > mostNames
            else { continue }
            return ArchiveError(
                .forbidden, entry: "/" + place,
                "holds more than \(mostNames) names, which cells are not to be begun with")
        }
        return programRefusal(tree, host)
    }

    /// Names directly in a folder over which a cell has one of Panal's own: the kernel keeps a list of them, which is counted to nobody.
    static let mostNames = 10_000

    /// Programs in the usual places have to be this machine's, and their loaders there.
    private static func programRefusal(_ tree: RootfsTree, _ host: Architecture) -> ArchiveError? {
        var missing: [String: String] = [:]
        for folder in folders {
            guard let node = tree.find(folder.split(separator: "/").map { ImageName(String($0)) }) else { continue }
            for (name, child) in tree.nodes[node].children.sorted(by: { $0.key < $1.key }) {
                guard case .file(let number) = tree.nodes[child].kind, let content = tree.contents[number],
                    content.isExecutable, let head = content.program
                else { continue }
                let shown = "/\(folder)/\(ImagePath.shown(name.bytes))"
                guard head.machine == host.machine, head.is64Bit else {
                    return ArchiveError(
                        .forbidden, entry: shown,
                        "is a program for another processor (ELF machine \(head.machine)); this machine is \(host.rawValue)"
                    )
                }
                if let loader = head.loader { missing[loader] = missing[loader] ?? shown }
            }
        }
        for (loader, program) in missing.sorted(by: { $0.key < $1.key }) {
            guard case .file(let number)? = tree.resolve(loader) else {
                return ArchiveError(
                    .forbidden, entry: program,
                    "is loaded by \(ImagePath.shown(Array(loader.utf8))), which is not in the image")
            }
            guard tree.contents[number]?.isExecutable == true else {
                return ArchiveError(.forbidden, entry: loader, "is the loader of programs, and not executable")
            }
        }
        return nil
    }
}
