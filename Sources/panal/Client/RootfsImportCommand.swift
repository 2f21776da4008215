import ArgumentParser
import FoundationEssentials
import Glibc
import NIOHTTP1
import PanalClient
import PanalCore

/// What an image is to be called and who may use it; the same for what is built and what is imported.
struct RootfsOptions: ParsableArguments {
    @Option(help: "The name that manifests are to use, for administrators: python:3.11, or debian:* for every end.")
    var alias: String?

    @Flag(name: .customLong("public"), help: "Let everybody's programs run in it, not only yours.")
    var isPublic = false

    @Flag(help: "End as soon as the server has the archive, without waiting for what becomes of it.")
    var detach = false
}

/// Sends an archive to a server and waits for the image.
struct RootfsUpload {
    let server: ServerOptions
    let options: RootfsOptions
    let name: String
    var format = RootfsFormat.any
    var tag: String?
    var environment: [String] = []

    func run(_ archive: String) async throws {
        let client = try server.client
        let display = ProgressDisplay(isOn: !server.json)
        defer { display.clear() }
        let upload = try FileUpload(client: client, path: archive)
        let total = upload.size
        let id = try await upload.run { display.transfer("sending \(name)", done: $0, total: total) }
        var members: [String: JSONValue] = [
            "name": .string(name), "upload": .string(id), "format": .string(format.rawValue),
            "public": .boolean(options.isPublic),
        ]
        if let tag { members["tag"] = .string(tag) }
        if let alias = options.alias { members["alias"] = .string(alias) }
        if !environment.isEmpty { members["environment"] = .array(environment.map(JSONValue.string)) }
        var answer = try await client.send(
            ClientRequest(.POST, "/api/v1/rootfs", body: .json(.object(members))))
        let image = try answer.document.text("id")
        let begun = ContinuousClock.now
        while !options.detach, try answer.document["state"]?.text == RootfsState.processing.rawValue {
            display.say("\(name) is being unpacked and looked at, \(Int((ContinuousClock.now - begun).inSeconds)) s")
            try await Task.sleep(for: .milliseconds(250))
            answer = try await client.get(RootfsCommand.path(image))
        }
        display.clear()
        let document = try answer.document
        guard document["state"]?.text != RootfsState.unavailable.rawValue else {
            throw CommandFailure("\(name): \(document["message"]?.text ?? "it could not be made")")
        }
        try server.show(answer, RootfsCommand.details)
    }
}

struct RootfsImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make an image of an OCI image or of an archive.",
        discussion: """
            The image's digest is over its files, so the same files have the same digest however they come. Devices are left out, and
            setuid bits and capabilities taken away; ‘panal rootfs show’ lists them.

              panal rootfs import oci:LAYOUT:TAG
              panal rootfs import docker-archive:saved.tar
              panal rootfs import files.tar.gz
              panal rootfs import docker://docker.io/library/debian:12     by skopeo, where there is a network
            """)

    @Argument(help: "oci:FOLDER[:TAG], docker-archive:FILE[:TAG], docker://REGISTRY/NAME, or a tar archive.")
    var source: String

    @Option(help: "What to call it; its file's name when it is not given.")
    var name: String?

    @OptionGroup var options: RootfsOptions
    @OptionGroup var server: ServerOptions

    /// A source in its parts.
    struct Source: Hashable {
        var format: RootfsFormat
        var path: String
        var tag: String?
        /// Whether it is first to be fetched out of a registry.
        var isRemote = false

        init(_ text: String, exists: (String) -> Bool) {
            let kinds: [(String, RootfsFormat)] = [("oci:", .layout), ("docker-archive:", .docker)]
            let kind = kinds.first { text.hasPrefix($0.0) }
            isRemote = text.hasPrefix("docker://")
            format = isRemote ? .layout : kind?.1 ?? .any
            path = String(text.dropFirst(kind?.0.count ?? 0))
            // A colon may be part of a path; a tag is what stands behind one of what is there.
            guard kind != nil, !exists(path), let colon = path.firstIndex(of: ":") else { return }
            tag = String(path[path.index(after: colon)...])
            path = String(path[..<colon])
        }

        /// What people would call it.
        var name: String {
            let last = path.split(separator: "/").last.map(String.init) ?? path
            let stem = last.split(separator: ".").first.map(String.init) ?? last
            return isRemote ? last : tag.map { "\(stem):\($0)" } ?? stem
        }
    }

    func run() async throws {
        let source = Source(source) { FileManager.default.fileExists(atPath: $0) }
        let folder = try TemporaryFolder("panal-rootfs")
        defer { folder.remove() }
        var archive = source.path
        if source.isRemote {
            archive = "\(folder.path)/image.tar"
            try ToolRun.need("skopeo", "skopeo")
            let code = try ChildProcess.run(
                "/usr/bin/skopeo", ["copy", source.path, "oci-archive:\(archive):image"])
            guard code == 0 else { throw CommandFailure("skopeo could not fetch \(source.path)") }
        } else if Installation.isFolder(archive) {
            guard source.format == .layout else { throw CommandFailure("\(archive) is a folder: write oci:\(archive)") }
            archive = "\(folder.path)/layout.tar"
            let code = try ChildProcess.run("/usr/bin/tar", ["-C", source.path, "-cf", archive, "."])
            guard code == 0 else { throw CommandFailure("tar could not pack \(source.path)") }
        }
        try await RootfsUpload(
            server: server, options: options, name: name ?? source.name, format: source.format,
            tag: source.isRemote ? nil : source.tag
        ).run(archive)
    }
}
