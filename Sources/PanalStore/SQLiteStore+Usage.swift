import GRDB
package import PanalCore

extension SQLiteStore {
    package func usage(_ query: UsageQuery) async throws -> [UsageRow] {
        var conditions: [String] = []
        var arguments: StatementArguments = []
        func require(_ condition: String, _ value: some DatabaseValueConvertible) {
            conditions.append(condition)
            arguments += [value]
        }
        if let user = query.user { require("owner = ?", user.text) }
        if let group = query.group { require("payer = ?", LedgerAccount.group(group).description) }
        if let program = query.program { require("program = ?", program) }
        if let profile = query.profile { require("profile = ?", profile) }
        if let from = query.from { require("month >= ?", from.code) }
        if let to = query.to { require("month <= ?", to.code) }
        arguments += [query.limit]
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let keys = query.by.map(Self.column)
        let grouping = keys.isEmpty ? "" : "GROUP BY \(keys.joined(separator: ", "))"
        let order = keys.isEmpty ? "" : "ORDER BY \(keys.joined(separator: ", "))"
        let columns = keys.map { "\($0), " }.joined()
        let sql = """
            SELECT \(columns)coalesce(sum(jobs), 0), coalesce(sum(system_errors), 0), coalesce(sum(core_time), 0),
                coalesce(sum(memory_time), 0), coalesce(sum(cpu_time), 0), coalesce(sum(cost), 0), coalesce(sum(paid), 0)
            FROM usage_sums \(filter) \(grouping) \(order) LIMIT ?
            """
        return try await pool.read { [arguments] database in
            try Row.fetchAll(database.cachedStatement(sql: sql), arguments: arguments).map { row in
                let first = query.by.count
                var result = UsageRow(
                    sum: UsageSum(
                        jobs: try row.integer(first), systemErrors: try row.integer(first + 1),
                        use: MeteredUse(
                            coreMicroseconds: try row.long(first + 2), memoryMicroseconds: try row.long(first + 3)),
                        cpuMicroseconds: try row.long(first + 4), cost: try row.credits(first + 5),
                        paid: try row.credits(first + 6)))
                for (column, key) in query.by.enumerated() { try Self.fill(&result, key, row, column, database) }
                return result
            }
        }
    }

    private static func column(_ key: UsageKey) -> String {
        switch key {
        case .month: "month"
        case .user: "owner"
        case .group: "iif(payer LIKE 'group:%', substr(payer, 7), NULL)"
        case .program: "program"
        case .profile: "profile"
        }
    }

    private static func fill(
        _ result: inout UsageRow, _ key: UsageKey, _ row: Row, _ column: Int, _ database: Database
    ) throws {
        switch key {
        case .month: result.month = Month(code: try row.integer(column))
        case .group: result.group = try row.optional(column, row.text)
        case .program: result.program = try row.text(column)
        case .profile: result.profile = try row.text(column)
        case .user:
            let id: UserID = try row.identifier(column)
            result.user = id
            let statement = try database.cachedStatement(sql: "SELECT name FROM users WHERE id = ?")
            result.userName = try String.fetchOne(statement, arguments: [id.text])
        }
    }

    package func costItems() async throws -> [CostItem] {
        try await pool.read { try Self.costItems($0) }
    }

    private static func costItems(_ database: Database) throws -> [CostItem] {
        try Row.fetchAll(
            database, sql: "SELECT name, unit, price, quantity, hours_a_day FROM cost_items ORDER BY position"
        ).map {
            CostItem(
                name: try $0.text(0), unit: try $0.word(1), price: try $0.credits(2), quantity: try $0.integer(3),
                hoursADay: try $0.integer(4))
        }
    }

    package func setCostItems(_ items: [CostItem], expecting expected: [CostItem]?) async throws {
        try await write { database in
            if let expected, try Self.costItems(database) != expected { throw StoreError.changed("the costs") }
            try database.execute(sql: "DELETE FROM cost_items")
            for (place, item) in items.enumerated() {
                try database.execute(
                    sql: "INSERT INTO cost_items VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [
                        place + 1, item.name, item.unit.rawValue, item.price.micro, item.quantity, item.hoursADay,
                    ])
            }
        }
    }
}
