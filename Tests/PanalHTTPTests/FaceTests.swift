import Foundation
import PanalHTTP
import Testing

/// Each face is only where it was put.
@Suite("Faces") struct FaceTests {
    static let probes: [(path: String, face: Face)] = [
        ("/sign-in", .pages), ("/assets/panal.css", .pages), ("/api/v1/states", .interface),
        ("/healthz", .operations), ("/readyz", .operations), ("/metrics", .operations),
    ]

    @Test(arguments: [
        [Face.pages], [.interface], [.operations], [.pages, .interface], [.interface, .operations], Face.allCases,
    ]) func onlyItsFacesAreThere(faces: [Face]) async throws {
        try await Site.listen(Listener(host: "127.0.0.1", port: 0, faces: Set(faces))) { site, port in
            for (path, face) in Self.probes {
                let connection = try RawConnection(port: port)
                try await connection.send(
                    "GET \(path) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(site.administrator.key)\r\n\r\n")
                #expect(
                    try await connection.isAnswered(faces.contains(face) ? 200 : 404), "\(path): \(connection.text)")
                if !faces.contains(.pages) { #expect(!connection.text.contains("<html")) }
            }
        }
    }

    /// Every route belongs to one of them, and none of a page's is called by programs.
    @Test func everyRouteHasItsFace() async throws {
        try await Site.open { site, _ in
            for route in site.web.routes {
                let isPage = route.access == .page || route.access == .administratorPage
                if isPage { #expect(route.face == .pages, "\(route.path)") }
                if route.access == .interface || route.access == .administratorInterface {
                    #expect(route.face != .pages, "\(route.path)")
                }
            }
        }
    }
}
