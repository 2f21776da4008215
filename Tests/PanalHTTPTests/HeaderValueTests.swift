import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing
import PanalCore

@testable import PanalHTTP

@Suite("Values of headers and texts") struct HeaderValueTests {
    @Test(arguments: [
        ("wait=5", 5), ("respond-async, wait=10", 10), ("wait = 3; x=y", 3), ("WAIT=\"7\"", 7), ("wait=0", 0),
    ]) func preferencesAreRead(header: String, seconds: Int) throws {
        #expect(HeaderValues.wait([try #require(HTTPField.Name("Prefer")): header]) == seconds)
    }

    @Test(arguments: ["", "wait", "wait=", "wait=-1", "wait=x", "handling=lenient"])
    func otherPreferencesAreNone(header: String) throws {
        #expect(HeaderValues.wait([try #require(HTTPField.Name("Prefer")): header]) == nil)
    }

    /// Names as programs choose them, and the header that names them.
    @Test(arguments: [
        ("out.png", "attachment; filename=\"out.png\"; filename*=UTF-8''out.png"),
        ("deep/ä.png", "attachment; filename=\"_.png\"; filename*=UTF-8''%C3%A4.png"),
        ("a\"b\\c;d%.x", "attachment; filename=\"a_b_c_d_.x\"; filename*=UTF-8''a%22b%5Cc%3Bd%25.x"),
        ("a\r\nX: y", "attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y"),
        ("", "attachment; filename=\"file\"; filename*=UTF-8''file"),
    ]) func namesAreEscaped(name: String, header: String) {
        #expect(HeaderValues.disposition("attachment", fileName: name) == header)
    }

    @Test(arguments: [
        ("multipart/form-data; boundary=abc", "abc"), ("multipart/form-data; charset=x; Boundary=\"a b\"", "a b"),
        ("multipart/form-data", nil), ("multipart/form-data; boundary=", ""),
    ]) func parametersAreFound(header: String, value: String?) {
        #expect(HeaderValues.parameter("boundary", of: header) == value)
    }

    @Test(arguments: [
        ("a%20b", "a b"), ("%C3%B1", "ñ"), ("a+b", "a+b"), ("%", nil), ("%4", nil), ("%zz", nil), ("%ff", nil),
        ("", ""),
    ]) func escapesAreUndone(text: String, expected: String?) {
        #expect(PercentCoding.decoded(text) == expected)
    }

    @Test func escapingTakesEveryDangerousLetter() {
        let text = ScalarSafeHTML().escapeText("<a href=\"x\" b='y'>&\u{0}\u{1B}\"\u{301}\n\t")
        #expect(text == "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\u{FFFD}\u{FFFD}&quot;\u{301}\n\t")
    }

    @Test func endsOfTextsAreWhole() {
        let text = Array("añb".utf8)
        // Cut inside ñ, from both sides.
        #expect(TextEnds.beginning(of: Array(text[..<2]), isWhole: false) == "a…")
        #expect(TextEnds.beginning(of: Array(text[..<3]), isWhole: false) == "añ…")
        #expect(TextEnds.end(of: Array(text[2...]), isWhole: false) == "…b")
        #expect(TextEnds.end(of: Array("half\nwhole\n".utf8), isWhole: false) == "whole\n")
        #expect(TextEnds.end(of: [0xFF, 0x41], isWhole: true) == "\u{FFFD}A")
    }

    /// Tables as programs write them.
    @Test(arguments: [
        ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]), ("a;b\r\n\"x;\"\"y\"\"\";2", [["a", "b"], ["x;\"y\"", "2"]]),
        ("a\tb", [["a", "b"]]), ("", []), ("\"open", [["open"]]), ("a,\n", [["a", ""]]),
    ]) func tablesAreRead(text: String, rows: [[String]]) {
        #expect(DelimitedTable.rows(text, delimiter: nil, atMost: 10) == rows)
    }

    /// `Expect: 100-continue` is answered at once, but never between the parts of another answer.
    @Test func clientsThatWaitAreToldToGoOn() throws {
        let channel = EmbeddedChannel(handler: ContinueHandler())
        let head = HTTPRequest(
            method: .post, scheme: "http", authority: "x", path: "/", headerFields: [.expect: "100-continue"])
        try channel.writeInbound(HTTPRequestPart.head(head))
        guard case .head(let first)? = try channel.readOutbound(as: HTTPResponsePart.self) else {
            Issue.record("nothing was answered")
            return
        }
        #expect(first.status == .continue)
        // A second one while the first is not answered waits for that.
        try channel.writeInbound(HTTPRequestPart.head(head))
        #expect(try channel.readOutbound(as: HTTPResponsePart.self) == nil)
        try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .ok)))
        try channel.writeOutbound(HTTPResponsePart.end(nil))
        var seen: [String] = []
        while let part = try channel.readOutbound(as: HTTPResponsePart.self) {
            switch part {
            case .head(let head): seen.append(String(head.status.code))
            case .body: seen.append("body")
            case .end: seen.append("end")
            }
        }
        #expect(seen == ["200", "end", "100"])
        _ = try channel.finish()
    }

    /// Only GET has ranges (RFC 9110 §14.2).
    @Test func headOfARangeIsTheHeadOfAll() async throws {
        try await Site.open { site, client in
            let job = try await site.job()
            var headers = site.owner.bearer
            headers[.range] = "bytes=1-2"
            let head = try await client.send(.head, "/api/v1/jobs/\(job)/stdout", headers)
            #expect(head.status == .ok)
            #expect(head.headers[.contentLength] == "6")
            #expect(try await client.send(.get, "/api/v1/jobs/\(job)/stdout", headers).status == .partialContent)
        }
    }

    @Test func requestsThatDoNotWaitAreNot() throws {
        let channel = EmbeddedChannel(handler: ContinueHandler())
        try channel.writeInbound(
            HTTPRequestPart.head(HTTPRequest(method: .post, scheme: "http", authority: "x", path: "/")))
        #expect(try channel.readOutbound(as: HTTPResponsePart.self) == nil)
        _ = try channel.finish()
    }
}
