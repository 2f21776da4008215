import ArgumentParser

/// Which of what was submitted a list is to have.
struct ListRange: ParsableArguments {
    @Option(
        help: "Only those of one program.",
        completion: .custom { _, _, prefix in await Completions.programs(prefix) })
    var program: String?

    @Flag(help: "Everybody's; for administrators.")
    var everyone = false

    @Option(help: "Only those behind this place of the list.")
    var cursor: String?

    /// The query of one page of `limit` entries behind `cursor`.
    func words(_ limit: Int, from cursor: String?) -> [(key: String, value: String?)] {
        [("limit", String(limit)), ("program", program), ("everyone", everyone ? "true" : nil), ("cursor", cursor)]
    }

    /// The query of the first page that is wanted.
    func words(_ limit: Int) -> [(key: String, value: String?)] { words(limit, from: cursor) }
}
