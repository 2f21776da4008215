package import PanalCore
import PanalManifest

/// What is started of an upload, and why no cell could start it. What cells see is asked for as late as it can be.
package struct ProgramStart: Hashable, Sendable {
    /// The file that the manifest starts, below the program's folder.
    package let path: String
    /// The same, where the kernel starts it itself.
    private let file: ProgramFile?
    /// The manifest's own first word, where that is none of the program's files.
    private let command: String?

    /// Throws `unsupported` where no file is the one to start, or the kernel would start none like it.
    package init(of files: [ProgramFile], by manifest: PublishedManifest) throws(ServiceError) {
        let rule = EntryRule(command: EntryRule.command(in: manifest.document), slug: manifest.manifest.slug)
        let entry = try rule.choose(among: files)
        path = entry.path
        file = entry.isStartedDirectly ? files.first { $0.path == entry.path } : nil
        // A Boutiques descriptor's word means something in a container that nobody has here; its first run says the same.
        command = manifest.isOwn ? rule.hostCommand : nil
        if let file, let refusal = ExecutableCheck.refusal(of: file) { throw ServiceError(.unsupported, refusal) }
    }

    /// Throws `invalid` where the command's first word leads nowhere.
    package func checkCommand(by probe: UploadProbe) throws(ServiceError) {
        guard let command, let refusal = probe.refusal(ofCommand: command) else { return }
        throw ServiceError(.invalid, mistake: "/command/0", refusal)
    }

    /// Throws `unsupported` for a file that no cell could start, and what `read` throws; that answers the bytes of a range of it.
    package func checkFile(
        by probe: UploadProbe, read: (ProgramFile, Range<Int>) async throws -> [UInt8]
    ) async throws {
        guard let file else { return }
        let refusal = try await probe.refusal(of: file) { try await read(file, $0) }
        if let refusal { throw ServiceError(.unsupported, refusal) }
    }
}
