import Foundation
import Testing

/// Images that other tools have made.
extension CommandShell {
    /// A command of this machine, which has to succeed.
    func tool(_ words: [String]) throws {
        let ended = try RunningCommand(["/usr/bin/env"] + words, input: "", environment: ["PATH": "/usr/bin:/bin"])
            .end()
        try #require(ended.code == 0, "\(words): \(ended.error)")
    }

    /// A folder of files: busybox, what it is called by, and `files`, which all hold the line `of the image`.
    func makeTree(commands: [String], files: [String]) throws -> String {
        let tree = path("tree")
        for folder in ["bin", "proc", "dev", "tmp"] + files.map({ ($0 as NSString).deletingLastPathComponent }) {
            try FileManager.default.createDirectory(atPath: "\(tree)/\(folder)", withIntermediateDirectories: true)
        }
        try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: "\(tree)/bin/busybox")
        for name in ["sh"] + commands {
            try FileManager.default.createSymbolicLink(atPath: "\(tree)/bin/\(name)", withDestinationPath: "busybox")
        }
        for name in files { try Data("of the image\n".utf8).write(to: URL(filePath: "\(tree)/\(name)")) }
        return tree
    }

    /// Has umoci make an image of the folder, with a variable of its own, and imports it as `tool:1`: what the import answers.
    func importByUmoci(_ tree: String) throws -> [String: Any] {
        let layout = path("layout")
        try tool(["umoci", "init", "--layout", layout])
        try tool(["umoci", "new", "--image", "\(layout):one"])
        try tool(["umoci", "insert", "--rootless", "--image", "\(layout):one", tree, "/"])
        try tool(["umoci", "config", "--image", "\(layout):one", "--config.env", "GREETING=hello"])
        let made = try run(["rootfs", "import", "oci:\(layout):one", "--public", "--alias", "tool:1", "--json"])
        try #require(made.code == 0, "\(made.error)")
        return try made.json
    }
}
