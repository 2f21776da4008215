package import PanalCore

/// Where the archive of an image lies.
package enum RootfsSource: Hashable, Sendable {
    /// A finished upload of the principal's.
    case upload(UploadID)
    /// A blob that somebody holds until the image is made.
    case blob(ContentHash)
}

/// What is to become an image.
package struct RootfsRequest: Hashable, Sendable {
    /// For people.
    package var name: String
    package var source: RootfsSource
    package var format: RootfsFormat
    /// Which one of several images in the archive.
    package var tag: String?
    package var isPublic: Bool
    /// Of an archive that says nothing of it itself, `NAME=value`.
    package var environment: [String]
    /// The name of the table that is to mean it as soon as it is there; for administrators.
    package var alias: String?

    package init(
        name: String, source: RootfsSource, format: RootfsFormat = .any, tag: String? = nil, isPublic: Bool = false,
        environment: [String] = [], alias: String? = nil
    ) {
        self.name = name
        self.source = source
        self.format = format
        self.tag = tag
        self.isPublic = isPublic
        self.environment = environment
        self.alias = alias
    }

    package init(
        name: String, upload: UploadID, format: RootfsFormat = .any, tag: String? = nil, isPublic: Bool = false,
        environment: [String] = [], alias: String? = nil
    ) {
        self.init(
            name: name, source: .upload(upload), format: format, tag: tag, isPublic: isPublic,
            environment: environment, alias: alias)
    }
}
