@testable import PanalClient
import Testing

@Suite("Server-sent events") struct EventReaderTests {
    typealias Event = EventReader.Event

    /// What comes, and the events in it.
    static let streams: [(String, [Event])] = [
        ("data: a\n\n", [Event(data: "a")]),
        (
            "event: output\nid: 5\ndata: {\"text\": \"x\"}\n\n",
            [Event(name: "output", id: "5", data: "{\"text\": \"x\"}")]
        ),
        ("data:a\r\ndata: b\r\n\r\ndata\n\n", [Event(data: "a\nb"), Event(data: "")]),
        (": heartbeat\n\n: again\n\ndata: ä\r\r", [Event(data: "ä")]),
        ("retry: 10\n\nevent: end\n\n", [Event(name: "end")]),
        ("data: not ended\n", []), ("", []), ("\n\n\n", []),
    ]

    /// However it is cut.
    @Test(arguments: streams.indices) func everyCut(place: Int) throws {
        let (text, events) = Self.streams[place]
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            var reader = EventReader()
            #expect(try reader.take(bytes[..<cut]) + reader.take(bytes[cut...]) == events, "cut at \(cut)")
        }
    }

    @Test func aLineWithoutEndIsRefused() throws {
        var reader = EventReader()
        let block = [UInt8](repeating: 120, count: 1 << 20)
        #expect(throws: ClientFailure.self) { for _ in 0..<9 { _ = try reader.take(block) } }
    }
}
