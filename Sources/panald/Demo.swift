import FoundationEssentials
import Logging
import PanalCore
import PanalManifest
import PanalService

/// A program that comes with Panal: a folder with `manifest.json` and the program's files. What is called `sample`,
/// whatever its ending, is input to try it with and is not published.
struct Demo: Sendable {
    var name: String
    var manifest: [UInt8]
    /// The folder as a tar archive.
    var archive: [UInt8]

    /// Bytes of one demo's files; they are held in memory from before the privileges are given up until they are
    /// published.
    private static let limit = 64 << 20

    /// Reads every folder with a manifest. Called while the folder can still be read as root.
    static func load(folder: String) throws -> [Demo] {
        let manager = FileManager.default
        guard let names = try? manager.contentsOfDirectory(atPath: folder) else {
            throw StartRefusal(reason: "the folder of demos \(folder) cannot be read")
        }
        return try names.sorted().compactMap { name in
            let path = "\(folder)/\(name)"
            guard let manifest = manager.contents(atPath: "\(path)/manifest.json") else { return nil }
            var archive = TarWriter()
            try add(path, as: "", to: &archive)
            // A command of the host's needs no file, but an archive has to hold one.
            if archive.isEmpty { try archive.add("manifest.json", isExecutable: false, bytes: Array(manifest)) }
            return Demo(name: name, manifest: Array(manifest), archive: archive.finish())
        }
    }

    private static func add(_ folder: String, as prefix: String, to archive: inout TarWriter) throws {
        let manager = FileManager.default
        for name in try manager.contentsOfDirectory(atPath: folder).sorted() {
            let path = "\(folder)/\(name)"
            let inside = prefix + name
            let isSample = inside == "samples" || inside.split(separator: ".").first == "sample"
            if inside == "manifest.json" || isSample || name.hasPrefix(".") { continue }
            let attributes = try manager.attributesOfItem(atPath: path)
            switch attributes[.type] as? FileAttributeType {
            case .typeDirectory?: try add(path, as: inside + "/", to: &archive)
            case .typeRegular?:
                guard let bytes = manager.contents(atPath: path), bytes.count <= limit else {
                    throw StartRefusal(reason: "the demo's file \(path) cannot be read or is too large")
                }
                try archive.add(inside, isExecutable: manager.isExecutableFile(atPath: path), bytes: Array(bytes))
            default: continue
            }
        }
    }

    /// Publishes the demos that are not there yet, for everybody, as `principal`.
    static func publish(_ demos: [Demo], on panal: Panal, as principal: Principal, logger: Logger) async {
        for demo in demos {
            do {
                let manifest = try Manifest(parsing: Data(demo.manifest))
                if try await isThere(manifest.slug, on: panal, as: principal) { continue }
                let writer = try await panal.upload(principal, limit: nil)
                try await writer.append(demo.archive)
                let content = try await writer.finish().content
                let published = try await panal.publish(
                    principal, manifest: demo.manifest,
                    upload: ProgramUpload(fileName: "\(demo.name).tar", content: content), isPublic: true)
                logger.info("demo published", metadata: ["program": .string(published.entry.program.name)])
            } catch {
                // The service is of use without this demo.
                logger.error(
                    "demo not published", metadata: ["demo": .string(demo.name), "error": .string("\(error)")])
            }
        }
    }

    private static func isThere(_ name: String, on panal: Panal, as principal: Principal) async throws -> Bool {
        do {
            _ = try await panal.program(principal, name: name, version: nil)
            return true
        } catch let error as ServiceError where error.code == .notFound {
            return false
        }
    }
}
