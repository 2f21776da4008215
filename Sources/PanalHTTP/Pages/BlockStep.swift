import PanalManifest

/// What the buttons at a block of fields ask for where no script does it: one more, or one of them away. Nothing is submitted then; the form comes
/// back with what was filled in.
struct BlockStep: Sendable {
    private let block: ManifestRepeat
    /// Which one goes, counted from 0; nil for one more.
    private let removed: Int?

    static let keys: Set<String> = ["_more", "_less"]

    /// Nil where no such button was pressed. Throws `malformed`.
    init?(_ form: Form, of manifest: Manifest) throws {
        if let id = try form.text("_more"), let block = manifest.repeats.first(where: { $0.id == id }) {
            (self.block, removed) = (block, nil)
        } else if let place = try form.text("_less")?.split(separator: "."), place.count == 2,
            let block = manifest.repeats.first(where: { $0.id == place[0] }), let index = Int(place[1]), index >= 0
        {
            (self.block, removed) = (block, index)
        } else {
            return nil
        }
    }

    /// The submission, laid out, with one more or less of the block. `moved` tells where a field's files that are taken again go.
    func applied(to laid: LaidOutSubmission, moved: inout [String: String]) -> (submission: Submission, fresh: Int?) {
        var submission = laid.submission
        let count = laid.manifest.counts?[block.id] ?? 0
        guard let removed else {
            let more = min(count + 1, block.maximumItems)
            submission.values[block.id] = [.text(String(more))]
            return (submission, more > count ? count : nil)
        }
        guard removed < count, count <= block.maximumItems else { return (submission, nil) }
        submission.values[block.id] = [.text(String(count - 1))]
        for index in removed..<count {
            for input in block.inputs {
                let (id, next) = (block.fieldID(input.id, at: index), block.fieldID(input.id, at: index + 1))
                submission.values[id] = submission.values.removeValue(forKey: next)
                moved[id] = moved.removeValue(forKey: next)
            }
        }
        return (submission, nil)
    }

    /// Whether the field is one of the repetition that was added.
    func isFresh(_ input: ManifestInput, _ fresh: Int?) -> Bool {
        input.place.map { $0.block == block.id && $0.index == fresh } ?? false
    }
}
