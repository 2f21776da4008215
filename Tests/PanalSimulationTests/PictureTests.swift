import PanalCore
import PanalScheduler
@testable import PanalSimulation
import Testing

@Suite struct PictureTests {
    private static func picture(
        _ jobs: [TraceJob], on hosts: String, _ policies: [String], title: String = "load"
    ) throws -> String {
        let panels = try policies.map { name in
            let run = try replay(jobs, on: hosts, name)
            return SchedulePicture.Panel(policy: name, run: run, figures: SimulationFigures(run))
        }
        return SchedulePicture(title: title, subtitle: "", panels: panels).svg
    }

    /// What keeps a text from being an XML document of nested elements with quoted attributes; empty when nothing does.
    private static func faults(_ text: String) -> [String] {
        var faults: [String] = []
        var open: [Substring] = []
        var rest = Substring(text)
        while let start = rest.firstIndex(of: "<") {
            let between = rest[..<start]
            for (place, _) in between.enumerated().filter({ $0.element == "&" }) {
                let entity = between.dropFirst(place).prefix { $0 != ";" }
                if !["&amp", "&lt", "&gt", "&quot"].contains(entity) { faults.append("a bare & in ‘\(between)’") }
            }
            if between.contains(">") { faults.append("a bare > in ‘\(between.prefix(40))’") }
            guard let end = rest[start...].firstIndex(of: ">") else { return faults + ["an open tag"] }
            let tag = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("/") {
                if open.popLast() != tag.dropFirst() { faults.append("</\(tag)> closes another element") }
                continue
            }
            let body = tag.hasSuffix("/") ? tag.dropLast() : tag
            let name = body.prefix { $0 != " " }
            if body.dropFirst(name.count).split(separator: "\"", omittingEmptySubsequences: false).count % 2 == 0 {
                faults.append("unpaired quotes in <\(tag.prefix(60))>")
            }
            if body.contains("<") { faults.append("< in a tag: \(body.prefix(60))") }
            if !tag.hasSuffix("/") { open.append(name) }
            if open.isEmpty { faults.append("<\(name)> outside of the document's element") }
        }
        if !open.isEmpty { faults.append("never closed: \(open)") }
        return faults
    }

    /// Cells of the grid that the paths of jobs fill.
    private static func filled(_ svg: String) -> Int {
        svg.split(separator: "\n").filter { $0.hasPrefix("<path class=\"c") }.reduce(0) { sum, line in
            line.split(separator: "M").dropFirst().reduce(sum) { sum, piece in
                let words = piece.split { "hvz ".contains($0) }
                return sum + (Int(words[2]) ?? 0) * (Int(words[3]) ?? 0)
            }
        }
    }

    @Test func theCheckItselfFindsFaults() {
        for bad in ["<a>", "<a></b>", "<a>&</a>", "<a b=\"></a>", "<a>x > y</a>", "<a/>"] {
            #expect(!Self.faults(bad).isEmpty)
        }
        #expect(Self.faults("<a b=\"c\"><d/>x &lt; y</a>\n").isEmpty)
    }

    @Test func aRealLoadIsASmallWellFormedPicture() throws {
        let jobs = Array(try cutOfHPC2N().jobs.prefix(300))
        let names = ["panal", "fcfs", "random"]
        let svg = try Self.picture(jobs, on: "120x2", names, title: "hpc2n")
        #expect(Self.faults(svg) == [])
        #expect(svg.utf8.count < 200_000)
        #expect(svg.contains("prefers-color-scheme:dark") && svg.contains("<title>hpc2n</title>"))
        for name in names { #expect(svg.contains("class=\"name\">\(name)</text>")) }
        #expect(try Self.picture(jobs, on: "120x2", names, title: "hpc2n") == svg)
    }

    @Test func whatIsFilledIsWhatWasUsed() throws {
        // Half of two cores × 100 s, in three rectangles of two users.
        let jobs = [
            job("A", at: 0, run: 50, user: "a"), job("B", at: 50, run: 25, user: "a"),
            job("C", at: 75, run: 25, user: "b"),
        ]
        let svg = try Self.picture(jobs, on: "1x2", ["fcfs"])
        #expect(Self.filled(svg) == 960)
        #expect(svg.components(after: "<path class=\"c0").count == 2, "a has an even and an odd job")
        #expect(svg.components(after: "<path class=\"c1").count == 1)
        #expect(svg.contains("0 s") && svg.contains("100 s"))
    }

    @Test func manyTinyJobsAreFewRectangles() throws {
        let jobs = (0..<20_000).map { job("\($0)", at: $0, run: 1, user: "u\($0 % 3)") }
        let svg = try Self.picture(jobs, on: "1x1", ["fcfs"])
        #expect(Self.filled(svg) == 960)
        #expect(svg.utf8.count < 40_000)
    }

    @Test func aScatteredLoadIsDrawnCoarser() throws {
        var generator = SeededGenerator(seed: 3)
        let jobs = (0..<4_000).map {
            job("\($0)", at: $0 * 3, run: Int.random(in: 1...900, using: &generator), user: "u\($0 % 11)")
        }
        let svg = try Self.picture(jobs, on: "256x1", ["random", "fcfs"])
        #expect(Self.faults(svg) == [])
        #expect(svg.utf8.count < 200_000)
        #expect(svg.contains("3 others"))
    }

    @Test func namesAreNoMarkUp() throws {
        let name = "<script>&\"'\u{1}\u{85}"
        let svg = try Self.picture([job("A", at: 0, run: 5, user: name)], on: "1x1", ["fcfs"], title: name)
        #expect(Self.faults(svg) == [])
        #expect(!svg.contains("<script") && !svg.unicodeScalars.contains("\u{1}"))
        #expect(svg.contains("&lt;script&gt;&amp;&quot;'\u{fffd}\u{fffd}"))
    }

    @Test func anEmptyLoadIsAPictureToo() throws {
        #expect(Self.faults(try Self.picture([], on: "1x1", ["fcfs"])) == [])
        #expect(Self.faults(try Self.picture([job("A", at: 0, run: 0, limit: 1)], on: "1x1", ["fcfs"])) == [])
    }

    /// The picture that the README shows.
    @Test func thePictureOfTheREADMEIsWellFormedAndSmall() throws {
        let bytes = try resource("Pictures/hpc2n.svg")
        #expect(bytes.count < 200_000)
        let svg = String(decoding: bytes, as: UTF8.self)
        #expect(Self.faults(svg) == [])
        #expect(svg.contains("Acknowledge: Ake Sandgren"))
    }
}

extension String {
    fileprivate func components(after mark: String) -> [Substring] {
        self.split(separator: "\n").filter { $0.hasPrefix(mark) }
    }
}
