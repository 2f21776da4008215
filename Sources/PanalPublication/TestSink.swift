import Crypto
import Glibc
package import PanalCore
package import PanalManifest
import Synchronization

/// Takes what the run of a test writes and keeps nothing of it but what the test asks for: so nothing has to be removed afterwards,
/// whichever way this process ends, and a flood costs no room.
package final class TestSink: AttemptSink {
    private struct State {
        var output: Stream
        var error: Stream
        /// By content: the sink is not told the names of files.
        var texts: [ContentHash: Set<String>] = [:]
    }

    private struct Stream {
        var search: TextSearch
        var tail: [UInt8] = []

        mutating func take(_ piece: [UInt8]) {
            search.take(piece)
            tail = (tail + piece).suffix(TestEvidence.tailBytes)
        }

        var evidence: TestEvidence.Stream {
            TestEvidence.Stream(isAsWanted: search.foundAll, tail: Shown.tail(tail))
        }
    }

    private let wanted: Set<String>
    private let state: Mutex<State>

    package init(for test: ManifestTest) {
        wanted = test.wantedTexts
        state = Mutex(
            State(
                output: Stream(search: TextSearch([test.standardOutput].compactMap(\.self))),
                error: Stream(search: TextSearch([test.standardError].compactMap(\.self)))))
    }

    package func append(_ bytes: borrowing RawSpan, to stream: OutputStream) throws {
        let piece = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        state.withLock { state in
            switch stream {
            case .output: state.output.take(piece)
            case .error: state.error.take(piece)
            }
        }
    }

    /// Each byte is held against fifty texts of the author's choice.
    package var takesItsTime: Bool { !wanted.isEmpty }

    package func store(descriptor: Int32, limit: Int) throws -> (content: ContentHash, bytes: Int) {
        var hasher = SHA256()
        var search = TextSearch(wanted)
        var bytes = 0
        while true {
            let piece = try Self.read(descriptor)
            if piece.isEmpty { break }
            bytes += piece.count
            guard bytes <= limit else { throw FileTooLong(limit: limit) }
            hasher.update(data: piece)
            search.take(piece)
        }
        let content = StoredText.hash(hasher.finalize())
        state.withLock { $0.texts[content] = search.found }
        return (content, bytes)
    }

    /// What the run has left, as its result says.
    func evidence(_ result: AttemptResult) -> TestEvidence {
        state.withLock { state in
            TestEvidence(
                outcome: result.outcome,
                files: result.files.map { file in
                    TestEvidence.File(
                        path: file.path, bytes: file.bytes, content: file.content,
                        texts: state.texts[file.content] ?? [])
                }, skipped: result.skipped, output: state.output.evidence, error: state.error.evidence)
        }
    }

    private static func read(_ descriptor: Int32) throws(SystemError) -> [UInt8] {
        var failure: Int32?
        let size = 256 << 10
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            var got: Int
            repeat { got = unsafe Glibc.read(descriptor, buffer.baseAddress, size) } while got < 0 && errno == EINTR
            if got < 0 { failure = errno }
            filled = max(got, 0)
        }
        if let failure {
            throw SystemError(step: "test.file", errno: Int(failure), detail: "a result file cannot be read")
        }
        return bytes
    }
}

/// Looks for texts in bytes that come in pieces of any size, and holds none of them (Knuth, Morris, Pratt: in time proportional to the
/// bytes, whatever stands in them).
struct TextSearch {
    private struct Needle {
        let text: String
        let bytes: [UInt8]
        /// How much of the beginning still fits where the byte after so many does not.
        let shorter: [Int]
        /// Bytes of the beginning that the last ones are.
        var matched = 0

        init(_ text: String) {
            self.text = text
            let bytes = Array(text.utf8)
            var shorter = [Int](repeating: 0, count: bytes.count)
            var length = 0
            for place in bytes.indices.dropFirst() {
                while length > 0, bytes[place] != bytes[length] { length = shorter[length - 1] }
                if bytes[place] == bytes[length] { length += 1 }
                shorter[place] = length
            }
            (self.bytes, self.shorter) = (bytes, shorter)
        }

        /// Whether the text ends in this piece.
        mutating func ends(in piece: [UInt8]) -> Bool {
            var matched = matched
            for byte in piece {
                while matched > 0, byte != bytes[matched] { matched = shorter[matched - 1] }
                if byte == bytes[matched] { matched += 1 }
                if matched == bytes.count { return true }
            }
            self.matched = matched
            return false
        }
    }

    private var missing: [Needle]
    private(set) var found: Set<String> = []

    init(_ texts: some Sequence<String>) { missing = texts.filter { !$0.isEmpty }.map(Needle.init) }

    var foundAll: Bool { missing.isEmpty }

    mutating func take(_ piece: [UInt8]) {
        for place in missing.indices.reversed() where missing[place].ends(in: piece) {
            found.insert(missing[place].text)
            missing.remove(at: place)
        }
    }
}

/// Bytes under the name that stores know them by.
package enum StoredText {
    package static func hash(of bytes: [UInt8]) -> ContentHash { hash(SHA256.hash(data: bytes)) }

    static func hash(_ digest: SHA256.Digest) -> ContentHash {
        let digits = Array("0123456789abcdef".utf8)
        let letters = digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        guard let hash = ContentHash(hex: String(decoding: letters, as: UTF8.self)) else {
            preconditionFailure("SHA-256 has 32 bytes")
        }
        return hash
    }
}
