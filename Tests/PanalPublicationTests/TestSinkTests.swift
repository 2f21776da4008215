import Foundation
import Glibc
import PanalCore
import PanalManifest
@testable import PanalPublication
import Testing

/// What is kept of a test's run: what the test asks for, and no more.
@Suite struct TestSinkTests {
    private static func sink(_ test: String) throws -> TestSink {
        let manifest = try Manifest(parsing: Data(#"{"name": "t", "inputs": [], "tests": [\#(test)]}"#.utf8))
        return TestSink(for: try #require(manifest.tests.first))
    }

    /// Whatever the sizes of the pieces, and wherever the text lies.
    @Test(arguments: [1, 2, 3, 5, 64])
    func textsAreFoundAcrossPieces(size: Int) {
        let texts = ["aab", "abab", "zz", "a", "gone"]
        let bytes = Array("xaaabababaz".utf8) + Array("zend".utf8)
        var search = TextSearch(texts)
        for start in stride(from: 0, to: bytes.count, by: size) {
            search.take(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        #expect(search.found == ["aab", "abab", "zz", "a"])
        #expect(!search.foundAll)
    }

    /// Against a plain search, over all short texts of two letters.
    @Test func theSearchAgreesWithAPlainOne() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let text = String((0..<40).map { _ in Bool.random(using: &generator) ? "a" : "b" })
            let wanted = String((0..<Int.random(in: 1...6)).map { _ in Bool.random(using: &generator) ? "a" : "b" })
            var search = TextSearch([wanted])
            for byte in text.utf8 { search.take([byte]) }
            #expect(search.foundAll == text.contains(wanted), "\(wanted) in \(text)")
        }
    }

    /// A flood is not kept.
    @Test func onlyTheEndOfAStreamIsKept() throws {
        let sink = try Self.sink(#"{"stderr": "needle"}"#)
        let piece = Array(String(repeating: "x", count: 100_000).utf8)
        for _ in 0..<10 { try sink.append(piece.span.bytes, to: .error) }
        let last = Array("need".utf8) + Array("le\nthe end".utf8)
        try sink.append(Array(last.prefix(4)).span.bytes, to: .error)
        try sink.append(Array(last.dropFirst(4)).span.bytes, to: .error)
        let evidence = sink.evidence(AttemptResult(outcome: .exited(code: 0), usage: ResourceUsage()))
        #expect(evidence.error.isAsWanted)
        #expect(evidence.error.tail.hasSuffix("xneedle\nthe end"))
        #expect(evidence.error.tail.utf8.count == TestEvidence.tailBytes)
        #expect(evidence.output == TestEvidence.Stream(isAsWanted: true, tail: ""))
    }

    @Test func resultFilesAreReadAndNotStored() throws {
        let sink = try Self.sink(#"{"outputs": [{"path": "a", "contains": "needle"}]}"#)
        let path = NSTemporaryDirectory() + "panal-test-" + UUID().uuidString
        defer { unlink(path) }
        let bytes = [UInt8](repeating: 0, count: 300_000) + Array("needle".utf8)
        #expect(FileManager.default.createFile(atPath: path, contents: Data(bytes)))
        let file = open(path, O_RDONLY)
        defer { close(file) }
        let stored = try sink.store(descriptor: file, limit: bytes.count)
        #expect(stored.bytes == bytes.count)
        let result = AttemptResult(
            outcome: .exited(code: 0), usage: ResourceUsage(),
            files: [JobFile(path: "a", bytes: stored.bytes, content: stored.content)])
        #expect(sink.evidence(result).files.map(\.texts) == [["needle"]])
        lseek(file, 0, SEEK_SET)
        #expect(throws: FileTooLong(limit: 100)) { try sink.store(descriptor: file, limit: 100) }
    }
}
