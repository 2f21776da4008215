package import PanalCore

/// What an author says about a program: what it is called, what it takes, and what it leaves.
///
/// Everything but `name` has a default; a form, an endpoint, a JSON Schema and argv follow from it. Documents are read
/// by `init(parsing:)`, which names every mistake at once.
package struct Manifest: Hashable, Sendable {
    /// What people read, in any language.
    package var name: String
    /// The name in addresses: 1 to 63 characters of `a-z`, `0-9`, `-`.
    package var slug: String
    package var description: String?
    package var version: String?
    package var author: String?
    /// Where to read more; `http` or `https`.
    package var url: String?
    package var tags: [String]
    package var command: CommandTemplate
    package var inputs: [ManifestInput]
    package var outputs: [ManifestOutput]
    package var resources: ManifestResources
    /// The file system to run in: `host`, or what names an image.
    package var rootfs: String
    /// Whether a run may write everywhere in it and not only below its work folder. Of an image alone.
    package var hasWritableRoot: Bool
    /// Fixed variables, sorted by name.
    package var environment: [EnvironmentVariable]
    /// What exit codes mean.
    package var exitCodes: [Int: ExitCodeMeaning]
    /// Fields under a heading; those that no section names stand before them.
    package var sections: [ManifestSection]
    /// Fields of which so many have to be given.
    package var groups: [ManifestGroup]
    /// Blocks of fields that are given several times. Their fields are not among `inputs`.
    package var repeats: [ManifestRepeat]
    /// How often each block is there, by its id, where its fields stand among `inputs` as often; nil in a manifest as it was read.
    package var counts: [String: Int]?
    /// What a run has to do before the program is published.
    package var tests: [ManifestTest]
    /// Places of the inputs, each after those that its `showIf` looks at.
    var order: [Int]

    /// The profile that the author suggests.
    package var suggestedProfile: String? { resources.profile }

    /// The field with this id.
    package func input(id: String) -> ManifestInput? { inputs.first { $0.id == id } }

    /// The first announced output that a result file belongs to.
    ///
    /// Nil too where finding out would take too long: both the patterns and the paths are the author's.
    package func output(for path: String) -> ManifestOutput? {
        guard matchingSteps([path]) <= Self.mostStepsOfOnePath else { return nil }
        return outputs.first { $0.matches(path) }
    }

    /// The announced outputs that none of these result files belongs to, optional ones left out.
    ///
    /// Empty too where finding out would take too long.
    package func missingOutputs(among paths: [String]) -> [ManifestOutput] {
        guard matchingSteps(paths) <= Self.mostStepsOfOneJob else { return [] }
        return outputs.filter { output in !output.isOptional && !paths.contains { output.matches($0) } }
    }

    /// A thousand files against a hundred patterns of a thousand stars would hold a thread for hours.
    private static let mostStepsOfOnePath = 200_000
    private static let mostStepsOfOneJob = 5_000_000

    private func matchingSteps(_ paths: [String]) -> Int {
        let length = paths.reduce(0) { $0 + $1.utf8.count }
        return outputs.reduce(0) { $0 + $1.pattern.utf8.count } * length
    }
}

/// A variable that every run gets.
package struct EnvironmentVariable: Hashable, Sendable {
    package var name: String
    package var value: String
}

/// What an exit code means.
package struct ExitCodeMeaning: Hashable, Sendable {
    package var message: String
    /// Whether the run counts as a success.
    package var isSuccess: Bool
}

/// What the author thinks a run needs.
package struct ManifestResources: Hashable, Sendable {
    /// The suggested profile.
    package var profile: String?
    /// The smallest profile that is worth trying.
    package var smallest: String?
    /// Time that a run may need.
    package var time: Duration?
    /// Bytes of scratch space that a run may need.
    package var disk: Int?
    /// What of a network a run needs; nil when none.
    package var network: CellNetwork?

    /// Why a run under `profile` would not have what the manifest asks for, in words; nil when it has.
    ///
    /// `smallest` is the profile that `self.smallest` names, as far as it is known.
    package func refusal(of profile: Profile, smallest: Profile?) -> String? {
        if let time, profile.limits.wallTime < time {
            return "the program asks for \(Quantity.text(time)), profile \(profile.name) gives "
                + Quantity.text(profile.limits.wallTime)
        }
        if let disk, profile.limits.scratchBytes < disk {
            return "the program asks for \(ByteCount.text(disk)) of scratch space, profile \(profile.name) gives "
                + ByteCount.text(profile.limits.scratchBytes)
        }
        if let network, network != .none, profile.network == .none {
            return "the program asks for a network of its own (\(network.rawValue)), profile \(profile.name) gives none"
        }
        guard let smallest else { return nil }
        if profile.limits.cpu.parallelism < smallest.limits.cpu.parallelism
            || profile.limits.memory < smallest.limits.memory
        {
            return "the program asks for profile \(smallest.name) or a larger one, \(profile.name) is smaller"
        }
        return nil
    }
}

/// A document that is no manifest: every mistake, each with its JSON pointer, what is wrong and what would be right.
package struct ManifestError: Error, Hashable, Sendable {
    package var mistakes: [Mistake]

    package init(mistakes: [Mistake]) {
        self.mistakes = mistakes
    }
}
