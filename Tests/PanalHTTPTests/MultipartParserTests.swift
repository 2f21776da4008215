import NIOCore
import PanalHTTP
import Testing

@Suite("The multipart parser") struct MultipartParserTests {
    /// All events of a body that comes in pieces of `size` bytes, the bytes of each part put together.
    static func read(
        _ body: String, boundary: String = "b", size: Int, limits: MultipartParser.Limits = .init()
    ) throws -> [(MultipartPart, [UInt8])] {
        var parser = try MultipartParser(boundary: boundary, limits: limits)
        var parts: [(MultipartPart, [UInt8])] = []
        var isOpen = false
        let bytes = Array(body.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            parser.feed(ByteBuffer(bytes: bytes[start..<min(bytes.count, start + size)]))
            while let event = try parser.next() {
                switch event {
                case .began(let part):
                    #expect(!isOpen)
                    isOpen = true
                    parts.append((part, []))
                case .bytes(let piece):
                    #expect(isOpen && piece.readableBytes > 0)
                    parts[parts.count - 1].1 += Array(piece.readableBytesView)
                case .ended:
                    #expect(isOpen)
                    isOpen = false
                }
            }
        }
        try parser.finish()
        return parts
    }

    static func part(_ disposition: String, _ content: String, more: String = "") -> String {
        "--b\r\nContent-Disposition: \(disposition)\r\n\(more)\r\n\(content)\r\n"
    }

    /// Bodies that are right, and what is in them.
    static let right: [(String, [(MultipartPart, String)])] = [
        // One text.
        (part("form-data; name=\"a\"", "1") + "--b--", [(MultipartPart(name: "a"), "1")]),
        // Nothing at all: a form without fields.
        ("--b--\r\n", []),
        // Something before the first boundary and after the last.
        ("preamble\r\n" + part("form-data; name=\"a\"", "1") + "--b--\r\nepilogue", [(MultipartPart(name: "a"), "1")]),
        // An empty part, then another.
        (
            part("form-data; name=\"a\"", "") + part("form-data; name=\"c\"", "2") + "--b--",
            [(MultipartPart(name: "a"), ""), (MultipartPart(name: "c"), "2")]
        ),
        // Content that looks like the beginning of a boundary, again and again.
        (
            part("form-data; name=\"a\"", "\r\n--\r\n-\r\r\n--c\r\n\r\n--") + "--b--",
            [(MultipartPart(name: "a"), "\r\n--\r\n-\r\r\n--c\r\n\r\n--")]
        ),
        // A file with its type and blanks after the boundary.
        (
            "--b \t\r\nContent-Type: image/PNG; x=y\r\n"
                + "content-disposition: form-data; filename=\"ä.png\"; name=a\r\n\r\n1\r\n--b--",
            [(MultipartPart(name: "a", fileName: "ä.png", mediaType: "image/png"), "1")]
        ),
        // Names as browsers write quotation marks, and as curl does.
        (
            part("form-data; name=\"a\"; filename=\"x%22y%0D%0A.png\"", "1") + "--b--",
            [(MultipartPart(name: "a", fileName: "x\"y\r\n.png"), "1")]
        ),
        (
            part("form-data; name=\"a\"; filename=\"x\\\"y\\\\z\\q.png\"", "1") + "--b--",
            [(MultipartPart(name: "a", fileName: "x\"y\\z\\q.png"), "1")]
        ),
        // The other spelling of names wins.
        (
            part("form-data; name=\"a\"; filename=\"x\"; filename*=UTF-8''na%C3%AFve", "1") + "--b--",
            [(MultipartPart(name: "a", fileName: "naïve"), "1")]
        ),
    ]

