import PanalCore
import PanalService

/// A run's use of one thing over time as a drawing: steps, since each value is of the time between two looks.
struct UsageGraph: Sendable {
    /// Of the drawing, in its own units.
    static let width = 600
    static let height = 120

    /// Each a moment in microseconds since the beginning, and the value up to it.
    let steps: [(to: Int64, value: Double)]
    /// What the drawing's height stands for: more than what is there where the limit is not reached by far.
    let top: Double

    init(_ steps: [(to: Int64, value: Double)], limit: Double) {
        self.steps = steps
        let highest = steps.map(\.value).max() ?? 0
        // Of a limit that is far away nothing would be seen but a line on the ground.
        top = max(min(limit, highest * 4), highest, .leastNonzeroMagnitude)
    }

    /// Data of an SVG path.
    var line: String { path(isClosed: false) }
    var area: String { path(isClosed: true) }

    private func path(isClosed: Bool) -> String {
        guard let end = steps.last?.to, end > 0 else { return "" }
        var text = isClosed ? "M0 \(Self.height)" : ""
        var x = 0
        for step in steps {
            let y = Self.height - Int((step.value / top * Double(Self.height - 4)).rounded())
            text += text.isEmpty ? "M\(x) \(y)" : "\(isClosed || x > 0 ? "V" : "M0 ")\(y)"
            x = Int((Double(step.to) / Double(end) * Double(Self.width)).rounded())
            text += "H\(x)"
        }
        return isClosed ? text + "V\(Self.height)Z" : text
    }
}

extension JobPages {
    /// Drawings of what a job uses while it runs, and after its end as long as they are known; false where there is nothing to draw.
    func graphs(of job: Job, _ principal: Principal, _ wording: Wording) async throws -> Any {
        // Two values are no course of anything.
        guard let parts = try await panal.usageHistory(principal, of: job.id)?.parts, parts.count > 2,
            let last = parts.last,
            let limits = panal.profiles(for: principal).first(where: { $0.profile.name == job.profile })?.profile.limits
        else { return false }
        let t = wording.t
        let memory = { (bytes: Int64) in wording.bytes(Int(bytes)) }
        let span = wording.span(.seconds(last.to / 1_000_000))
        let cores =
            switch limits.cpu {
            case .exclusive(let count): Double(count)
            case .shared(let millicores): Double(millicores) / 1_000
            }
        func graph(
            _ title: String, _ graph: UsageGraph, now: String, highest: String, limit: String, top: String
        ) -> Templates.Values {
            [
                "title": title, "line": graph.line, "area": graph.area, "now": now,
                "about": job.state.isFinal ? t(.graphWas, highest, limit) : t(.graphIs, now, highest, limit),
                "top": top, "span": span, "width": UsageGraph.width, "height": UsageGraph.height,
            ]
        }
        let cpu = UsageGraph(parts.map { ($0.to, $0.cores) }, limit: cores)
        let held = UsageGraph(parts.map { ($0.to, Double($0.memoryBytes)) }, limit: Double(limits.memory))
        let highest = parts.map(\.memoryBytes).max() ?? 0
        return [
            "graphs": [
                graph(
                    t(.graphProcessor), cpu, now: wording.cores(last.cores),
                    highest: wording.cores(parts.map(\.cores).max() ?? 0), limit: wording.cores(cores),
                    top: wording.cores(cpu.top)),
                graph(
                    t(.graphMemory), held, now: memory(last.memoryBytes), highest: memory(highest),
                    limit: memory(Int64(limits.memory)), top: memory(Int64(held.top))),
            ]
        ] as Templates.Values
    }
}

extension Wording {
    /// `0.98 cores`
    func cores(_ count: Double) -> String {
        let hundredths = Int((count * 100).rounded())
        let fraction = hundredths % 100
        let text =
            fraction == 0
            ? String(hundredths / 100) : "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
        return hundredths == 100 ? t(.oneCore) : t(.cores, decimal(text))
    }
}
