import FoundationEssentials
import PanalCore
import PanalService

/// The states of a job as they come. An event's id is its number, from 1.
struct LiveStates: LiveSource {
    let panal: Panal
    let principal: Principal
    let job: JobID
    /// How many the client has.
    var told: Int

    mutating func next() async throws -> [ServerEvent] {
        let news = try await panal.history(principal, job).dropFirst(told)
        return news.map { event in
            told += 1
            return ServerEvent(name: "state", id: told, data: Documents.event(event))
        }
    }

    func end() async throws -> ServerEvent {
        ServerEvent(name: "end", data: Documents.job(try await panal.job(principal, job)))
    }
}

/// What changes on a job's page: its states, and both of its streams.
struct LivePage: LiveSource {
    let panal: Panal
    let principal: Principal
    let job: JobID
    /// Bytes that the page shows the end of.
    var told: [OutputStream: Int]
    private var states: Int?

    init(panal: Panal, principal: Principal, job: JobID, told: [OutputStream: Int]) {
        self.panal = panal
        self.principal = principal
        self.job = job
        self.told = told
    }

    /// Bytes of one event. A page shows the end of a stream: of what is further behind only so much is told.
    private static let pieceBytes = 65_536

    mutating func next() async throws -> [ServerEvent] {
        var news: [ServerEvent] = []
        let count = try await panal.history(principal, job).count
        if states != count { news.append(ServerEvent(name: "state", data: ["events": .integer(count)])) }
        states = count
        for stream in [OutputStream.output, .error] {
            let name = JSONValue.string(stream.rawValue)
            var from = told[stream] ?? 0
            let bytes = try await panal.output(principal, job, stream: stream)
            if from > bytes.size {
                // An attempt that is made again begins its output again.
                told[stream] = 0
                news.append(ServerEvent(name: "reset", data: ["stream": name]))
                continue
            }
            let isBehind = bytes.size - from > Self.pieceBytes
            if isBehind { from = bytes.size - Self.pieceBytes }
            var piece = try await bytes.narrowed(to: from..<bytes.size).all()
            if isBehind {
                // Not in the middle of a character.
                let rest = piece.prefix(3).prefix { $0 & 0xC0 == 0x80 }.count
                piece.removeFirst(rest)
                from += rest
            }
            piece.removeLast(LiveOutput.unfinished(piece))
            guard !piece.isEmpty else { continue }
            told[stream] = from + piece.count
            news.append(
                ServerEvent(
                    name: "output",
                    data: [
                        "stream": name, "from": .integer(from), "to": .integer(from + piece.count),
                        "text": .string(String(decoding: piece, as: UTF8.self)),
                    ]))
        }
        return news
    }

    func end() async throws -> ServerEvent {
        ServerEvent(name: "end", data: ["state": .string(try await panal.job(principal, job).state.rawValue)])
    }
}

/// What a job writes to a stream as it comes. An event's id is the number of bytes up to its end, so that a client goes on at the byte
/// at which its connection broke.
struct LiveOutput: LiveSource {
    let panal: Panal
    let principal: Principal
    let job: JobID
    let stream: OutputStream
    /// Bytes that the client has.
    var told: Int
    private var isOver = false

    /// Bytes of one event.
    private static let pieceBytes = 16_384

    init(panal: Panal, principal: Principal, job: JobID, stream: OutputStream, told: Int) {
        self.panal = panal
        self.principal = principal
        self.job = job
        self.stream = stream
        self.told = told
    }

    mutating func next() async throws -> [ServerEvent] {
        // Asked for before the bytes: what a job in its final state has written is all there.
        let isFinal = try await panal.job(principal, job).state.isFinal
        let bytes = try await panal.output(principal, job, stream: stream)
        if told > bytes.size {
            // An attempt that is made again begins its output again.
            told = 0
            return [ServerEvent(name: "reset", id: 0, data: ["bytes": 0])]
        }
        let end = min(bytes.size, told + Self.pieceBytes)
        var piece = try await bytes.narrowed(to: told..<end).all()
        if !isFinal || end < bytes.size { piece.removeLast(Self.unfinished(piece)) }
        guard !piece.isEmpty else { return [] }
        told += piece.count
        let text = String(validating: piece, as: UTF8.self)
        return [
            ServerEvent(
                name: "output", id: told,
                data: text.map { ["text": .string($0)] } ?? ["base64": .string(Data(piece).base64EncodedString())])
        ]
    }

    func end() async throws -> ServerEvent {
        let job = try await panal.job(principal, job)
        let state = stream == .output ? job.output : job.error
        return ServerEvent(
            name: "end", id: told,
            data: [
                "bytes": .integer(state.bytes), "truncated": .boolean(state.truncated),
                "state": .string(job.state.rawValue),
            ])
    }

    /// Bytes at the end that begin a character of UTF-8 whose rest has not come yet.
    static func unfinished(_ bytes: [UInt8]) -> Int {
        for (behind, byte) in bytes.suffix(3).reversed().enumerated() where byte & 0b1100_0000 != 0b1000_0000 {
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > behind + 1 && byte <= 0xF4 ? behind + 1 : 0
        }
        return 0
    }
}
