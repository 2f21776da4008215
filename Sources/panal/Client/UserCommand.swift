import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "The users of a server.",
        subcommands: [
            List.self, Show.self, Add.self, RoleCommand.self, Enable.self, Disable.self, Block.self, Close.self,
            Password.self,
        ],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the users.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.showAll(
                "users", of: "/api/v1/users",
                [
                    .flexible("name"), .fixed("role"), .fixed("status"),
                    .number("since") { Humane.age(of: $0["created"]?.moment) }, .fixed("id").optional,
                ])
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a user, and what they may use in the end.")

        @Argument(help: "The user's name.", completion: .custom { _, _, prefix in await Completions.users(prefix) })
        var name: String

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            let answer = try await client.get("/api/v1/users/\(try await UserCommand.id(of: name, client))")
            try server.show(answer) { user in
                var details = Details()
                details.add("Name", user["name"]?.text)
                details.add("Role", user["role"]?.text)
                details.add("Status", user["status"]?.text)
                details.add("Since", Humane.moment(user["created"]?.moment))
                details.add("Id", user["id"]?.text)
                return details.text() + (user["rights"].map { "\n" + RightsText.details($0) } ?? "")
            }
        }
    }

    struct RoleCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "role", abstract: "Make somebody an administrator, or a user again.",
            discussion: """
                Their keys stay good for what they were made for: an administrator signs in anew.

                  panal user role ana administrator
                """)

        @Argument(help: "The user's name.", completion: .custom { _, _, prefix in await Completions.users(prefix) })
        var name: String

        @Argument(help: "user or administrator.", completion: .list(Role.allCases.map(\.rawValue)))
        var role: String

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            let id = try await UserCommand.id(of: name, client)
            let change = ClientRequest(.PATCH, "/api/v1/users/\(id)", body: .json(["role": .string(role)]))
            try server.show(try await client.send(change)) { "\(name) is \($0["role"]?.text ?? role).\n" }
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a user.",
            discussion:
                "Without --password-stdin the server makes a password, which is printed on standard output, this once.")

        @Argument(help: "2 to 40 characters out of a-z, 0-9, ‘.’, ‘_’ and ‘-’.")
        var name: String

        @Flag(help: "As an administrator.")
        var administrator = false

        @Flag(help: "Read the password from standard input.")
        var passwordStdin = false

        @OptionGroup var server: ServerOptions

        func run() async throws {
            var members: [String: JSONValue] = [
                "name": .string(name), "role": .string(administrator ? "administrator" : "user"),
            ]
            if passwordStdin { members["password"] = .string(try Terminal.inputLine()) }
            try await server.ask(ClientRequest(.POST, "/api/v1/users", body: .json(.object(members)))) { user in
                guard let password = user["password"]?.text else { return "\(try user.text("name")) was added.\n" }
                StandardError.line("\(try user.text("name")) was added; the password is shown only this once")
                return password + "\n"
            }
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let users in again.")
        @OptionGroup var who: Users
        func run() async throws { try await who.set("available") }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep users out for a while: their sessions end and their keys rest.")
        @OptionGroup var who: Users
        func run() async throws { try await who.set("disabled") }
    }

    struct Block: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Keep users out for good.")
        @OptionGroup var who: Users
        func run() async throws { try await who.set("blocked") }
    }

    struct Close: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Close a user's account for good.",
            discussion: """
                Refused while it has unfinished jobs, credit or images. Keys, results and what was put into jobs are gone then, programs are \
                withdrawn; what was used and paid stays in the books.
                """)

        @Argument(help: "The user's name.", completion: .custom { _, _, prefix in await Completions.users(prefix) })
        var name: String

        @Flag(help: "It cannot be undone: say so.")
        var yes = false

        @OptionGroup var server: ServerOptions

        func validate() throws {
            guard yes else { throw ValidationError("closing an account cannot be undone; say --yes") }
        }

        func run() async throws {
            let request = ClientRequest(.DELETE, "/api/v1/users/\(PercentCoding.encoded(name))")
            try await server.carryOut(request, try server.client, "The account of \(name) is closed.")
        }
    }

    struct Password: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a user a new password, and end their sessions.",
            discussion: "The server makes it; it is printed on standard output, this once.")

        @Argument(help: "The user's name.", completion: .custom { _, _, prefix in await Completions.users(prefix) })
        var name: String

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            let id = try await UserCommand.id(of: name, client)
            let answer = try await client.send(ClientRequest(.POST, "/api/v1/users/\(id)/password"))
            try server.show(answer) { try $0.text("password") + "\n" }
        }
    }

    struct Users: ParsableArguments {
        @Argument(help: "Their names.", completion: .custom { _, _, prefix in await Completions.users(prefix) })
        var names: [String]

        @OptionGroup var server: ServerOptions

        func set(_ status: String) async throws {
            let client = try server.client
            for name in names {
                let id = try await UserCommand.id(of: name, client)
                let change = ClientRequest(.PATCH, "/api/v1/users/\(id)", body: .json(["status": .string(status)]))
                try server.show(try await client.send(change)) { user in
                    TextWidth.harmless("\(name) is \(user["status"]?.text ?? status).") + "\n"
                }
            }
        }
    }

    /// The id behind a name.
    static func id(of name: String, _ client: PanalClient) async throws -> String {
        try await client.id(of: name, in: "users", a: "user")
    }
}
