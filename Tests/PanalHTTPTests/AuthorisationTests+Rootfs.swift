import PanalCore
import PanalService
import Testing

extension AuthorisationTests {
    static let rootfsRows: [Row] = [
        Row(route: "GET /api/v1/rootfs", uri: { _ in "/api/v1/rootfs" }, statuses: [401, 200, 200, 200]),
        Row(
            route: "POST /api/v1/rootfs", uri: { _ in "/api/v1/rootfs" },
            body: .json(#"{"name": "x", "upload": "01k8zq4m3rh7x2c5w9ta"}"#), statuses: [401, 422, 422, 422]),
        Row(
            route: "PUT /api/v1/rootfs/aliases", uri: { _ in "/api/v1/rootfs/aliases" },
            body: .json(#"{"alias": "zoe", "image": null}"#), statuses: [401, 403, 403, 200]),
        Row(
            route: "GET /api/v1/rootfs/{id}", uri: { "/api/v1/rootfs/\(try await image($0))" },
            statuses: [401, 404, 200, 200]),
        Row(
            route: "PATCH /api/v1/rootfs/{id}", uri: { "/api/v1/rootfs/\(try await image($0))" },
            body: .json(#"{"state": "disabled"}"#), statuses: [401, 404, 200, 200]),
        Row(
            route: "DELETE /api/v1/rootfs/{id}", uri: { "/api/v1/rootfs/\(try await image($0))" },
            statuses: [401, 404, 202, 202]),
        // One that has ended is there for those two alone.
        Row(
            route: "POST /api/v1/jobs/{id}/copy", uri: { "/api/v1/jobs/\(try await $0.job())/copy" },
            body: .json(#"{"name": "x"}"#), statuses: [401, 404, 409, 409]),
    ]

    static let imagePageRows: [Row] = [
        Row(
            route: "GET /jobs/{id}/copy", uri: { "/jobs/\(try await $0.job())/copy" }, statuses: [303, 404, 303, 303]),
        Row(
            route: "POST /jobs/{id}/copy", uri: { "/jobs/\(try await $0.job())/copy" }, body: .form(["name": "x"]),
            statuses: [303, 404, 409, 409]),
        Row(route: "GET /images", uri: { _ in "/images" }, statuses: [303, 200, 200, 200]),
        Row(route: "GET /images/live", uri: { _ in "/images/live" }, statuses: [303, 200, 200, 200]),
        Row(route: "GET /images/new", uri: { _ in "/images/new" }, statuses: [303, 200, 200, 200]),
        // Without a file nobody makes one.
        Row(
            route: "POST /images", uri: { _ in "/images" }, body: .form(["name": "x"]),
            statuses: [303, 422, 422, 422]),
        Row(
            route: "POST /images/aliases", uri: { _ in "/images/aliases" }, body: .form(["alias": "zoe"]),
            statuses: [303, 403, 403, 303]),
        Row(
            route: "GET /images/{id}", uri: { "/images/\(try await image($0))" }, statuses: [303, 404, 200, 200]),
        Row(
            route: "GET /images/{id}/live", uri: { "/images/\(try await image($0))/live" },
            statuses: [303, 404, 200, 200]),
        Row(
            route: "POST /images/{id}/state", uri: { "/images/\(try await image($0))/state" },
            body: .form(["state": "disabled"]), statuses: [303, 404, 303, 303]),
        Row(
            route: "POST /images/{id}/visibility", uri: { "/images/\(try await image($0))/visibility" },
            body: .form(["public": "true"]), statuses: [303, 404, 303, 303]),
        Row(
            route: "POST /images/{id}/remove", uri: { "/images/\(try await image($0))/remove" }, body: .form([:]),
            statuses: [303, 404, 303, 303]),
    ]

    /// One of the owner's, which is there and private.
    static func image(_ site: Site) async throws -> RootfsID {
        let owner = try #require(site.owner.principal)
        let archive = Self.smallestTree
        let upload = try await site.panal.beginUpload(owner, length: archive.count, metadata: "")
        let pieces = AsyncStream<[UInt8]> { continuation in
            continuation.yield(archive)
            continuation.finish()
        }
        _ = try await site.panal.receive(owner, upload.id, at: 0, checksum: nil, pieces)
        let id = try await site.panal.makeRootfs(owner, RootfsRequest(name: "x", upload: upload.id)).image.id
        while try await site.panal.rootfsImage(owner, id).image.state == .processing {
            try await Task.sleep(for: .milliseconds(2))
        }
        try #require(try await site.panal.rootfsImage(owner, id).image.state == .available)
        return id
    }

    /// A tar archive with one file.
    static let smallestTree = entry("etc/passwd", mode: "0000644") + [UInt8](repeating: 0, count: 1_024)

    /// A file of a tar archive, with four bytes.
    static func entry(_ name: String, mode: String) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ place: Int) {
            for (offset, byte) in text.utf8.enumerated() { header[place + offset] = byte }
        }
        put(name, 0)
        put(mode, 100)
        put("00000000004", 124)
        put("00000000000", 136)
        put("        ", 148)
        put("0", 156)
        put("ustar\u{0}00", 257)
        let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
        put(String(repeating: "0", count: 6 - sum.count) + sum + "\u{0}", 148)
        return header + Array("root".utf8) + [UInt8](repeating: 0, count: 508)
    }
}
