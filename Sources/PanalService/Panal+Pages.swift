import Crypto
import FoundationEssentials
package import PanalCore
import Synchronization

/// Part of a list, and where the next part begins.
package struct JobPage: Sendable {
    package let jobs: [Job]
    /// For the next call, with the same filter; nil on the last page.
    package let next: String?
}

extension Panal {
    /// Jobs, the newest first, `limit` (1 to 1000) of them from where `cursor` says on. What is submitted meanwhile moves nothing.
    /// `everyone` is for administrators, others get `forbidden`. Throws `malformed` for a cursor that is not this list's.
    package func jobPage(
        _ principal: Principal, program: String? = nil, state: JobState? = nil, cursor: String?, limit: Int,
        everyone: Bool = false
    ) async throws -> JobPage {
        let scope = [everyone ? "" : principal.user.text, program ?? "", state?.rawValue ?? ""]
            .map { "\($0.utf8.count):\($0)" }.joined()
        let key = try await cursorSigningKey()
        let before = try cursor.map { try Cursor(reading: $0, of: scope, key: key).place }
        // One more than asked for tells whether there is a next page.
        let found = try await jobs(
            principal, program: program, state: state, before: before, limit: min(max(limit, 1), 999) + 1,
            everyone: everyone)
        guard found.count > limit, let last = found.prefix(limit).last else { return JobPage(jobs: found, next: nil) }
        let next = Cursor(place: JobPlace(job: last.id, submitted: last.submitted)).text(of: scope, key: key)
        return JobPage(jobs: Array(found.prefix(limit)), next: next)
    }

    private func cursorSigningKey() async throws -> SymmetricKey {
        if let known = cursorKey.withLock(\.self) { return SymmetricKey(data: known) }
        let key = try await store.signingKey()
        cursorKey.withLock { $0 = key }
        return SymmetricKey(data: key)
    }
}

/// A place in a list as clients carry it: opaque, and signed together with the list's filter, so that it says nothing to another list.
struct Cursor: Hashable {
    let place: JobPlace

    private static let codeBytes = 16

    init(place: JobPlace) { self.place = place }

    func text(of scope: String, key: SymmetricKey) -> String {
        let moment = UInt64(bitPattern: place.submitted.microseconds)
        let content = (0..<8).map { UInt8(truncatingIfNeeded: moment >> (56 - 8 * $0)) } + Array(place.job.text.utf8)
        let text = Data(content + Self.code(content, scope, key)).base64EncodedString()
        return text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    init(reading text: String, of scope: String, key: SymmetricKey) throws {
        let plain = text.replacing("-", with: "+").replacing("_", with: "/")
        let padded = plain + String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4)
        guard text.utf8.count < 128, let data = Data(base64Encoded: padded), data.count == 28 + Self.codeBytes else {
            throw Self.foreign
        }
        let content = Array(data.prefix(28))
        guard Secrets.areEqual(Array(data.suffix(Self.codeBytes)), Self.code(content, scope, key)),
            let job = JobID(String(decoding: content.suffix(20), as: UTF8.self))
        else { throw Self.foreign }
        let moment = content.prefix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        place = JobPlace(job: job, submitted: Timestamp(microseconds: Int64(bitPattern: moment)))
    }

    private static func code(_ content: [UInt8], _ scope: String, _ key: SymmetricKey) -> [UInt8] {
        let code = HMAC<SHA256>.authenticationCode(for: Array("cursor of jobs \(scope)\n".utf8) + content, using: key)
        return Array(code.prefix(codeBytes))
    }

    private static let foreign = ServiceError(.malformed, "the query's ‘cursor’ is no cursor of this list")
}
