import PanalCore

/// Cores × time of several policies below each other, as one SVG document.
///
/// Colours follow the reader's light or dark mode. The file stays small however long the load is: the grid is made coarser until
/// each panel keeps to its part of `SchedulePicture.mostBytes`.
package struct SchedulePicture {
    package struct Panel {
        package var policy: String
        package var run: SimulatedRun
        package var figures: SimulationFigures

        package init(policy: String, run: SimulatedRun, figures: SimulationFigures) {
            self.policy = policy
            self.run = run
            self.figures = figures
        }
    }

    package var title: String
    package var subtitle: String
    package var panels: [Panel]

    package init(title: String, subtitle: String, panels: [Panel]) {
        self.title = title
        self.subtitle = subtitle
        self.panels = panels
    }

    /// About what the drawn jobs of all panels may take.
    static let mostBytes = 170_000
    private static let colours = 8
    /// Columns and the part of the rows of a grid, the finest first.
    private static let grids: [(columns: Int, rows: Double)] = [
        (960, 1), (720, 1), (720, 0.6), (480, 0.6), (480, 0.4), (320, 0.4), (240, 0.25), (160, 0.2),
    ]

    // Pixels.
    private static let width = 1_040.0
    private static let margin = 60.0
    private static let plotWidth = 960.0
    private static let plotHeight = 200.0
    private static let curveHeight = 36.0
    private static let curveTop = 238.0
    private static let panelHeight = 320.0
    private static let head = 64.0

    package var svg: String {
        let span = span
        let (users, names) = palette
        let curves = panels.map { WaitingCurve($0.run, from: span.lowerBound, to: span.upperBound, columns: 480) }
        let most = curves.flatMap(\.cores).max() ?? 0
        var text = opening
        text += label(title, Self.margin, 26, "title")
        text += label(String(subtitle.prefix(160)), Self.margin, 46, "faint")
        var top = Self.head
        for (panel, curve) in zip(panels, curves) {
            text += draw(panel, top, span, users, names.count)
            text += waiting(curve, most, top + Self.curveTop)
            top += Self.panelHeight
        }
        return text + legend(names, top) + "</svg>\n"
    }

    /// First submission and last end of all panels, microseconds.
    private var span: ClosedRange<Int64> {
        let first = panels.flatMap { $0.run.jobs.first.map { [$0.submitted.microseconds] } ?? [] }.min() ?? 0
        let last = panels.flatMap { $0.run.results.compactMap(\.ended) }.max() ?? first
        return first...max(last, first + 1)
    }

    /// For each job the number of its colour, and what each colour stands for: the users with the most core-seconds, then all others.
    private var palette: (users: [Int32], names: [String]) {
        guard let run = panels.first?.run else { return ([], []) }
        var work: [String: Double] = [:]
        for job in run.jobs {
            work[job.user, default: 0] += Double(job.millicores) * min(job.runTime, job.timeLimit).inSeconds
        }
        let total = max(1, work.values.sorted().reduce(0, +))
        let ranked = work.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
        let shown = ranked.count > Self.colours ? ranked.prefix(Self.colours) : ranked[...]
        var numbers: [String: Int32] = [:]
        for (place, user) in shown.enumerated() { numbers[user.key] = Int32(place) }
        func label(_ name: String, _ part: Double) -> String { "\(name) \(Decimals.text(part * 100, 0))%" }
        var names = shown.map { label($0.key.isEmpty ? "nobody" : String($0.key.prefix(16)), $0.value / total) }
        if ranked.count > shown.count {
            let rest = ranked.dropFirst(shown.count)
            names.append(label("\(rest.count) others", rest.reduce(0) { $0 + $1.value } / total))
        }
        return (run.jobs.map { numbers[$0.user] ?? Int32(shown.count) }, names)
    }
}

// MARK: - Parts

