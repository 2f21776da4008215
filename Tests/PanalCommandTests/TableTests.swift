import PanalClient
import PanalCore
import Testing

@testable import panal

@Suite("Tables and widths") struct TableTests {
    static var table: Table {
        var table = Table([
            .fixed("id"), .flexible("label"), .number("took"), .fixed("profile").optional, .fixed("note").optional,
        ])
        table.add(["01", "a short one", "3 ms", "small", ""])
        table.add(["02", "one with a very long label indeed", "1.25 s", "medium", ""])
        return table
    }

    @Test func aPipeGetsItAllWithTabs() {
        #expect(Self.table.text(width: nil).hasPrefix("01\ta short one\t3 ms\tsmall\t\n"))
    }

    @Test func withRoomAllIsShownButEmptyColumns() {
        let expected = """
            ID  LABEL                                TOOK  PROFILE
            01  a short one                          3 ms  small
            02  one with a very long label indeed  1.25 s  medium

            """
        #expect(Self.table.text(width: 100) == expected)
    }

    @Test func withLessRoomFlexibleOnesAreCutThenOptionalOnesLeftOut() {
        #expect(Self.table.text(width: 40).contains("02  one with a very lo…  1.25 s  medium\n"))
        #expect(Self.table.text(width: 24).contains("02  one with a …  1.25 s\n"))
    }

    /// No width makes it fail, and nothing is wider than it may be as long as the least fits.
    @Test func everyWidth() {
        for width in 0...120 {
            let lines = Self.table.text(width: width).split(separator: "\n").map(String.init)
            #expect(lines.count == 3)
            if width >= 20 { #expect(lines.allSatisfy { TextWidth.of($0) <= width }) }
        }
    }

    @Test(arguments: [
        ("", 0), ("año", 3), ("蜂蜜", 4), ("e\u{301}", 1), ("🐝", 2), ("👩‍👩‍👧", 2), ("❤️", 2), ("\u{200B}", 0),
    ]) func widths(text: String, width: Int) { #expect(TextWidth.of(text) == width) }

    @Test func cuttingCountsColumns() {
        #expect(TextWidth.cut("蜂蜜蜂蜜", to: 5) == "蜂蜜…")
        #expect(TextWidth.cut("蜂蜜蜂蜜", to: 4) == "蜂…")
        #expect(TextWidth.cut("abc", to: 3) == "abc" && TextWidth.cut("abcd", to: 0) == "")
    }

    /// A program's label must not move the cursor or clear the screen of whoever lists it.
    @Test(arguments: ["a\u{1b}[2Jb", "a\rb", "a\nb", "a\u{9b}2Jb", "a\u{202E}b", "a\u{7f}b"])
    func nothingThatATerminalObeys(text: String) {
        var table = Table([.fixed("x")])
        table.add([text])
        var details = Details()
        details.add("x", text)
        for shown in [table.text(width: 80), table.text(width: nil), details.text()] {
            #expect(
                !shown.dropLast().unicodeScalars.contains {
                    $0.value < 32 && $0.value != 10 || (0x7F...0x9F).contains($0.value) || $0.value == 0x202E
                })
        }
        #expect(table.text(width: nil).filter { $0 == "\n" }.count == 1)
    }
}

@Suite("Progress, times, and what a job came to") struct TextTests {
    @Test func progressFitsEveryWidth() {
        for width in 10...200 {
            for total in [nil, 0, 1_000, 5 << 30] {
                for done in [0, 1, 999, 5 << 30] {
                    let line = ProgressLine(label: "una-imagen-muy-grande.png", done: done, total: total, elapsed: 3)
                        .text(width: width)
                    #expect(TextWidth.of(line) < width)
                }
            }
        }
    }

    @Test func progressSaysHowFarHowFastAndHowLong() {
        let line = ProgressLine(label: "foto.png", done: 25 << 20, total: 100 << 20, elapsed: 5).text(width: 100)
        #expect(line == "foto.png  ███████░░░░░░░░░░░░░░░░░░░░░░░   25%  25 MiB of 100 MiB  5 MiB/s  0:15 left")
        // On a narrow terminal figures are left out whole, not cut.
        let narrow = ProgressLine(label: "una-imagen-muy-grande.png", done: 25 << 20, total: 100 << 20, elapsed: 5)
        #expect(narrow.text(width: 40) == "una-imagen-muy-grande…   25%  0:15 left")
        // What was there before says nothing of the speed.
        let resumed = ProgressLine(label: "f", done: 60, total: 100, elapsed: 10, begun: 50).text(width: 80)
        #expect(resumed.hasSuffix("60%  60 bytes of 100 bytes  1 bytes/s  0:40 left"))
    }

    @Test(arguments: [(0.0, "0s"), (59.9, "59s"), (60, "1m"), (7_300, "2h"), (200_000, "2d")]) func spans(
        seconds: Double, text: String
    ) {
        #expect(Humane.span(seconds) == text)
    }

    @Test(arguments: [(0.0031, "3 ms"), (1.253, "1.25 s"), (125, "2:05 min"), (3_725, "1:02:05 h")]) func durations(
        seconds: Double, text: String
    ) {
        #expect(Humane.duration(seconds) == text)
    }

    /// As the server writes outcomes, and the code that each becomes; the same table as for cells without a server.
    static let outcomes: [(Outcome, JSONValue)] = [
        (.exited(code: 7), ["type": "exited", "code": 7]),
        (.signalled(signal: 11), ["type": "signalled", "signal": 11]),
        (.cpuTimeExceeded, ["type": "cpuTimeExceeded"]), (.wallTimeExceeded, ["type": "wallTimeExceeded"]),
        (.memoryExceeded, ["type": "memoryExceeded"]), (.outputExceeded, ["type": "outputExceeded"]),
        (.syscallDenied, ["type": "syscallDenied"]), (.cancelled, ["type": "cancelled"]),
        (.notStarted(reason: "x"), ["type": "notStarted"]),
        (.systemError(SystemError(step: "clone", errno: 1, detail: "")), ["type": "systemError"]),
    ]

    @Test(arguments: outcomes.indices) func exitCodes(place: Int) {
        let (outcome, document) = Self.outcomes[place]
        #expect(ExitStatus.of(job: ["state": "finished", "outcome": document]) == ExitStatus.of(outcome))
    }

    @Test func aJobWithoutAnOutcomeIsNoSuccess() {
        #expect(ExitStatus.of(job: ["state": "failed"]) == 125)
        #expect(ExitStatus.of(job: ["state": "cancelled"]) == 130)
        #expect(ExitStatus.of(job: [:]) == 125)
    }

    @Test(arguments: ["../a", "/a", "a/../b", "a//b", "./a", "", "a/", "a\0b"]) func pathsThatLeadOut(path: String) {
        #expect(throws: ClientFailure.self) { try JobDownloadCommand.place(of: path, in: "here") }
    }

    @Test func pathsThatDoNot() throws {
        #expect(try JobDownloadCommand.place(of: "a/b..c/.d", in: "here") == "here/a/b..c/.d")
    }
}
