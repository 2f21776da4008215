import FoundationEssentials

/// Packages that are kept for the next making of a recipe: a folder for each, so that none is given more than it needs.
struct PackageCache {
    let path: String
    private let next: String

    /// Where the recipe has no folder yet, it begins with what the others have, as further names of the same files.
    init(_ place: String, recipe: String) throws {
        // Below a name of its own: what is found there is copied and thrown away.
        let folder = "\(place)/panal-packages"
        path = "\(folder)/\(recipe)"
        next = "\(folder)/\(recipe).next"
        let files = FileManager.default
        guard !files.fileExists(atPath: path) else { return }
        try files.createDirectory(atPath: path, withIntermediateDirectories: true)
        for other in try files.contentsOfDirectory(atPath: folder).sorted() where other != recipe {
            guard let names = try? files.contentsOfDirectory(atPath: "\(folder)/\(other)") else { continue }
            for name in names where name.hasSuffix(".deb") && !files.fileExists(atPath: "\(path)/\(name)") {
                try files.linkItem(atPath: "\(folder)/\(other)/\(name)", toPath: "\(path)/\(name)")
            }
        }
    }

    /// An empty folder for what is used this time; what an earlier time left there is gone.
    func makePlaceForNext() throws -> String {
        try? FileManager.default.removeItem(atPath: next)
        try FileManager.default.createDirectory(atPath: next, withIntermediateDirectories: false)
        return next
    }

    /// From now on these are the packages that are kept.
    func takeNext() throws {
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: next, toPath: path)
    }
}
