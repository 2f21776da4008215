import ArgumentParser
import Glibc
import PanalCore
import PanalProfiles
import PanalSandbox
import PanalSeccomp

/// Where a command finds what cells of this machine are made of.
struct CellPlace: ParsableArguments {
    @Option(help: "Folder whose ‘rootfs’ holds the images: a server's data folder.")
    var images = "/var/lib/panal"

    @Option(help: "Folder with the profiles and the folder ‘seccomp’.")
    var profiles: String?

    func folder() throws -> String { try Installation.profiles(given: profiles) }

    /// The image of a digest, as a folder of this machine. Throws where none is there.
    func image(_ digest: String) throws -> String {
        guard let hash = ContentHash(hex: digest) else {
            throw CommandFailure("‘\(digest)’ is no digest of an image: 64 hexadecimal digits")
        }
        let place = "\(images)/\(ContentLayout.rootfs(hash))"
        guard Installation.isFolder("\(place)/tree") else {
            throw CommandFailure(
                "\(place) is not there: name the folder of the images with --images, and see ‘panal rootfs list’")
        }
        return try Self.real(place)
    }

    /// Absolute: the launcher works from another folder than this one.
    static func real(_ path: String) throws -> String {
        guard Installation.isFolder(path), let real = unsafe realpath(path, nil) else {
            throw CommandFailure("\(path) is no folder")
        }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    static func profile(_ name: String, of catalog: ProfileCatalog) throws -> Profile {
        guard let profile = catalog[name] else {
            let names = catalog.profiles.map(\.name).joined(separator: ", ")
            throw CommandFailure("there is no profile ‘\(name)’; there are \(names)")
        }
        return profile
    }
}
