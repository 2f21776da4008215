import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct RestrictionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restriction", abstract: "What a user or a group may use.",
        discussion: """
            A user's own values replace those of their groups; several groups' are united. It holds at once, also for jobs that wait.

              panal restriction set --group students --profile small --running-cores 4 --stored 10GiB
              panal restriction show --user ana
              panal restriction clear --user ana
            """,
        subcommands: [Show.self, Set.self, Clear.self], defaultSubcommand: Show.self)

    struct Subject: ParsableArguments {
        @Option(help: "A user's.", completion: .custom { _, _, prefix in await Completions.users(prefix) })
        var user: String?

        @Option(help: "A group's.", completion: .custom { _, _, prefix in await Completions.groups(prefix) })
        var group: String?

        func validate() throws {
            if (user == nil) == (group == nil) { throw ValidationError("--user NAME or --group NAME: one of them") }
        }

        func path(_ client: PanalClient) async throws -> String {
            if let user { return "/api/v1/users/\(try await UserCommand.id(of: user, client))/restriction" }
            return "/api/v1/groups/\(try await GroupCommand.id(of: group ?? "", client))/restriction"
        }
    }

    static func details(_ restriction: JSONValue) -> String {
        func names(_ name: String) -> String? {
            restriction[name]?.list?.compactMap(\.text).joined(separator: ", ")
        }
        var details = Details()
        details.add("Profiles", names("profiles"))
        details.add("Pools", names("pools"))
        details.add("Allocator", restriction["allocator"]?.text)
        details.add("Repositories", names("repositories"))
        details.add("Running cores", restriction["runningCores"]?.integer.map { "\($0) at most" })
        details.add("Waiting jobs", restriction["queuedJobs"]?.integer.map { "\($0) at most" })
        details.add("Stored", restriction["storedBytes"]?.integer.map { "\(ByteCount.text($0)) at most" })
        details.add("Outputs", restriction["outputDays"]?.integer.map { "kept for \($0) days" })
        let text = details.text()
        return text.isEmpty ? "Nothing is restricted.\n" : text
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a restriction; what is missing in it is not restricted.",
            discussion: "‘panal user show NAME’ says what a user may use in the end.")

        @OptionGroup var subject: Subject
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            try server.show(try await client.get(try await subject.path(client)), RestrictionCommand.details)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Restrict a user or a group.",
            discussion: """
                This is the whole restriction: what is not named is not restricted any more.

                  panal restriction set --user ana --profile small --profile medium --queued-jobs 10
                """)

        @OptionGroup var subject: Subject

        @Option(
            help: "A hardware profile that may be used; several times for several.",
            completion: .custom { _, _, prefix in await Completions.profiles(prefix) })
        var profile: [String] = []

        @Option(help: "A pool of hosts; several times for several.")
        var pool: [String] = []

        @Option(help: "Which algorithm gives jobs their host.")
        var allocator: String?

        @Option(help: "A storage root; several times for several.")
        var repository: [String] = []

        @Option(help: "Cores of running jobs together.")
        var runningCores: Int?

        @Option(help: "Jobs that wait at the same time.")
        var queuedJobs: Int?

        @Option(help: ArgumentHelp("Programs and results together, such as 500MiB or 10GiB.", valueName: "size"))
        var stored: String?

        @Option(help: ArgumentHelp("Days that outputs of jobs are kept, 1 to 36600.", valueName: "days"))
        var outputDays: Int?

        @OptionGroup var server: ServerOptions

        func validate() throws {
            if try members().isEmpty {
                throw ValidationError("Restrict what? --profile, --pool, --stored …; ‘panal restriction clear’ ends it")
            }
        }

        private func members() throws -> [String: JSONValue] {
            func names(_ names: [String]) -> JSONValue? { names.isEmpty ? nil : .array(names.map(JSONValue.string)) }
            var members: [String: JSONValue] = [:]
            members["profiles"] = names(profile)
            members["pools"] = names(pool)
            members["allocator"] = allocator.map(JSONValue.string)
            members["repositories"] = names(repository)
            members["runningCores"] = runningCores.map(JSONValue.integer)
            members["queuedJobs"] = queuedJobs.map(JSONValue.integer)
            members["outputDays"] = outputDays.map(JSONValue.integer)
            if let stored {
                do throws(QuantityMistake) {
                    members["storedBytes"] = .integer(try Quantity.bytes(stored))
                } catch {
                    throw ValidationError("--stored: \(error.detail)")
                }
            }
            return members
        }

        func run() async throws {
            let client = try server.client
            let path = try await subject.path(client)
            var request = ClientRequest(.PUT, path, body: .json(.object(try members())))
            request.isRepeatable = true
            try server.show(try await client.send(request), RestrictionCommand.details)
        }
    }

    struct Clear: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take a restriction away.")

        @OptionGroup var subject: Subject
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            let request = ClientRequest(.DELETE, try await subject.path(client))
            try await server.carryOut(
                request, client, "\(subject.user ?? subject.group ?? "") has no restriction of its own any more.")
        }
    }
}
