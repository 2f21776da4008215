import PanalCore
import PanalManifest
import PanalService

/// A job whose values a form begins with: what it was given is filled in, and its files can be given again.
struct EarlierJob: Sendable {
    let job: Job
    /// By field, what is still there.
    private(set) var files: [String: [SubmittedFile]] = [:]
    /// Fields that take files again where no other is chosen, and the field of the job that had them: another one where a block in front of it
    /// was taken away.
    var kept: [String: String]

    static let formKeys: Set<String> = ["_from", "_keep"]

    /// Throws `notFound` for a job of another program, or one that is not to be seen.
    init(_ id: JobID, of program: String, kept: [String: String]? = nil, _ panal: Panal, _ principal: Principal)
        async throws
    {
        job = try await panal.job(principal, id)
        guard job.programName == program else { throw ServiceError(.notFound, "there is no such job") }
        for field in job.fields where field.files != nil {
            // An input is removed with its job only; one that is not there is chosen anew.
            guard let found = try? await panal.inputFiles(principal, id, of: field.id) else { continue }
            files[field.id] = found
        }
        self.kept = kept ?? Dictionary(uniqueKeysWithValues: files.keys.map { ($0, $0) })
    }

    /// The job that a form names; nil where it names none.
    init?(_ form: Form, of program: String, _ panal: Panal, _ principal: Principal) async throws {
        guard let text = try form.text("_from") else { return nil }
        guard let id = JobID(text) else { throw ServiceError(.malformed, "‘_from’ is no job") }
        var kept: [String: String] = [:]
        for word in form.words("_keep") {
            let halves = word.split(separator: "=", maxSplits: 1).map(String.init)
            if let target = halves.first { kept[target] = halves.last }
        }
        try await self.init(id, of: program, kept: kept, panal, principal)
    }

    /// What a form shows for the field; nothing for secrets, and for what the job has kept only in part.
    func entered(_ input: ManifestInput) -> [String] {
        guard input.type != .secret, let field = job.fields.first(where: { $0.id == input.id }) else { return [] }
        return field.values ?? (field.value.unicodeScalars.count <= 1_000 ? [field.value] : [])
    }

    /// The submission with the files that are taken again.
    func completing(_ submission: Submission) -> Submission {
        var submission = submission
        for (id, source) in kept where submission.values[id]?.isEmpty ?? true {
            submission.values[id] = files[source]?.map(SubmittedValue.file)
        }
        return submission
    }

    func source(of id: String) -> String { kept[id] ?? id }

    /// How often the job had each block.
    func counts(_ manifest: Manifest) -> [String: Int] {
        manifest.repeats.reduce(into: [:]) { counts, block in
            let count = job.fields.first { $0.id == block.id }.flatMap { Int($0.value) }
            // The job may be of another version, in which the id was a field's.
            counts[block.id] = min(max(count ?? block.minimumItems, 0), block.maximumItems)
        }
    }
}
