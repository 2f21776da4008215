import PanalCore
package import PanalManifest

/// What a program sees below `/`, as a job records it.
package struct ChosenRootfs: Hashable, Sendable {
    /// `host`, or the digest of a tree.
    package var name: String
    package var environment: [String]
    /// While anybody has it the image's files stay; nil where nobody takes them away.
    package var hold: RootfsHold?

    /// `environment`: the image's, `NAME=value`.
    package init(name: String, environment: [String] = []) {
        self.name = name
        self.environment = environment
    }

    package static let host = ChosenRootfs(name: AttemptSpec.hostRootfs)

    /// The environment of a run: what the image says stands where only Panal's standard stood, and never in place of what the manifest
    /// or a field says. Where a cell's own folders are no image knows.
    package func environment(of invocation: [String], manifest: Manifest) -> [String] {
        guard !environment.isEmpty else { return invocation }
        var fixed: Set<String> = ["HOME", "TMPDIR"]
        fixed.formUnion(manifest.environment.map(\.name))
        for input in manifest.inputs {
            if case .environment(let name) = input.route { fixed.insert(name) }
        }
        var variables: [String: String] = [:]
        for text in environment + invocation {
            let name = String(text.prefix { $0 != "=" })
            if variables[name] == nil || fixed.contains(name) { variables[name] = text }
        }
        return variables.sorted { $0.key < $1.key }.map(\.value)
    }
}

/// Ends something when nobody has it any more. All are equal: it says nothing of what was chosen.
package final class RootfsHold: Hashable, Sendable {
    private let end: @Sendable () -> Void

    package init(_ end: @escaping @Sendable () -> Void) {
        self.end = end
    }

    deinit { end() }

    package static func == (left: RootfsHold, right: RootfsHold) -> Bool { true }
    package func hash(into hasher: inout Hasher) {}
}
