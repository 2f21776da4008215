import PanalClient
import PanalCore

/// A column of one of the server's lists, and what of an entry stands in it.
struct ListColumn {
    private(set) var column: Table.Column
    let value: (JSONValue) -> String?

    /// Without `value` the member that is called as the column is.
    private init(_ column: Table.Column, _ value: ((JSONValue) -> String?)?) {
        self.column = column
        self.value = value ?? { $0[column.title]?.text ?? $0[column.title]?.integer.map(String.init) }
    }

    static func fixed(_ title: String, _ value: ((JSONValue) -> String?)? = nil) -> ListColumn {
        ListColumn(.fixed(title), value)
    }
    static func flexible(_ title: String, _ value: ((JSONValue) -> String?)? = nil) -> ListColumn {
        ListColumn(.flexible(title), value)
    }
    static func number(_ title: String, _ value: ((JSONValue) -> String?)? = nil) -> ListColumn {
        ListColumn(.number(title), value)
    }
    var optional: ListColumn {
        var other = self
        other.column = column.optional
        return other
    }
}

extension Table {
    /// A row for each entry.
    init(of entries: [JSONValue], _ columns: [ListColumn]) {
        self.init(columns.map(\.column))
        for entry in entries { add(columns.map { $0.value(entry) ?? "" }) }
    }
}

extension ServerOptions {
    /// A list with the entries of all its pages, as a document or as a table.
    func showAll(_ name: String, of path: String, _ columns: [ListColumn]) async throws {
        try await showAll(name, of: path) {
            Table(of: try $0.list(name), columns).text(width: Terminal.width)
        }
    }
}

extension PanalClient {
    /// The id of a user or a group, escaped for a path, by the name that people know. Throws 404 with the names that there are, where
    /// these are few.
    func id(of name: String, in list: String, a kind: String) async throws -> String {
        let entries = try await all(list, of: "/api/v1/\(list)").list(list)
        if let found = entries.first(where: { $0["name"]?.text == name }) {
            return PercentCoding.encoded(try found.text("id"))
        }
        let known = entries.compactMap { $0["name"]?.text }
        let others = known.isEmpty ? "there are none" : "there are \(known.joined(separator: ", "))"
        throw ClientFailure(
            .refused(status: 404), "there is no \(kind) ‘\(name)’" + (known.count <= 20 ? "; \(others)" : ""))
    }
}
