import Foundation
import HTTPTypes
@testable import PanalHTTP
import PanalService
import Testing

/// No page that a browser has not looked at: what `Tests/Browser` opens is held against the routes.
@Suite("Pages that are looked at") struct BrowserPagesTests {
    /// What is asked for by pages, and is none itself: parts, streams, files.
    private static let noPages: Set<String> = [
        "/", "/assets/{name}", "/batches/{id}/live", "/batches/{id}/table", "/images/live", "/images/{id}/live",
        "/jobs/{id}/archive", "/jobs/{id}/files/**", "/jobs/{id}/live", "/jobs/{id}/stderr", "/jobs/{id}/stdout",
        "/jobs/{id}/stream", "/machine/live", "/programs/{name}/choices/{field}", "/programs/{name}/rules",
        "/shared/{secret}/archive", "/shared/{secret}/files/**",
    ]

    @Test func everyRouteThatAnswersAPageIsOpened() async throws {
        let table = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Browser/browser.py")
        let text = try String(contentsOf: table, encoding: .utf8)
        let opened = Set(text.matches(of: /\n        "(\/[^"]*)": \[/).map { String($0.1) })
        try await Site.open { site, _ in
            let pages = site.web.routes.filter { $0.method == .get && !RequestScope.isInterface($0.path) }.map(\.path)
            #expect(pages.count > 30)
            #expect(Set(pages).subtracting(Self.noPages) == opened)
            #expect(Self.noPages.isSubset(of: pages))
        }
    }
}
