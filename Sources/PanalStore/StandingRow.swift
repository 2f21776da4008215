import GRDB
import GRDBSQLite
import PanalCore

/// A row as it stands in SQLite, for what is asked with each job: a `Row` of GRDB first makes a table of its columns' names, which takes
/// longer than finding the row, and hands each value over by way of another.
///
/// It is good for as long as the call of ``GRDB/Database/eachRow(_:_:_:)`` that hands it out.
@safe struct StandingRow: Columns {
    private let statement: OpaquePointer

    fileprivate init(_ statement: OpaquePointer) { unsafe self.statement = unsafe statement }

    var count: Int { unsafe Int(sqlite3_column_count(statement)) }

    func isNull(_ column: Int) -> Bool { type(of: column) == SQLITE_NULL }

    func name(of column: Int) -> String {
        unsafe sqlite3_column_name(statement, Int32(column)).map { unsafe String(cString: $0) } ?? String(column)
    }

    func text(_ column: Int) throws -> String {
        guard type(of: column) == SQLITE_TEXT, let bytes = unsafe sqlite3_column_text(statement, Int32(column)) else {
            throw damaged(column, "is no text")
        }
        let count = unsafe Int(sqlite3_column_bytes(statement, Int32(column)))
        return unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    func integer(_ column: Int) throws -> Int {
        switch type(of: column) {
        case SQLITE_INTEGER: return unsafe Int(sqlite3_column_int64(statement, Int32(column)))
        case SQLITE_FLOAT:
            // Sums of whole numbers that SQLite took for others.
            if let whole = unsafe Int(exactly: sqlite3_column_double(statement, Int32(column))) { return whole }
        default: break
        }
        throw damaged(column, "is no number")
    }

    private func type(of column: Int) -> Int32 { unsafe sqlite3_column_type(statement, Int32(column)) }
}

extension Database {
    /// Calls `body` with each row that a statement finds. `body` may ask others, not the same.
    func eachRow(
        _ sql: String, _ arguments: StatementArguments, _ body: (StandingRow) throws -> Void
    ) throws {
        let statement = try cachedStatement(sql: sql)
        try statement.setArguments(arguments)
        let raw = unsafe statement.sqliteStatement
        // Or it would keep what it sees from being written over.
        defer { withExtendedLifetime(statement) { _ = unsafe sqlite3_reset(raw) } }
        while true {
            switch unsafe sqlite3_step(raw) {
            case SQLITE_ROW: try body(unsafe StandingRow(raw))
            case SQLITE_DONE: return
            case let code:
                // Of a reader that was cancelled GRDB knows it, and its next statement throws `CancellationError`.
                if code & 0xFF == SQLITE_INTERRUPT { try execute(sql: "SELECT 1") }
                let reason = unsafe sqlite3_errmsg(sqliteConnection).map { unsafe String(cString: $0) }
                throw DatabaseError(resultCode: ResultCode(rawValue: code), message: reason, sql: sql)
            }
        }
    }

    /// What `body` makes of the first row; nil where there is none.
    func firstRow<Value>(
        _ sql: String, _ arguments: StatementArguments, _ body: (StandingRow) throws -> Value
    ) throws -> Value? {
        var found: Value?
        try eachRow(sql, arguments) { row in if found == nil { found = try body(row) } }
        return found
    }
}
