package import PanalSeccomp

/// What the launcher is started with.
package struct LauncherSettings: Sendable {
    /// Path of `panal-launcher`.
    package var executable: String
    /// Name of the instance, `a-z`, `0-9` and `-`, 1 to 32: two Panals on one host have different ones.
    package var instance: String
    /// Folder with `blobs/` and `programs/` (`ContentLayout`), or for the command line a folder that stands at `/program`;
    /// nil for none.
    package var dataFolder: String?
    /// Folder with `rootfs/`, the store of images (`ContentLayout.rootfs`): the data folder unless another is given; nil for none.
    package var imageFolder: String?
    package var seccomp: [SeccompProgram]
    /// Policies whose refusals can be explained (`AttemptSpec.explain`). This process then answers the refused calls, and could
    /// let them through: only where it is no less trusted than the launcher.
    package var explained: [SeccompPolicy]
    /// Host user ids for cells; a block of 128 out of it is taken. Must belong to nobody.
    package var userRange: Range<UInt32>
    /// Cores, lowest first, and bytes of memory that are left to the host.
    package var reservedCores: Int
    package var reservedMemory: Int
    /// How many cells stand ready for runs to come, at most 64; nil: one for each core and one more. With 0 a cell is made
    /// when it is asked for, which costs a run 2 to 20 ms.
    package var preparedCells: Int?
    /// For how long, in whole seconds, the launcher keeps running cells and their results when this process is killed or
    /// detaches, for the next one with the same settings (`Executor.recover`); at most a week. Zero: everything ends with this process.
    package var keepsCells: Duration
    /// Whether runs may be held to a rate of reading (`CellLimits.diskRead`), which takes a controller more in each cell's group.
    package var limitsReading: Bool

    /// Ids that Debian gives neither to users nor to user namespaces: they are above both.
    package static let standardUserRange: Range<UInt32> = 2_000_000_000..<2_000_008_192

    package init(
        executable: String, instance: String, dataFolder: String?, seccomp: [SeccompProgram],
        userRange: Range<UInt32> = LauncherSettings.standardUserRange, reservedCores: Int = 0, reservedMemory: Int = 0,
        preparedCells: Int? = nil, explained: [SeccompPolicy] = [], keepsCells: Duration = .zero,
        imageFolder: String? = nil, limitsReading: Bool = false
    ) {
        self.executable = executable
        self.instance = instance
        self.dataFolder = dataFolder
        self.imageFolder = imageFolder ?? dataFolder
        self.seccomp = seccomp
        self.explained = explained
        self.userRange = userRange
        self.reservedCores = reservedCores
        self.reservedMemory = reservedMemory
        self.preparedCells = preparedCells
        self.keepsCells = keepsCells
        self.limitsReading = limitsReading
    }

    /// Longest time that any profile may give: a week.
    package static let longestRun: Duration = .seconds(7 * 24 * 3_600)
    /// Most processes of one cell.
    package static let mostProcesses = 32_768
}
