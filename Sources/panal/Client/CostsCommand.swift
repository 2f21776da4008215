import ArgumentParser
import FoundationEssentials
import NIOHTTP1
import PanalClient
import PanalCore
import PanalManifest

struct CostsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "costs", abstract: "What a month costs the operator, and what it has earned.",
        discussion: """
              panal costs --month 2026-11
              panal costs items --json > costs.json
              panal costs set costs.json
            """,
        subcommands: [Show.self, Items.self, Set.self], defaultSubcommand: Show.self)

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a month.")

        @Option(help: ArgumentHelp("Such as 2026-11; the present one when it is not given.", valueName: "month"))
        var month: String?

        @Option(
            help: "Only this hardware profile's part.",
            completion: .custom { _, _, prefix in await Completions.profiles(prefix) })
        var profile: String?

        @Flag(help: "Print what each profile used and its part of the cost as comma-separated values.")
        var csv = false

        @OptionGroup var server: ServerOptions

        func validate() throws {
            if csv, server.json { throw ValidationError("--csv or --json: one of them") }
        }

        func run() async throws {
            let query = ClientRequest.query(["month": month, "profile": profile])
            try await server.ask(ClientRequest(.GET, "/api/v1/costs" + query)) { answer in
                csv ? try CostsCommand.values(answer) : try CostsCommand.text(answer)
            }
        }
    }

    static func text(_ answer: JSONValue) throws -> String {
        var details = Details()
        details.add("Month", answer["month"]?.text)
        for (title, name) in [("Cost", "cost"), ("Earned", "earned"), ("Balance", "balance")] {
            details.add(title, answer[name]?.text)
        }
        details.add("Used", answer["usage"]?["coreSeconds"]?.decimal.map { "\(Humane.hours($0)) core hours" })
        details.add(
            "Could be used", answer["capacityCoreSeconds"]?.decimal.map { "\(Humane.hours($0)) core hours" })
        details.add("Pays at", answer["breakEvenCoreHour"]?.text.map { "\($0) a core hour, by what was used" })
        details.add("At best at", answer["breakEvenCoreHourAtCapacity"]?.text.map { "\($0) a core hour, all sold" })
        var text = details.text()
        let items = try itemTable(answer)
        if !items.rows.isEmpty { text += "\n" + items.text(width: Terminal.width) }
        var profiles = Table([
            .flexible("profile"), .number("jobs"), .number("core hours"), .number("earned"), .number("its cost"),
        ])
        for entry in try answer.list("profiles") { profiles.add(row(entry) { Humane.hours($0) }) }
        if !profiles.rows.isEmpty { text += "\n" + profiles.text(width: Terminal.width) }
        return text
    }

    private static func row(_ entry: JSONValue, _ hours: (Double) -> String) -> [String] {
        let usage = entry["usage"]
        return [
            entry["profile"]?.text ?? "", usage?["jobs"]?.integer.map(String.init) ?? "",
            usage?["coreSeconds"]?.decimal.map(hours) ?? "", usage?["paid"]?.text ?? "", entry["share"]?.text ?? "",
        ]
    }

    /// RFC 4180, with the month in each row.
    static func values(_ answer: JSONValue) throws -> String {
        let month = answer["month"]?.text ?? ""
        let rows = try answer.list("profiles").map { [month] + row($0) { Humane.plain($0) } }
        return ([["month", "profile", "jobs", "core_seconds", "earned", "cost"]] + rows).map(DelimitedRecord.line)
            .joined()
    }

    private static func itemTable(_ answer: JSONValue) throws -> Table {
        Table(
            of: try answer.list("items"),
            [
                .flexible("item") { $0["name"]?.text }, .fixed("unit"), .number("price"), .number("quantity"),
                .number("hours a day") { item in
                    item["unit"]?.text == "hour" ? item["hoursADay"]?.integer.map(String.init) : nil
                }.optional,
                .number("cost").optional,
            ])
    }

    struct Items: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List what the operator pays for.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.ask(ClientRequest(.GET, "/api/v1/costs/items")) {
                try CostsCommand.itemTable($0).text(width: Terminal.width)
            }
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what the operator pays for: replaces all of it.",
            discussion: """
                The file is what ‘panal costs items --json’ prints: {"items": [{"name": "server", "unit": "month", "price": "40"}]}.

                  panal costs set costs.json
                """)

        @Argument(help: "A JSON file; ‘-’ is standard input.", completion: .file(extensions: ["json"]))
        var file: String

        @OptionGroup var server: ServerOptions

        func run() async throws {
            var request = ClientRequest(.PUT, "/api/v1/costs/items", body: .json(try InputFile.object(file)))
            request.isRepeatable = true
            try await server.ask(request) { try CostsCommand.itemTable($0).text(width: Terminal.width) }
        }
    }
}
