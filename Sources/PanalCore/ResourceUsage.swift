/// What a run used, measured from outside the cell. Times in microseconds, sizes in bytes; nil where this host cannot measure it.
package struct ResourceUsage: Hashable, Sendable, Codable {
    package var cpuUserMicroseconds: Int64
    package var cpuSystemMicroseconds: Int64
    /// From the start of the program to the end of its last process.
    package var wallMicroseconds: Int64
    package var peakMemoryBytes: Int64
    package var peakProcesses: Int?
    package var voluntaryContextSwitches: Int64
    package var forcedContextSwitches: Int64
    /// Time in which the cell wanted a core and its quota was used up.
    package var throttledMicroseconds: Int64
    package var bytesRead: Int64?
    package var bytesWritten: Int64?

    package init(
        cpuUserMicroseconds: Int64 = 0, cpuSystemMicroseconds: Int64 = 0, wallMicroseconds: Int64 = 0,
        peakMemoryBytes: Int64 = 0, peakProcesses: Int? = nil, voluntaryContextSwitches: Int64 = 0,
        forcedContextSwitches: Int64 = 0, throttledMicroseconds: Int64 = 0, bytesRead: Int64? = nil,
        bytesWritten: Int64? = nil
    ) {
        self.cpuUserMicroseconds = cpuUserMicroseconds
        self.cpuSystemMicroseconds = cpuSystemMicroseconds
        self.wallMicroseconds = wallMicroseconds
        self.peakMemoryBytes = peakMemoryBytes
        self.peakProcesses = peakProcesses
        self.voluntaryContextSwitches = voluntaryContextSwitches
        self.forcedContextSwitches = forcedContextSwitches
        self.throttledMicroseconds = throttledMicroseconds
        self.bytesRead = bytesRead
        self.bytesWritten = bytesWritten
    }

    package var cpuMicroseconds: Int64 { cpuUserMicroseconds + cpuSystemMicroseconds }
}
