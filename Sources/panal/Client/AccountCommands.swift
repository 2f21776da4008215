import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct AccountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "Who you are on a server, and what you may use there.")

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let choice = try server.choice
        try await server.ask(ClientRequest(.GET, "/api/v1/account")) { account in
            var details = Details()
            details.add("Name", account["name"]?.text)
            details.add("Role", account["role"]?.text)
            details.add("Server", choice.name.map { "\($0) (\(choice.address))" } ?? choice.address.text)
            return details.text() + (account["rights"].map { "\n" + RightsText.details($0) } ?? "")
        }
    }
}

/// What somebody may use in the end.
enum RightsText {
    static func details(_ rights: JSONValue) -> String {
        func names(_ name: String) -> String? { rights[name]?.list?.compactMap(\.text).joined(separator: ", ") }
        var details = Details()
        details.add("Groups", rights["groups"]?.list?.compactMap { $0["name"]?.text }.joined(separator: ", "))
        details.add("Profiles", names("profiles"))
        details.add("Pools", names("pools"))
        details.add("Allocator", rights["allocator"]?.text)
        details.add("Repositories", names("repositories"))
        details.add("Running cores", rights["runningCores"]?.integer.map { "\($0) at most" })
        details.add("Waiting jobs", rights["queuedJobs"]?.integer.map { "\($0) at most" })
        let stored = rights["storedNow"]?.integer.map(ByteCount.text)
        let most = rights["storedBytes"]?.integer.map { " of \(ByteCount.text($0))" }
        details.add("Stored", stored.map { $0 + (most ?? "") })
        details.add("Outputs", rights["outputDays"]?.integer.map { "kept for \($0) days" })
        return details.text()
    }
}
