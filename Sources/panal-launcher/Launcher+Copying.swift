internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// Copies of what frozen programs have changed in their roots.
extension Launcher {
    /// `descriptors` become the launcher's: one file.
    func copyChanges(_ id: UInt64, maximumBytes: UInt64, _ descriptors: [Int32]) {
        defer { for number in descriptors { close(number) } }
        do throws(StepFailure) {
            guard let run = cells[id], run.isFrozen else {
                throw .mismatch(RootCopy.step, "the program does not stand still")
            }
            guard run.request.hasWritableRoot else { throw .mismatch(RootCopy.step, "its root cannot be written") }
            guard !copies.contains(where: { $0.id == id }) else {
                throw .mismatch(RootCopy.step, "a copy of it is being made already")
            }
            guard descriptors.count == 1 else {
                throw .mismatch(RootCopy.step, "\(descriptors.count) files came with the order, and not one")
            }
            if let reason = RootCopy.refusal(of: descriptors[0]) {
                throw .mismatch("copy.file", "the file that the copy is to go to is not taken: \(reason)")
            }
            copies.append(
                try RootCopy(
                    id, run.cell.scratch, file: descriptors[0], maximumBytes: maximumBytes,
                    isOrdinary: users.isOrdinary))
        } catch {
            server.send(.copied(id: id, RootCopy.failed(error)))
        }
    }

    func takeCopied(_ copy: RootCopy) {
        guard var report = copy.take() else { return }
        // Whoever is being ended may have written while the last of it was read.
        if case .done = report, cells[copy.id]?.isFrozen != true {
            report = RootCopy.failed(.mismatch(RootCopy.step, "the program no longer stands still"))
        }
        let isWanted = copies.contains { $0 === copy }
        drop([copy])
        if isWanted { server.send(.copied(id: copy.id, report)) }
    }

    /// The program is over, or goes on: what is written from now on is no copy of one moment.
    func endCopy(of id: UInt64, _ reason: String) {
        guard let copy = copies.first(where: { $0.id == id }) else { return }
        drop([copy])
        server.send(.copied(id: id, RootCopy.failed(.mismatch(RootCopy.step, reason))))
    }

    /// Ends these, or all; nobody is told.
    func drop(_ unwanted: [RootCopy]) {
        for copy in unwanted { copy.end() }
        copies.removeAll { copy in unwanted.contains { $0 === copy } }
        endingCopies += unwanted
    }
}
