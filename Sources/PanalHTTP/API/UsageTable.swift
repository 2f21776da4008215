import PanalCore

/// Use as a table for spreadsheets: RFC 4180, with a line of names.
struct UsageTable: Sendable {
    let by: [UsageKey]

    func text(_ rows: [UsageRow]) -> String {
        let sums = [
            "jobs", "systemErrors", "coreSeconds", "memoryGibibyteSeconds", "cpuSeconds", "cost", "paid",
        ]
        var text = DelimitedRecord.line(by.map(\.rawValue) + sums)
        for row in rows {
            let keys = by.map { CreditDocuments.value(of: $0, row) ?? "" }
            let sum = row.sum
            text += DelimitedRecord.line(
                keys + [
                    "\(sum.jobs)", "\(sum.systemErrors)", Self.seconds(sum.use.coreMicroseconds),
                    Self.seconds(sum.use.memoryMicroseconds), Self.seconds(sum.cpuMicroseconds), "\(sum.cost)",
                    "\(sum.paid)",
                ])
        }
        return text
    }

    /// Exactly, as a decimal number.
    static func seconds(_ microseconds: Int64) -> String { Credits(micro: microseconds).description }
}
