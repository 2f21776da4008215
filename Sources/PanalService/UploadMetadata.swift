import FoundationEssentials
import PanalCore

/// `Upload-Metadata` of tus: names and Base64 values, `filename d29ybGQ=,secret`.
package struct UploadMetadata: Hashable, Sendable {
    package let values: [String: [UInt8]]

    /// Bytes of the header, at most.
    package static let limit = 4_096

    /// Throws `malformed`.
    package init(_ header: String) throws {
        guard header.utf8.count <= Self.limit else {
            throw ServiceError(.malformed, "Upload-Metadata has at most \(Self.limit) bytes")
        }
        var values: [String: [UInt8]] = [:]
        for pair in header.split(separator: ",") {
            let halves = pair.split(separator: " ")
            guard (1...2).contains(halves.count), halves[0].utf8.allSatisfy({ (33...126).contains($0) }),
                values[String(halves[0])] == nil,
                let value = halves.count == 2 ? Data(base64Encoded: String(halves[1])) : Data()
            else {
                throw ServiceError(
                    .malformed, "Upload-Metadata is a list of different names, each with its value in Base64")
            }
            values[String(halves[0])] = Array(value)
        }
        self.values = values
    }

    private func text(_ names: String...) -> String? {
        names.lazy.compactMap { values[$0] }.compactMap { String(validating: $0, as: UTF8.self) }.first { !$0.isEmpty }
    }

    package var fileName: String? { text("filename", "name") }

    /// As it would stand in a header; nil where it could not.
    package var mediaType: String? {
        text("filetype", "type", "contentType").flatMap { type in
            type.utf8.count <= 255 && type.utf8.allSatisfy { (32...126).contains($0) } ? type : nil
        }
    }
}
