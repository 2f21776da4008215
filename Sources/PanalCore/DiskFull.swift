/// There is no room on the disk for what was to be stored. Nothing of it is there; the same may succeed later.
package struct DiskFull: Error, Hashable, Sendable, CustomStringConvertible {
    package init() {}

    package var description: String { "the disk on which Panal keeps its data is full" }
}