    /// Contents of the delimiter's own bytes, in each order: what is passed over by steps is never the delimiter.
    @Test func contentOfABoundarysOwnBytes() throws {
        let alphabet: [[UInt8]] = [[13], [10], [45], [98], [97], Array("\r\n--bab".utf8), Array("\r\n--ba".utf8)]
        var generator = SystemRandomNumberGenerator()
        for turn in 0..<400 {
            var content = (0..<(turn % 60)).flatMap { _ in alphabet.randomElement(using: &generator) ?? [] }
            while let place = content.firstRange(of: Array("\r\n--babb".utf8)) { content.remove(at: place.lowerBound) }
            // Together with the line end before it, what comes next could make one.
            if content.starts(with: Array("--babb".utf8)) { content.removeFirst() }
            let head = Array("--babb\r\nContent-Disposition: form-data; name=a; filename=f\r\n\r\n".utf8)
            let body = head + content + Array("\r\n--babb--".utf8)
            for size in [1, 5, 8, 1_000] {
                var parser = try MultipartParser(boundary: "babb")
                var read: [UInt8] = []
                for start in stride(from: 0, to: body.count, by: size) {
                    parser.feed(ByteBuffer(bytes: body[start..<min(body.count, start + size)]))
                    while let event = try parser.next() {
                        if case .bytes(let piece) = event { read += Array(piece.readableBytesView) }
                    }
                }
                try parser.finish()
                #expect(read == content, "pieces of \(size)")
            }
        }
    }

    @Test(arguments: [1, 2, 3, 7, 64, 4_096]) func theCutsOnTheWayChangeNothing(size: Int) throws {
        for (body, expected) in Self.right {
            let found = try Self.read(body, size: size)
            #expect(found.map(\.0) == expected.map(\.0))
            #expect(found.map { String(decoding: $0.1, as: UTF8.self) } == expected.map(\.1))
        }
    }

    /// Bodies that are wrong, and a word of what is said of them.
    static let wrong: [(String, String)] = [
        // Cut off: before, inside and after a part.
        ("", "never comes"),
        ("--", "never comes"),
        ("--b", "cut off"),
        ("--b\r\n", "cut off"),
        (part("form-data; name=\"a\"", "1"), "cut off"),
        (part("form-data; name=\"a\"", "1") + "--b", "cut off"),
        // Another boundary than the one that was announced.
        ("--c\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--c--", "never comes"),
        // Something directly after the boundary.
        ("--bb\r\n", "line end"),
        ("--b\nContent-Disposition: form-data; name=\"a\"\n\n1\n--b--", "line end"),
        // No headers, no name, no disposition, another disposition.
        ("--b\r\n\r\n1\r\n--b--", "no Content-Disposition"),
        ("--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--", "no Content-Disposition"),
        (part("form-data", "1") + "--b--", "no name"),
        (part("attachment; name=\"a\"", "1") + "--b--", "not form-data"),
        // A header line without a colon, or with nothing before it.
        (part("form-data; name=\"a\"", "1", more: "nonsense\r\n") + "--b--", "without a name"),
        (part("form-data; name=\"a\"", "1", more: ": x\r\n") + "--b--", "without a name"),
        // The same header or parameter twice.
        (part("form-data; name=\"a\"", "1", more: "Content-Disposition: form-data; name=\"c\"\r\n") + "--b--", "two"),
        (part("form-data; name=\"a\"; name=\"c\"", "1") + "--b--", "twice"),
        // A quotation mark that stays open.
        (part("form-data; name=\"a", "1") + "--b--", "open quotation mark"),
        // Parts in a part, and content that is encoded.
        (
            part("form-data; name=\"a\"", "1", more: "Content-Type: multipart/mixed; boundary=c\r\n") + "--b--",
            "parts of its own"
        ),
        (part("form-data; name=\"a\"", "1", more: "Content-Transfer-Encoding: base64\r\n") + "--b--", "base64"),
        // A NUL in the headers.
        (part("form-data; name=\"a\0\"", "1") + "--b--", "UTF-8"),
    ]

