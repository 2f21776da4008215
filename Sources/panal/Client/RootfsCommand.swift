import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct RootfsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rootfs", abstract: "The file systems that programs see: make, import, name and retire images.",
        discussion: """
            A manifest says "rootfs": "python:3.11", or a digest; without that its program sees the host's own files. What a name means,
            administrators say; a job records the digest.

              panal rootfs build base --public --alias base
              panal rootfs import docker-archive:image.tar --public --alias tool:2.1
              panal rootfs alias 'python:*' ID
            """,
        subcommands: [
            List.self, Show.self, RootfsBuildCommand.self, RootfsImportCommand.self, Alias.self, Disable.self,
            Enable.self, Remove.self,
        ], defaultSubcommand: List.self)

    static func path(_ id: String) -> String { "/api/v1/rootfs/\(PercentCoding.encoded(id))" }

    static func table(_ answer: JSONValue) throws -> String {
        var table = Table([
            .fixed("id"), .flexible("name"), .flexible("aliases"), .fixed("state"), .number("size"), .fixed("owner"),
            .fixed("for").optional, .fixed("digest").optional, .number("made").optional,
        ])
        for image in try answer.list("images") {
            table.add([
                image["id"]?.text ?? "", image["name"]?.text ?? "",
                image["aliases"]?.list?.compactMap(\.text).joined(separator: " ") ?? "", image["state"]?.text ?? "",
                image["bytes"]?.integer.map(ByteCount.text) ?? "", image["owner"]?.text ?? "",
                image["public"]?.flag == true ? "everybody" : "owner",
                image["sha256"]?.text.map { String($0.prefix(12)) } ?? "", Humane.age(of: image["created"]?.moment),
            ])
        }
        return table.text(width: Terminal.width)
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the images that your programs may run in, and your own.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.ask(ClientRequest(.GET, "/api/v1/rootfs"), RootfsCommand.table)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show an image, and what of it was left out or made harmless.")

        @Argument(help: "Its id.") var id: String

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.ask(ClientRequest(.GET, RootfsCommand.path(id)), RootfsCommand.details)
        }
    }

    static func details(_ image: JSONValue) -> String {
        var details = Details()
        details.add("Name", image["name"]?.text)
        details.add("Id", image["id"]?.text)
        details.add("Aliases", list(image["aliases"]))
        details.add("State", image["state"]?.text)
        details.add(
            image["state"]?.text == RootfsState.available.rawValue ? "But" : "Because", image["message"]?.text)
        details.add("Digest", image["sha256"]?.text)
        details.add("Owner", image["owner"]?.text)
        details.add("Copied from job", image["job"]?.text)
        details.add("For", image["public"]?.flag == true ? "everybody" : "its owner")
        details.add("Made", Humane.moment(image["created"]?.moment))
        details.add("Size", image["bytes"]?.integer.map(ByteCount.text))
        details.add("Environment", list(image["environment"]))
        if let contents = image["contents"] {
            details.add("Files", contents["files"]?.integer.map(String.init))
            details.add("Layers", contents["layers"]?.list.map { "\($0.count)" })
            details.add("Manifest", contents["manifest"]?.text)
            details.add("Entrypoint", list(contents["entrypoint"]))
            details.add("Command", list(contents["command"]))
            details.add("Work folder", contents["workingFolder"]?.text)
            details.add("User", contents["user"]?.text)
            details.add("Lost setuid", counted(contents, "privileged"))
            details.add("Lost capabilities", counted(contents, "capable"))
            details.add("Left out", counted(contents, "skipped"))
        }
        return details.text()
    }

    private static func list(_ value: JSONValue?) -> String? {
        let texts = value?.list?.compactMap(\.text) ?? []
        return texts.isEmpty ? nil : texts.joined(separator: " ")
    }

    private static func counted(_ contents: JSONValue, _ kind: String) -> String? {
        guard let count = contents["\(kind)Count"]?.integer, count > 0 else { return nil }
        let names = contents[kind]?.list?.compactMap(\.text) ?? []
        return "\(count): " + names.prefix(20).joined(separator: ", ") + (count > min(20, names.count) ? ", …" : "")
    }

    struct Alias: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what a name in manifests means.",
            discussion: """
                A star at the end stands for every end. Jobs that were submitted before keep what the name meant then.

                  panal rootfs alias python:3.11 ID
                  panal rootfs alias 'debian:*' ID
                  panal rootfs alias python:3.11 --none
                """)

        @Argument(help: "The name.") var name: String
        @Argument(help: "The image's id.") var id: String?
        @Flag(help: "The name means nothing any more.") var none = false

        @OptionGroup var server: ServerOptions

        func validate() throws {
            guard (id == nil) == none else { throw ValidationError("Name the image, or say --none.") }
        }

        func run() async throws {
            var members: [String: JSONValue] = ["alias": .string(name)]
            if let id { members["image"] = .string(id) }
            try await server.ask(
                ClientRequest(.PUT, "/api/v1/rootfs/aliases", body: .json(.object(members))), RootfsCommand.table)
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have no job begin in images, until they are enabled.")

        @Argument(help: "Their ids.") var ids: [String]

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.each(ids, .PATCH, RootfsCommand.path, body: .json(["state": "disabled"])) { id, _ in
                "\(id) is disabled"
            }
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Have jobs begin in images again.")

        @Argument(help: "Their ids.") var ids: [String]

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.each(ids, .PATCH, RootfsCommand.path, body: .json(["state": "available"])) { id, _ in
                "\(id) is available"
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove images.",
            discussion:
                "No job begins in them from then on; each goes once no job uses it. Its names are to be given away first."
        )

        @Argument(help: "Their ids.") var ids: [String]

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.each(ids, .DELETE, RootfsCommand.path) { id, _ in
                "\(id) goes as soon as no job uses it"
            }
        }
    }
}
