import FoundationEssentials
import PanalCore

/// Writes and reads the small documents of each job's rows without a general coder, whose work would be a twelfth of all that a job
/// costs here. What is written is the very text that `JSONText` writes; what does not look like that, since an earlier version or a
/// person wrote it, is read by the general decoder.
extension JSONText {
    static func of(_ usage: ResourceUsage) throws -> String {
        var text = ObjectText()
        text.add("bytesRead", usage.bytesRead)
        text.add("bytesWritten", usage.bytesWritten)
        text.add("cpuSystemMicroseconds", usage.cpuSystemMicroseconds)
        text.add("cpuUserMicroseconds", usage.cpuUserMicroseconds)
        text.add("forcedContextSwitches", usage.forcedContextSwitches)
        text.add("frozenMicroseconds", usage.frozenMicroseconds)
        text.add("maxResidentBytes", usage.maxResidentBytes)
        text.add("outOfMemoryKills", usage.outOfMemoryKills)
        text.add("peakMemoryBytes", usage.peakMemoryBytes)
        text.add("peakProcesses", usage.peakProcesses)
        if let pressure = usage.pressure {
            var part = ObjectText()
            part.add("cpuMicroseconds", pressure.cpuMicroseconds)
            part.add("ioMicroseconds", pressure.ioMicroseconds)
            part.add("memoryMicroseconds", pressure.memoryMicroseconds)
            text.add("pressure", raw: part.finished)
        }
        text.add("throttledMicroseconds", usage.throttledMicroseconds)
        text.add("voluntaryContextSwitches", usage.voluntaryContextSwitches)
        text.add("wallMicroseconds", usage.wallMicroseconds)
        return text.finished
    }

    static func of(_ outcome: Outcome) throws -> String {
        switch outcome {
        case .exited(let code):
            var text = ObjectText()
            text.add("code", code)
            text.add("type", outcome.word)
            return text.finished
        case .signalled(let signal):
            var text = ObjectText()
            text.add("signal", signal)
            text.add("type", outcome.word)
            return text.finished
        case .notStarted, .systemError: return try encoded(outcome)
        case .cpuTimeExceeded, .wallTimeExceeded, .memoryExceeded, .outputExceeded, .syscallDenied, .cancelled:
            var text = ObjectText()
            text.add("type", outcome.word)
            return text.finished
        }
    }

    static func of(_ numbers: [Int]) throws -> String { "[\(numbers.map(String.init).joined(separator: ","))]" }

    static func of(_ fields: [JobField]) throws -> String { fields.isEmpty ? "[]" : try encoded(fields) }
}

/// An object that grows member by member; whoever writes it keeps them in order.
struct ObjectText {
    private var text: [UInt8] = []

    init() {
        text.reserveCapacity(512)
        text.append(UInt8(ascii: "{"))
    }

    mutating func add(_ name: StaticString, raw value: String) {
        if text.count > 1 { text.append(UInt8(ascii: ",")) }
        text.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { unsafe text.append(contentsOf: $0) }
        text.append(UInt8(ascii: "\""))
        text.append(UInt8(ascii: ":"))
        text += value.utf8
    }

    mutating func add(_ name: StaticString, _ number: some BinaryInteger) { add(name, raw: String(number)) }

    /// Nothing for nil.
    mutating func add(_ name: StaticString, _ number: (some BinaryInteger)?) {
        if let number { add(name, number) }
    }

    /// `word` has nothing that has to be escaped.
    mutating func add(_ name: StaticString, _ word: String) { add(name, raw: "\"\(word)\"") }

    mutating func add(_ name: StaticString, document: JSONValue) throws {
        add(name, raw: String(decoding: try document.serialized(), as: UTF8.self))
    }

    var finished: String { String(decoding: text + [UInt8(ascii: "}")], as: UTF8.self) }
}

/// Reads what ``ObjectText`` wrote, member by member in the same order.
struct MemberReader {
    private let bytes: [UInt8]
    private var place = 0
    private var isFirst = true

    init(_ text: String) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { place == bytes.count }