    @Test(arguments: [1, 5, 4_096]) func whatIsWrongIsSaid(size: Int) throws {
        for (body, word) in Self.wrong {
            let mistake = try #require(throws: MultipartMistake.self, "\(body.debugDescription)") {
                try Self.read(body, size: size)
            }
            #expect(mistake.detail.contains(word), "\(body.debugDescription)")
        }
    }

    @Test func limitsHold() throws {
        var limits = MultipartParser.Limits()
        limits.parts = 2
        limits.headerBytes = 100
        limits.preambleBytes = 50
        let part = Self.part("form-data; name=\"a\"", "1")
        let long = String(repeating: "x", count: 200)
        let rows: [(String, String)] = [
            (part + part + part + "--b--", "more than 2 parts"),
            (Self.part("form-data; name=\"\(long)\"", "1") + "--b--", "longer than 100"),
            // Headers that never end.
            ("--b\r\n" + long, "longer than 100"),
            (long + "\r\n" + part + "--b--", "does not begin"),
            ("--b" + String(repeating: " ", count: 400), "blanks without end"),
        ]
        for (body, word) in rows {
            for size in [1, 4_096] {
                let mistake = try #require(throws: MultipartMistake.self) {
                    try Self.read(body, size: size, limits: limits)
                }
                #expect(mistake.detail.contains(word))
            }
        }
    }

    @Test(arguments: ["", String(repeating: "b", count: 71), "a\"b", "a b ", "ä"])
    func boundariesThatTheStandardForbidsAreRefused(boundary: String) {
        #expect(throws: MultipartMistake.self) { try MultipartParser(boundary: boundary) }
    }

    @Test func nothingIsHeldBackButADelimitersLength() throws {
        var parser = try MultipartParser(boundary: "b")
        parser.feed(ByteBuffer(string: "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"))
        while try parser.next() != nil {}
        var out = 0
        for _ in 0..<100 {
            parser.feed(ByteBuffer(repeating: 13, count: 1_000))
            while let event = try parser.next() { if case .bytes(let bytes) = event { out += bytes.readableBytes } }
        }
        #expect(out >= 100_000 - "\r\n--b".utf8.count)
    }

    /// Bodies that are nearly right: bytes changed, left out, doubled and put elsewhere. The parser says what is wrong or reads parts; it
    /// never gives more than it got, and holds no more than a header and a delimiter.
    @Test(arguments: 0..<8) func whatIsNearlyRightDoesNoHarm(seed: Int) throws {
        var random = SplitMix(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        let bodies = (Self.right.map(\.0) + Self.wrong.map(\.0)).map { Array($0.utf8) }.filter { !$0.isEmpty }
        let words = [
            "--b", "\r\n", "--", "\r\n\r\n", "\"", "\\", "%22", ";", "name=", "filename*=UTF-8''", "\0", "--b--",
        ].map {
            Array($0.utf8)
        }
        for _ in 0..<1_500 {
            var body = bodies[random.number(below: bodies.count)]
            for _ in 0...random.number(below: 6) {
                let place = random.number(below: body.count + 1)
                switch random.number(below: 5) {
                case 0: body.insert(contentsOf: words[random.number(below: words.count)], at: place)
                case 1: body.insert(UInt8(random.number(below: 256)), at: place)
                case 2 where place < body.count: body.remove(at: place)
                case 3: body.insert(contentsOf: body[place...].prefix(random.number(below: 40)), at: place)
                case 4: body.removeSubrange(place..<min(body.count, place + random.number(below: 20)))
                default: break
                }
            }
            try Self.bear(body, pieces: 1 + random.number(below: 50))
        }
    }

    private static func bear(_ body: [UInt8], pieces: Int) throws {
        var parser = try MultipartParser(boundary: "b")
        var (given, isOpen) = (0, false)
        do {
            for start in stride(from: 0, to: body.count, by: pieces) {
                parser.feed(ByteBuffer(bytes: body[start..<min(body.count, start + pieces)]))
                while let event = try parser.next() {
                    switch event {
                    case .began:
                        #expect(!isOpen)
                        isOpen = true
                    case .bytes(let bytes):
                        #expect(isOpen && bytes.readableBytes > 0)
                        given += bytes.readableBytes
                    case .ended:
                        #expect(isOpen)
                        isOpen = false
                    }
                }
            }
            try parser.finish()
            #expect(!isOpen)
        } catch {
            #expect(!error.detail.isEmpty)
        }
        #expect(given <= body.count)
    }
}

/// The same numbers each time: what is found once is found again.
private struct SplitMix {
    var state: UInt64

    mutating func number(below limit: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((value ^ (value >> 31)) % UInt64(limit))
    }
}
