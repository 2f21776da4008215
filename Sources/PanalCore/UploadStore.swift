/// A file that comes in pieces, over several requests.
package struct Upload: Hashable, Sendable, Identifiable {
    package let id: Identifier<Upload>
    package var owner: UserID
    /// `Upload-Metadata` of tus, as the client sent it.
    package var metadata: String
    /// Bytes in all.
    package var length: Int
    /// Bytes that are surely on the disk.
    package var received: Int
    package var created: Timestamp
    package var expires: Timestamp
    /// Set when all of it is there.
    package var content: ContentHash?

    package init(
        id: Identifier<Upload>, owner: UserID, metadata: String, length: Int, received: Int = 0, created: Timestamp,
        expires: Timestamp, content: ContentHash? = nil
    ) {
        self.id = id
        self.owner = owner
        self.metadata = metadata
        self.length = length
        self.received = received
        self.created = created
        self.expires = expires
        self.content = content
    }
}

package typealias UploadID = Identifier<Upload>

/// What the store knows of uploads.
package protocol UploadStore: Sendable {
    /// Answers false, with nothing stored, where its owner has `most` already, or would have more than `mostBytes` with it: what is
    /// announced counts, not what has come.
    func insert(_ upload: Upload, most: Int, mostBytes: Int) async throws -> Bool
    func upload(_ id: UploadID) async throws -> Upload?
    /// The oldest first.
    func uploads(of owner: UserID) async throws -> [Upload]
    /// Notes how far it has come. Answers nil where it is gone.
    func note(_ id: UploadID, received: Int, content: ContentHash?, expires: Timestamp) async throws -> Upload?
    /// Answers whether there was one. Throws `StoreError.changed` when it is not as `expected`.
    func deleteUpload(_ id: UploadID, expecting expected: Upload?) async throws -> Bool
    /// Forgets what has expired, and answers what is left.
    func deleteUploads(expiredBefore moment: Timestamp) async throws -> Set<UploadID>
}

/// Where the bytes of uploads are gathered until they are a blob.
package protocol UploadFiles: Sendable {
    /// Goes on behind the first `offset` bytes; what is stored beyond them is forgotten. One task uses it at a time.
    func uploadWriter(_ id: UploadID, at offset: Int) async throws -> any UploadWriter
    /// Makes a blob of what was gathered. May be called again: nothing of the upload is lost before `removeUpload`.
    func placeUpload(_ id: UploadID) async throws -> (content: ContentHash, bytes: Int)
    /// Harmless where there is none.
    func removeUpload(_ id: UploadID) async throws
    /// Removes what is not among `kept` and was last written to before `moment`.
    func removeUploads(except kept: Set<UploadID>, before moment: Timestamp) async throws
}

package protocol UploadWriter: Sendable {
    func append(_ bytes: [UInt8]) async throws
    /// Makes what was appended durable; answers how many bytes there are in all.
    func synchronize() async throws -> Int
}
