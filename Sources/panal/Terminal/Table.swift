/// Rows under headings. On a terminal they fit its width; in a file or a pipe they are whole and separated by tabs, without headings.
struct Table {
    struct Column {
        var title: String
        /// May be cut when there is no room.
        var isFlexible = false
        /// Left out first when there is no room, the last of them first.
        var isOptional = false
        /// Digits stand at the right.
        var isNumber = false

        static func fixed(_ title: String) -> Column { Column(title: title) }
        static func flexible(_ title: String) -> Column { Column(title: title, isFlexible: true) }
        static func number(_ title: String) -> Column { Column(title: title, isNumber: true) }
        var optional: Column {
            var column = self
            column.isOptional = true
            return column
        }
    }

    private let columns: [Column]
    private(set) var rows: [[String]] = []
    private static let gap = "  "
    /// A flexible column is not cut to less.
    private static let least = 8

    init(_ columns: [Column]) { self.columns = columns }

    /// One text for each column.
    mutating func add(_ row: [String]) {
        precondition(row.count == columns.count, "a row has a text for each column")
        rows.append(row.map(TextWidth.harmless))
    }

    /// `width` in columns of a terminal; nil for a file or a pipe.
    func text(width: Int?) -> String {
        guard let width else { return rows.map { $0.joined(separator: "\t") + "\n" }.joined() }
        let (shown, widths) = layout(width)
        return ([columns.map { $0.title.uppercased() }] + rows).map { row in
            let cells = zip(shown, widths).map { place, width in
                let text = TextWidth.cut(row[place], to: width)
                let space = String(repeating: " ", count: max(0, width - TextWidth.of(text)))
                return columns[place].isNumber ? space + text : text + space
            }
            var line = cells.joined(separator: Self.gap)
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    /// The columns that are shown, and how wide.
    private func layout(_ width: Int) -> (shown: [Int], widths: [Int]) {
        let natural = columns.indices.map { place in
            max(TextWidth.of(columns[place].title), rows.map { TextWidth.of($0[place]) }.max() ?? 0)
        }
        // One that says nothing in any row says nothing at all.
        var shown = columns.indices.filter { place in
            !columns[place].isOptional || rows.contains { !$0[place].isEmpty }
        }
        while true {
            let widths = squeezed(shown.map { natural[$0] }, shown, into: width)
            let needed = widths.reduce(0, +) + Self.gap.count * (shown.count - 1)
            if needed <= width { return (shown, widths) }
            if let place = shown.lastIndex(where: { columns[$0].isOptional }) {
                shown.remove(at: place)
                continue
            }
            return (shown, widths)
        }
    }

    /// Takes from the widest of the flexible columns until all fit or none has anything to give.
    private func squeezed(_ natural: [Int], _ shown: [Int], into width: Int) -> [Int] {
        var widths = natural
        var excess = widths.reduce(0, +) + Self.gap.count * (shown.count - 1) - width
        while excess > 0 {
            let candidates = shown.indices.filter { columns[shown[$0]].isFlexible && widths[$0] > Self.least }
            guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }
}

/// Names and values below each other, as one thing is shown.
struct Details {
    private var lines: [(name: String, value: String)] = []

    /// Leaves out what there is nothing to say of. Later lines of a value stand below its first.
    mutating func add(_ name: String, _ value: String?) {
        guard let value, !value.isEmpty else { return }
        lines.append((name, value))
    }

    func text() -> String {
        let width = lines.map { TextWidth.of($0.name) }.max() ?? 0
        return lines.map { name, value in
            let parts = value.split(separator: "\n", omittingEmptySubsequences: false).map {
                TextWidth.harmless(String($0))
            }
            let indent = "\n" + String(repeating: " ", count: width + 2)
            return TextWidth.padded(name, to: width) + "  " + parts.joined(separator: indent) + "\n"
        }.joined()
    }
}
