/// What a run used, measured from outside the cell. Times in microseconds, sizes in bytes; nil where this host cannot measure it,
/// and in records of before it was measured.
///
/// What other hosts for programs call it: isolate's `time` is `cpuMicroseconds`, `time-wall` is `wallMicroseconds`, `max-rss`
/// `maxResidentBytes`, `cg-mem` `peakMemoryBytes`, `cg-oom-killed` `outOfMemoryKills`, `csw-voluntary` and `csw-forced` the two
/// counts of context switches; `exitcode`, `exitsig`, `killed` and `status` are the outcome. go-judge's `time`, `runTime`,
/// `memory` and `procPeak` are `cpuMicroseconds`, `wallMicroseconds`, `peakMemoryBytes` and `peakProcesses`; its `fileError` is
/// what of the result files was skipped.
package struct ResourceUsage: Hashable, Sendable, Codable {
    package var cpuUserMicroseconds: Int64
    package var cpuSystemMicroseconds: Int64
    /// From the start of the program to the end of its last process, but for the time in which it was frozen.
    package var wallMicroseconds: Int64
    package var peakMemoryBytes: Int64
    package var peakProcesses: Int?
    package var voluntaryContextSwitches: Int64
    package var forcedContextSwitches: Int64
    /// Time in which the cell wanted a core and its quota was used up.
    package var throttledMicroseconds: Int64
    /// From and to storage. What the host has in memory already, files in the cell's scratch, and pipes are none. Processes
    /// that nobody waited for count; those whose parent ignores SIGCHLD do not.
    package var bytesRead: Int64?
    package var bytesWritten: Int64?
    /// Largest part in memory of the program, or of one of its children that it has waited for; no less than what its process
    /// had before it executed. `peakMemoryBytes` is the whole cell's.
    package var maxResidentBytes: Int64?
    /// Processes of the cell that the kernel ended for want of memory.
    package var outOfMemoryKills: Int?
    /// Time in which the program was made to stand still (`Executor.freeze`); no part of the others.
    package var frozenMicroseconds: Int64?
    /// Time in which something in the cell waited for what others had; nil for runs of less than 10 ms.
    package var pressure: Pressure?

    /// The kernel's pressure stall information (`some`), for the time of the run.
    package struct Pressure: Hashable, Sendable, Codable {
        package var cpuMicroseconds: Int64
        package var memoryMicroseconds: Int64
        package var ioMicroseconds: Int64

        package init(cpuMicroseconds: Int64, memoryMicroseconds: Int64, ioMicroseconds: Int64) {
            self.cpuMicroseconds = cpuMicroseconds
            self.memoryMicroseconds = memoryMicroseconds
            self.ioMicroseconds = ioMicroseconds
        }
    }

    package init(
        cpuUserMicroseconds: Int64 = 0, cpuSystemMicroseconds: Int64 = 0, wallMicroseconds: Int64 = 0,
        peakMemoryBytes: Int64 = 0, peakProcesses: Int? = nil, voluntaryContextSwitches: Int64 = 0,
        forcedContextSwitches: Int64 = 0, throttledMicroseconds: Int64 = 0, bytesRead: Int64? = nil,
        bytesWritten: Int64? = nil, maxResidentBytes: Int64? = nil, outOfMemoryKills: Int? = nil,
        frozenMicroseconds: Int64? = nil, pressure: Pressure? = nil
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
        self.maxResidentBytes = maxResidentBytes
        self.outOfMemoryKills = outOfMemoryKills
        self.frozenMicroseconds = frozenMicroseconds
        self.pressure = pressure
    }

    package var cpuMicroseconds: Int64 { cpuUserMicroseconds + cpuSystemMicroseconds }
}
