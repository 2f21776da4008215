package import PanalCore
package import PanalPublication

/// Images and their names as they are stored. Pure.
package struct RootfsBook: Hashable, Sendable {
    package var images: [RootfsImage]
    package var aliases: [RootfsAlias]

    package init(images: [RootfsImage] = [], aliases: [RootfsAlias] = []) {
        self.images = images
        self.aliases = aliases
    }

    /// A name that leads to no image that may be used.
    package struct Refusal: Error, Hashable {
        package var detail: String
    }

    func image(_ id: RootfsID) -> RootfsImage? { images.first { $0.id == id } }

    /// What a manifest's word means for programs of `owner`: `host`, a name of the table, or a digest, with `sha256:` or without.
    package func choose(_ word: String, for owner: UserID) throws(Refusal) -> ChosenRootfs {
        if word == AttemptSpec.hostRootfs { return .host }
        guard let image = image(meantBy: word, for: owner) else { throw unknown(word, owner) }
        return try chosen(image, as: word)
    }

    /// The image that a manifest's word leads to for programs of `owner`, whatever its state; nil for `host` and where there is none.
    func image(meantBy word: String, for owner: UserID) -> RootfsImage? {
        if word == AttemptSpec.hostRootfs { return nil }
        if let alias = alias(of: word) { return image(alias.image).flatMap { isVisible($0, to: owner) ? $0 : nil } }
        let digits = word.hasPrefix("sha256:") ? String(word.dropFirst(7)) : word
        let fitting = images.filter { $0.digest?.hex == digits && isVisible($0, to: owner) }
        // Several images may share the files and differ in their variables: nobody's count before the owner's own.
        let ordered = fitting.filter { $0.owner == owner } + fitting.filter { $0.owner != owner }
        return ordered.first { $0.state == .available } ?? ordered.first
    }

    /// The whole name before all that end in a star, and of these the longest.
    private func alias(of word: String) -> RootfsAlias? {
        if let whole = aliases.first(where: { $0.name == word }) { return whole }
        return aliases.filter { $0.name.hasSuffix("*") && word.hasPrefix($0.name.dropLast()) }
            .max { $0.name.utf8.count < $1.name.utf8.count }
    }

    private func isVisible(_ image: RootfsImage, to owner: UserID) -> Bool { image.isPublic || image.owner == owner }

    private func chosen(_ image: RootfsImage, as word: String) throws(Refusal) -> ChosenRootfs {
        guard image.state == .available, let digest = image.digest else {
            throw Refusal(detail: "the file system ‘\(word)’ is \(image.state.rawValue) at the moment")
        }
        return ChosenRootfs(name: digest.hex, environment: image.environment)
    }

    private func unknown(_ word: String, _ owner: UserID) -> Refusal {
        let known = names(for: owner)
        return Refusal(
            detail: "there is no file system ‘\(word)’ here; there are \(known.prefix(30).joined(separator: ", "))")
    }

    /// Names that programs of `owner` may use now, by name, `host` first.
    package func names(for owner: UserID) -> [String] {
        ["host"]
            + aliases.filter { alias in
                image(alias.image).map { isVisible($0, to: owner) && $0.state == .available } ?? false
            }.map(\.name).sorted()
    }

    /// Whether a text may stand in the table: 1 to 100 of a-z, A-Z, 0-9 and `.:_/+-`, the first a letter or a digit, and a star at its end
    /// if it is to be a beginning. A digest is no such name.
    package static func isAlias(_ text: String) -> Bool {
        let body = text.hasSuffix("*") ? text.dropLast() : text[...]
        guard (1...100).contains(body.utf8.count), let first = body.utf8.first, isLetterOrDigit(first), text != "host",
            !text.hasPrefix("sha256:"), ContentHash(hex: text) == nil
        else { return false }
        return body.utf8.allSatisfy { isLetterOrDigit($0) || ".:_/+-".utf8.contains($0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte)
    }
}
