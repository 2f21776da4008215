import NIOCore

/// Takes server-sent events (WHATWG) apart, whatever pieces they come in.
package struct EventReader {
    package struct Event: Hashable, Sendable {
        package var name = "message"
        package var id: String?
        package var data = ""
    }

    private var line: [UInt8] = []
    private var event = Event()
    private var hasData = false
    /// A line feed that belongs to the carriage return before it.
    private var skipsLineFeed = false
    /// More than any event has.
    private static let largestLine = 8 << 20

    package init() {}

    /// The events that these bytes complete. Throws `misunderstood` for a line without end.
    package mutating func take(_ bytes: some Sequence<UInt8>) throws(ClientFailure) -> [Event] {
        var events: [Event] = []
        for byte in bytes {
            if byte == 10, skipsLineFeed {
                skipsLineFeed = false
                continue
            }
            skipsLineFeed = byte == 13
            guard byte == 10 || byte == 13 else {
                guard line.count < Self.largestLine else { throw .notUnderstood("an event has no end") }
                line.append(byte)
                continue
            }
            if let event = endLine() { events.append(event) }
        }
        return events
    }

    private mutating func endLine() -> Event? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else {
            defer {
                event = Event()
                hasData = false
            }
            return hasData || event.name != "message" ? event : nil
        }
        guard line[0] != UInt8(ascii: ":") else { return nil }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = colon < line.endIndex ? line[(colon + 1)...] : []
        if value.first == 32 { value = value.dropFirst() }
        let text = String(decoding: value, as: UTF8.self)
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "event": event.name = text
        case "id": event.id = text
        case "data":
            event.data += hasData ? "\n" + text : text
            hasData = true
        default: break
        }
        return nil
    }
}