    mutating func take(_ text: StaticString) -> Bool {
        // Without a string between, which would be allocated.
        let isNext = text.withUTF8Buffer { wanted in
            guard wanted.count <= bytes.count - place else { return false }
            for index in 0..<wanted.count where unsafe wanted[index] != bytes[place + index] { return false }
            return true
        }
        if isNext { place += text.utf8CodeUnitCount }
        return isNext
    }

    mutating func open() -> Bool {
        isFirst = true
        return take("{")
    }

    mutating func close() -> Bool {
        isFirst = false
        return take("}")
    }

    /// Goes to the value of the member that is to come next; false, and nothing taken, where another comes.
    mutating func member(_ name: StaticString) -> Bool {
        let start = place
        guard isFirst || take(","), take("\""), take(name), take("\":") else {
            place = start
            return false
        }
        isFirst = false
        return true
    }

    /// Nil where it is no plain number of at most 18 digits.
    mutating func number() -> Int64? {
        let isNegative = take("-")
        let start = place
        var value: Int64 = 0
        while place < bytes.count, (48...57).contains(bytes[place]), place - start < 18 {
            value = value * 10 + Int64(bytes[place] - 48)
            place += 1
        }
        guard place > start, place == bytes.count || !(48...57).contains(bytes[place]) else { return nil }
        return isNegative ? -value : value
    }

    /// Nil, and nothing taken, where the member does not come next.
    mutating func number(_ name: StaticString) -> Int64? { member(name) ? number() : nil }
}

extension ResourceUsage {
    init?(compact text: String) {
        var reader = MemberReader(text)
        guard reader.open() else { return nil }
        let (read, written) = (reader.number("bytesRead"), reader.number("bytesWritten"))
        guard let system = reader.number("cpuSystemMicroseconds"), let user = reader.number("cpuUserMicroseconds"),
            let forced = reader.number("forcedContextSwitches")
        else { return nil }
        let (frozen, resident) = (reader.number("frozenMicroseconds"), reader.number("maxResidentBytes"))
        let kills = reader.number("outOfMemoryKills")
        guard let memory = reader.number("peakMemoryBytes") else { return nil }
        let processes = reader.number("peakProcesses")
        var pressure: Pressure?
        if reader.member("pressure") {
            guard reader.open(), let cpu = reader.number("cpuMicroseconds"), let io = reader.number("ioMicroseconds"),
                let memory = reader.number("memoryMicroseconds"), reader.close()
            else { return nil }
            pressure = Pressure(cpuMicroseconds: cpu, memoryMicroseconds: memory, ioMicroseconds: io)
        }
        guard let throttled = reader.number("throttledMicroseconds"),
            let voluntary = reader.number("voluntaryContextSwitches"), let wall = reader.number("wallMicroseconds"),
            reader.close(), reader.isAtEnd
        else { return nil }
        self.init(
            cpuUserMicroseconds: user, cpuSystemMicroseconds: system, wallMicroseconds: wall, peakMemoryBytes: memory,
            peakProcesses: processes.map { Int($0) }, voluntaryContextSwitches: voluntary,
            forcedContextSwitches: forced,
            throttledMicroseconds: throttled, bytesRead: read, bytesWritten: written, maxResidentBytes: resident,
            outOfMemoryKills: kills.map { Int($0) }, frozenMicroseconds: frozen, pressure: pressure)
    }
}

extension Outcome {
    /// Nil for the rarer ones too.
    init?(compact text: String) {
        var reader = MemberReader(text)
        guard reader.open(), let code = reader.number("code"), reader.member("type"), reader.take("\"exited\""),
            reader.close(), reader.isAtEnd
        else { return nil }
        self = .exited(code: Int(code))
    }
}

extension [Int] {
    init?(compact text: String) {
        var reader = MemberReader(text)
        self = []
        guard reader.take("[") else { return nil }
        while !reader.take("]") {
            guard isEmpty || reader.take(","), let number = reader.number() else { return nil }
            append(Int(number))
        }
        guard reader.isAtEnd else { return nil }
    }
}
