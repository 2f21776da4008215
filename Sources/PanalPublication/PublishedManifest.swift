import FoundationEssentials
package import PanalCore
package import PanalManifest

/// A manifest as it is sent with a program. A Boutiques descriptor is made into a manifest first, and published as that.
package struct PublishedManifest: Sendable {
    package let manifest: Manifest
    package let document: JSONValue
    /// As it is stored.
    package let text: String
    /// False for what came as a Boutiques descriptor.
    package let isOwn: Bool

    /// Throws `invalid` with every mistake.
    package init(_ given: [UInt8]) throws(ServiceError) {
        var bytes = given
        var isOwn = true
        do {
            if let document = try? JSONReader.read(given), BoutiquesReader.recognises(document) {
                bytes = Array(try BoutiquesReader.manifest(of: document).serialized(pretty: true))
                isOwn = false
            }
            manifest = try Manifest(parsing: Data(bytes))
        } catch let error as ManifestError {
            throw ServiceError(.invalid, "the manifest has mistakes", mistakes: error.mistakes)
        } catch {
            throw ServiceError(.invalid, mistake: "", "the manifest cannot be read: \(error)")
        }
        guard let text = String(validating: bytes, as: UTF8.self), let document = try? JSONReader.read(bytes) else {
            throw ServiceError(.invalid, mistake: "", "the manifest has to be JSON in UTF-8")
        }
        self.text = text
        self.document = document
        self.isOwn = isOwn
    }
}