extension SchedulePicture {
    private var opening: String {
        let height = Self.text(Self.head + Double(panels.count) * Self.panelHeight + 44)
        let light = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6bb1", "#b8a000"]
        let dark = ["#4aa3df", "#f0b429", "#2bc299", "#e29ac3", "#8fd0f5", "#f0803c", "#b294d6", "#d6c13a"]
        func rules(_ colours: [String], others: String) -> String {
            colours.enumerated().map { ".c\($0){fill:\($1)}" }.joined() + ".c\(colours.count){fill:\(others)}"
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.text(Self.width)) \(height)" \
            width="\(Self.text(Self.width))" height="\(height)" role="img">
            <title>\(Self.escaped(title))</title>
            <style>
            svg{background:#fff;color:#1f2328;font:13px system-ui,sans-serif}
            text{fill:currentColor}.title{font-size:18px;font-weight:600}.name{font-size:15px;font-weight:600}
            .faint{fill:#59636e;font-size:12px}.end{text-anchor:end}.middle{text-anchor:middle}
            .ground{fill:#f6f8fa}.grid{stroke:#d1d9e0;stroke-width:1}.odd{fill-opacity:.78}.wait{fill:#59636e;fill-opacity:.55}
            \(rules(light, others: "#9aa4ae"))
            @media (prefers-color-scheme:dark){svg{background:#0d1117;color:#f0f6fc}.faint{fill:#9198a1}
            .ground{fill:#151b23}.grid{stroke:#3d444d}.wait{fill:#9198a1}
            \(rules(dark, others: "#6e7781"))}
            </style>

            """
    }

    private func draw(
        _ panel: Panel, _ top: Double, _ span: ClosedRange<Int64>, _ users: [Int32], _ userCount: Int
    ) -> String {
        let plot = top + 30
        var text = label(panel.policy, Self.margin, top + 18, "name")
        text += label(Self.words(panel.figures), Self.margin + Self.plotWidth, top + 18, "end")
        text += box(plot, Self.plotHeight)
        text += jobs(panel.run, plot, span, users, userCount)
        let curve = top + Self.curveTop
        text += box(curve, Self.curveHeight)
        let marks = [
            ("0", plot + 10), ("cores", plot + 26), ("\(panel.run.cores)", plot + Self.plotHeight),
            ("waiting", curve + 24),
        ]
        for (word, y) in marks { text += label(word, Self.margin - 6, y, "faint end") }
        return text + axis(from: plot, to: curve + Self.curveHeight, span)
    }

    private static func words(_ figures: SimulationFigures) -> String {
        [
            "used \(Decimals.text(figures.utilisation * 100, 1))%", "mean wait \(Decimals.span(figures.meanWait))",
            "95% below \(Decimals.span(figures.wait95))",
            "mean bounded slowdown \(Decimals.text(figures.meanSlowdown, 2))",
            "fairness \(Decimals.text(figures.fairness, 2))",
            "fragmented \(Decimals.text(figures.fragmentation * 100, 1))%",
        ].joined(separator: " · ")
    }

    private func box(_ top: Double, _ height: Double) -> String {
        "<rect class=\"ground\" x=\"\(Self.text(Self.margin))\" y=\"\(Self.text(top))\" width=\"\(Self.text(Self.plotWidth))\" "
            + "height=\"\(Self.text(height))\"/>\n"
    }

    private func jobs(
        _ run: SimulatedRun, _ top: Double, _ span: ClosedRange<Int64>, _ users: [Int32], _ userCount: Int
    ) -> String {
        let budget = Self.mostBytes / max(1, panels.count)
        var drawn: (grid: PictureGrid, paths: [[String]])?
        for size in Self.grids {
            let rows = max(1, Int(Double(min(run.cores, 240)) * size.rows))
            let grid = PictureGrid(
                run, users: users, from: span.lowerBound, to: span.upperBound, columns: size.columns, rows: rows)
            let paths = grid.paths(users: users, userCount: max(1, userCount))
            drawn = (grid, paths)
            if paths.joined().reduce(0, { $0 + $1.utf8.count }) <= budget { break }
        }
        guard let (grid, paths) = drawn else { return "" }
        let across = Decimals.text(Self.plotWidth / Double(grid.columns), 6)
        let down = Decimals.text(Self.plotHeight / Double(grid.rows), 6)
        var text =
            "<g transform=\"translate(\(Self.text(Self.margin)) \(Self.text(top))) scale(\(across) \(down))\" "
            + "shape-rendering=\"crispEdges\">\n"
        for (user, shades) in paths.enumerated() {
            for (shade, path) in shades.enumerated() where !path.isEmpty {
                text += "<path class=\"c\(user)\(shade == 0 ? "" : " odd")\" d=\"\(path)\"/>\n"
            }
        }
        return text + "</g>\n"
    }

    /// The cores that those wanted who waited; full height is the most that any of the policies had at a time.
    private func waiting(_ curve: WaitingCurve, _ most: Double, _ top: Double) -> String {
        let bottom = top + Self.curveHeight
        let step = Self.plotWidth / Double(max(1, curve.cores.count))
        var path = "M\(Self.text(Self.margin)) \(Self.text(bottom))"
        var height = 0.0
        for (column, cores) in curve.cores.enumerated() where most > 0 {
            let next = (cores / most * Self.curveHeight * 10).rounded() / 10
            guard next != height else { continue }
            height = next
            path += "H\(Self.text(Self.margin + Double(column) * step))V\(Self.text(bottom - height))"
        }
        path += "H\(Self.text(Self.margin + Self.plotWidth))V\(Self.text(bottom))z"
        let own = Decimals.text(curve.cores.max() ?? 0, 0)
        let words = own == "0" ? "nobody waited" : "at most \(own) cores wanted by those who waited"
        return "<path class=\"wait\" d=\"\(path)\"/>\n" + label(words, Self.margin + 6, top + 13, "faint")
    }

    private func axis(from top: Double, to bottom: Double, _ span: ClosedRange<Int64>) -> String {
        let seconds = Double(span.upperBound - span.lowerBound) / 1_000_000
        let (step, unit, divisor) = Self.tick(seconds)
        var text = ""
        var at = 0.0
        while at <= seconds * 1.0001 {
            let x = Self.margin + at / seconds * Self.plotWidth
            text += "<path class=\"grid\" d=\"M\(Self.text(x)) \(Self.text(top))V\(Self.text(bottom + 4))\"/>\n"
            text += label("\(Decimals.text(at / divisor, 0)) \(unit)", x, bottom + 18, "faint middle")
            at += step
        }
        return text
    }

    /// Between marks of time, in seconds; what they are counted in; and how many seconds that has.
    private static func tick(_ seconds: Double) -> (step: Double, unit: String, divisor: Double) {
        let units: [(String, Double, [Double])] = [
            ("s", 1, [1, 2, 5, 10, 20, 30]), ("min", 60, [1, 2, 5, 10, 20, 30]), ("h", 3_600, [1, 2, 4, 6, 12]),
            ("d", 86_400, [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000]),
        ]
        for (unit, divisor, steps) in units {
            for step in steps where seconds / (step * divisor) <= 13 { return (step * divisor, unit, divisor) }
        }
        return (seconds / 10, "d", 86_400)
    }

    private func legend(_ names: [String], _ top: Double) -> String {
        var text = label("users:", Self.margin, top + 18, "faint")
        let step = (Self.plotWidth - 48) / Double(Self.colours + 1)
        for (place, name) in names.enumerated() {
            let x = Self.margin + 48 + Double(place) * step
            let corner = "x=\"\(Self.text(x))\" y=\"\(Self.text(top + 8))\""
            text += "<rect class=\"c\(place)\" \(corner) width=\"11\" height=\"11\"/>\n"
            text += label(name, x + 16, top + 18, "faint")
        }
        return text
    }

    private func label(_ words: String, _ x: Double, _ y: Double, _ kind: String) -> String {
        "<text x=\"\(Self.text(x))\" y=\"\(Self.text(y))\" class=\"\(kind)\">\(Self.escaped(words))</text>\n"
    }

    /// A coordinate, as short as it can be.
    private static func text(_ value: Double) -> String {
        value == value.rounded() ? Decimals.text(value, 0) : Decimals.text(value, 1)
    }

    /// Names out of a trace are anybody's: nothing of them is mark-up, and what XML does not allow becomes U+FFFD.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\u{0}"..<"\u{20}", "\u{7f}"..<"\u{a0}", "\u{fffe}", "\u{ffff}": escaped += "\u{fffd}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
