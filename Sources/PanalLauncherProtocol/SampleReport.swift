/// What a running program has used since it began, and holds in this moment.
package struct SampleReport: Hashable, Sendable {
    /// Nanoseconds; without the time that it stood still.
    package var wallTime: Int64
    package var cpuTime: Int64
    package var memory: Int64
    package var processes: Int64

    package init(wallTime: Int64, cpuTime: Int64, memory: Int64, processes: Int64) {
        self.wallTime = wallTime
        self.cpuTime = cpuTime
        self.memory = memory
        self.processes = processes
    }

    func write(to writer: inout ByteWriter) {
        for value in [wallTime, cpuTime, memory, processes] { writer.put(value) }
    }

    init(from reader: inout ByteReader) throws(ProtocolError) {
        wallTime = try reader.number()
        cpuTime = try reader.number()
        memory = try reader.number()
        processes = try reader.number()
    }
}
