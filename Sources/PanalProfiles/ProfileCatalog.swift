import FoundationEssentials
package import PanalCore

/// The hardware profiles of this host, in the order of their files.
package struct ProfileCatalog: Hashable, Sendable {
    package let profiles: [Profile]

    /// Bytes of one file of profiles.
    static let maximumFileBytes = 262_144

    /// Reads one file. Throws every mistake at once, each with line and column.
    ///
    /// - Parameter file: Its name, for messages.
    package init(parsing text: String, file: String) throws(ProfileMistakes) {
        let (located, mistakes) = Self.read(text, file: file)
        guard mistakes.isEmpty else { throw ProfileMistakes(mistakes: mistakes) }
        profiles = located.map(\.profile)
    }

    private init(profiles: [Profile]) {
        self.profiles = profiles
    }

    /// Reads all `*.yaml` of a folder, by name. A profile that two files have is a mistake, and so is a folder without
    /// profiles. Reads from the disk: call it at start, not from an asynchronous task.
    package static func load(folder: String) throws(ProfileMistakes) -> ProfileCatalog {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".yaml") }
                .sorted()
        } catch {
            throw ProfileMistakes(mistakes: [whole(folder, "the folder cannot be read: \(error)")])
        }
        var all: [LocatedProfile] = []
        var mistakes: [ProfileMistake] = []
        for name in names {
            let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
            guard let bytes = FileManager.default.contents(atPath: path) else {
                mistakes.append(whole(path, "cannot be read"))
                continue
            }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                mistakes.append(whole(path, "is not UTF-8"))
                continue
            }
            let (located, found) = read(text, file: path)
            mistakes += found
            for entry in located {
                if let first = all.first(where: { $0.profile.name == entry.profile.name }) {
                    mistakes.append(
                        ProfileMistake(
                            file: path, line: entry.line, column: entry.column,
                            detail: "profile ‘\(entry.profile.name)’ is already in \(first.file), line \(first.line)"))
                }
            }
            all += located
        }
        if all.isEmpty, mistakes.isEmpty { mistakes.append(whole(folder, "no file *.yaml there has a profile")) }
        guard mistakes.isEmpty else { throw ProfileMistakes(mistakes: mistakes) }
        return ProfileCatalog(profiles: all.map(\.profile))
    }

    /// The profile of this name.
    package subscript(name: String) -> Profile? { profiles.first { $0.name == name } }

    private static func whole(_ file: String, _ detail: String) -> ProfileMistake {
        ProfileMistake(file: file, line: 0, column: 0, detail: detail)
    }

    private static func read(_ text: String, file: String) -> ([LocatedProfile], [ProfileMistake]) {
        guard text.utf8.count <= maximumFileBytes else {
            let limit = ByteCount.text(maximumFileBytes)
            return ([], [whole(file, "has \(ByteCount.text(text.utf8.count)); \(limit) is the most")])
        }
        var reader = ProfileReader(file: file)
        let profiles = reader.read(text)
        return (profiles, reader.mistakes.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
    }
}

/// A profile and the place of its name.
struct LocatedProfile {
    var profile: Profile
    var file: String
    var line: Int
    var column: Int
}
