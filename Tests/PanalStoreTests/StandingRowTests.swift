import GRDB
import PanalCore
import Testing

@testable import PanalStore

/// Rows that are read where they stand give what GRDB's give, and refuse what those refuse.
@Suite struct StandingRowTests {
    /// Values as SQL, and what both readers make of them: nil where they refuse.
    static let values: [(sql: String, text: String?, integer: Int?)] = [
        ("'word'", "word", nil), ("''", "", nil), ("'ä€𝄞'", "ä€𝄞", nil), ("'7'", "7", nil), ("7", nil, 7),
        ("-1", nil, -1),
        ("9223372036854775807", nil, .max), ("-9223372036854775808", nil, .min), ("7.0", nil, 7), ("7.5", nil, nil),
        ("1e30", nil, nil), ("NULL", nil, nil),
    ]

    @Test(arguments: values) func bothReadersAgree(value: (sql: String, text: String?, integer: Int?)) throws {
        let queue = try DatabaseQueue()
        try queue.read { database in
            let sql = "SELECT 0, \(value.sql) AS shown"
            let row = try #require(try Row.fetchOne(database, sql: sql))
            let isNull = value.sql == "NULL"
            let isRead = try database.firstRow(sql, []) { standing in
                #expect(standing.isNull(1) == isNull && row.isNull(1) == isNull)
                #expect((try? standing.text(1)) == value.text && (try? row.text(1)) == value.text)
                #expect((try? standing.integer(1)) == value.integer)
                // GRDB takes the whole part of a fraction, which no column has.
                if value.sql != "7.5" { #expect((try? row.integer(1)) == value.integer) }
                return true
            }
            #expect(isRead == true)
        }
    }

    /// Whoever is not waited for any more has been cancelled, and nothing is wrong with the database.
    @Test func aCancelledReadIsNoMistakeOfTheDatabase() async throws {
        let queue = try DatabaseQueue()
        let (rows, row) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let reading = Task {
            try await queue.read { database in
                let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
                try database.eachRow(endless, []) { _ in row.yield() }
            }
        }
        for await _ in rows { break }
        reading.cancel()
        await #expect(throws: CancellationError.self) { try await reading.value }
        // The connection is as good as before.
        #expect(try await queue.read { try $0.firstRow("SELECT 7", []) { try $0.integer(0) } } == 7)
    }

    /// A mistake names its column; rows come in order, with their arguments; and the statement can be asked again.
    @Test func rowsComeInOrder() throws {
        let queue = try DatabaseQueue()
        try queue.read { database in
            let sql = "SELECT value AS number FROM json_each(?) WHERE value > ?"
            for _ in 0..<2 {
                var found: [Int] = []
                try database.eachRow(sql, ["[1, 2, 3]", 1]) { found.append(try $0.integer(0)) }
                #expect(found == [2, 3])
                #expect(throws: StoreError.damaged("column number is no text")) {
                    try database.eachRow(sql, ["[1, 2, 3]", 1]) { _ = try $0.text(0) }
                }
            }
            #expect(try database.firstRow(sql, ["[]", 1]) { try $0.integer(0) } == nil)
            #expect(throws: DatabaseError.self) { try database.eachRow(sql, ["no JSON", 1]) { _ in } }
        }
    }
}
