import PanalCore

/// How far a transfer is, on one line.
struct ProgressLine {
    var label: String
    /// Bytes.
    var done: Int
    /// Nil where nobody knows.
    var total: Int?
    /// Seconds since it began.
    var elapsed: Double
    /// Bytes that were there at the beginning, and so say nothing of the speed.
    var begun = 0

    /// At most `width - 1` columns, so that no terminal breaks the line.
    func text(width: Int) -> String {
        let room = width - 1
        let rate = elapsed > 0.2 ? Double(done - begun) / elapsed : 0
        let speed = rate > 0 ? "\(ByteCount.text(Int(rate)))/s" : ""
        guard let total, total > 0 else {
            return TextWidth.cut(
                [label, ByteCount.text(done), speed].filter { !$0.isEmpty }.joined(separator: "  "), to: room)
        }
        let part = min(1, Double(done) / Double(total))
        let left = rate > 0 && done < total ? Humane.clock(Int((Double(total - done) / rate).rounded(.up))) : ""
        let percent = "\(Int(part * 100))%"
        let padded = String(repeating: " ", count: 4 - percent.count) + percent
        let sizes = "\(ByteCount.text(done)) of \(ByteCount.text(total))"
        let ending = left.isEmpty ? "" : "\(left) left"
        // Where there is little room, what can be done without goes first.
        let choices = [[padded, sizes, speed, ending], [padded, sizes, ending], [padded, ending], [padded]]
        let least = min(TextWidth.of(label), 12) + 2
        let texts = choices.map { $0.filter { !$0.isEmpty }.joined(separator: "  ") }
        let figures = texts.first { TextWidth.of($0) + least <= room } ?? padded
        let bar = min(30, room - TextWidth.of(figures) - min(TextWidth.of(label), 24) - 6)
        let name = TextWidth.cut(label, to: max(8, room - TextWidth.of(figures) - (bar >= 6 ? bar + 6 : 2)))
        guard bar >= 6 else { return TextWidth.cut("\(name)  \(figures)", to: room) }
        let filled = Int(part * Double(bar))
        let marks = String(repeating: "█", count: filled) + String(repeating: "░", count: bar - filled)
        return TextWidth.cut("\(name)  \(marks)  \(figures)", to: room)
    }
}
