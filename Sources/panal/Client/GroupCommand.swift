import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct GroupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group", abstract: "Groups of users, their share of the machine and their limits.",
        discussion: """
              panal group add images --label "Image processing" --share 2
              panal group join images ana bob
              panal group show images

            ‘panal restriction’ says which profiles and pools its members may use.
            """,
        subcommands: [List.self, Show.self, Add.self, Change.self, Delete.self, Join.self, Leave.self],
        defaultSubcommand: List.self)

    /// A group's id by its name.
    static func id(of name: String, _ client: PanalClient) async throws -> String {
        try await client.id(of: name, in: "groups", a: "group")
    }

    static func details(_ group: JSONValue) -> String {
        var details = Details()
        details.add("Name", group["name"]?.text)
        details.add("Label", group["label"]?.text)
        details.add("Share", group["share"]?.decimal.map(Humane.plain))
        details.add("Running cores", group["runningCores"]?.integer.map { "\($0) at most" })
        details.add("Waiting jobs", group["queuedJobs"]?.integer.map { "\($0) at most" })
        details.add("Made", Humane.moment(group["created"]?.moment))
        details.add("Id", group["id"]?.text)
        return details.text()
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the groups.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.showAll(
                "groups", of: "/api/v1/groups",
                [
                    .flexible("name"), .flexible("label"),
                    .number("share") { $0["share"]?.decimal.map(Humane.plain) },
                    .number("cores") { $0["runningCores"]?.integer.map(String.init) }.optional,
                    .number("waiting") { $0["queuedJobs"]?.integer.map(String.init) }.optional,
                    .fixed("id").optional,
                ])
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a group and who is in it.", discussion: "With --json the group's document alone.")

        @Argument(help: "Its name.", completion: .custom { _, _, prefix in await Completions.groups(prefix) })
        var name: String

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            let path = "/api/v1/groups/\(try await GroupCommand.id(of: name, client))"
            let answer = try await client.get(path)
            guard !server.json else { return try server.show(answer) { _ in "" } }
            let members = try await client.get("\(path)/members").document.list("members").compactMap(\.["name"]?.text)
            var text = GroupCommand.details(try answer.document)
            text += members.isEmpty ? "\nNobody is in it.\n" : "\nMembers: \(members.joined(separator: ", "))\n"
            StandardOutput.write(TextWidth.harmlessLines(text))
        }
    }

    struct Properties: ParsableArguments {
        @Option(help: "What people read.")
        var label: String?

        @Option(help: "Its part of the machine against other groups: one with 2 gets twice of what one with 1 gets.")
        var share: Double?

        @Option(
            help: ArgumentHelp("Cores of its running jobs together; ‘none’ for no limit.", valueName: "count|none"))
        var runningCores: Limit?

        @Option(
            help: ArgumentHelp("Jobs of its members that may wait; ‘none’ for no limit.", valueName: "count|none"))
        var queuedJobs: Limit?

        var members: [String: JSONValue] {
            var members: [String: JSONValue] = [:]
            members["label"] = label.map(JSONValue.string)
            members["share"] = share.map(JSONValue.number)
            members["runningCores"] = runningCores?.document
            members["queuedJobs"] = queuedJobs?.document
            return members
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a group.", discussion: "  panal group add images --label \"Image processing\" --share 2")

        @Argument(help: "2 to 40 characters out of a-z, 0-9, ‘.’, ‘_’ and ‘-’. It is never changed.")
        var name: String

        @OptionGroup var properties: Properties
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let members = properties.members.merging(["name": .string(name)]) { $1 }
            try await server.ask(
                ClientRequest(.POST, "/api/v1/groups", body: .json(.object(members))), GroupCommand.details)
        }
    }

    struct Change: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a group; what is not named stays as it is.",
            discussion: "  panal group change images --share 3 --running-cores none")

        @Argument(help: "Its name.", completion: .custom { _, _, prefix in await Completions.groups(prefix) })
        var name: String

        @OptionGroup var properties: Properties
        @OptionGroup var server: ServerOptions

        func validate() throws {
            if properties.members.isEmpty {
                throw ValidationError("Change what? --label, --share, --running-cores, --queued-jobs")
            }
        }

        func run() async throws {
            let client = try server.client
            let path = "/api/v1/groups/\(try await GroupCommand.id(of: name, client))"
            let answer = try await client.send(
                ClientRequest(.PATCH, path, body: .json(.object(properties.members))))
            try server.show(answer, GroupCommand.details)
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a group; its members stay users.")

        @Argument(help: "Its name.", completion: .custom { _, _, prefix in await Completions.groups(prefix) })
        var name: String

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            let id = try await GroupCommand.id(of: name, client)
            try await server.carryOut(ClientRequest(.DELETE, "/api/v1/groups/\(id)"), client, "\(name) is deleted.")
        }
    }

    struct Membership: ParsableArguments {
        @Argument(
            help: "The group's name.", completion: .custom { _, _, prefix in await Completions.groups(prefix) })
        var group: String

        @Argument(help: "Users' names.", completion: .custom { _, _, prefix in await Completions.users(prefix) })
        var users: [String]

        @OptionGroup var server: ServerOptions

        func carryOut(_ method: HTTPMethod, _ words: String) async throws {
            let client = try server.client
            let id = try await GroupCommand.id(of: group, client)
            for name in users {
                let user = try await UserCommand.id(of: name, client)
                var request = ClientRequest(method, "/api/v1/groups/\(id)/members/\(user)")
                // Twice is once.
                request.isRepeatable = true
                try await server.carryOut(request, client, "\(name) \(words) \(group).")
            }
        }
    }

    struct Join: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take users into a group.",
            discussion: "The first group that a user has joined is charged with what they run.")
        @OptionGroup var membership: Membership
        func run() async throws { try await membership.carryOut(.PUT, "is in") }
    }

    struct Leave: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take users out of a group.")
        @OptionGroup var membership: Membership
        func run() async throws { try await membership.carryOut(.DELETE, "is not in") }
    }
}

/// A number that may be taken away again.
struct Limit: ExpressibleByArgument {
    /// Nil for none.
    let count: Int?

    init?(argument: String) {
        if argument == "none" {
            count = nil
        } else {
            guard let count = Int(argument), count >= 0 else { return nil }
            self.count = count
        }
    }

    var document: JSONValue { count.map(JSONValue.integer) ?? .null }
}
