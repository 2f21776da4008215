import PanalCore
package import PanalManifest

/// What a program sees below `/`, as a job records it.
package struct ChosenRootfs: Hashable, Sendable {
    /// `host`, or the digest of a tree.
    package var name: String
    package var environment: [String]

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
