import Crypto
package import PanalCore
import Synchronization

/// A part of a list, as a client asks for it.
package struct PageWish: Hashable, Sendable {
    /// The `next` of the page before; nil for the first one.
    package var cursor: String?
    /// Entries, from 1 to ``most``.
    package var limit: Int

    package static let most = 200

    package init(cursor: String? = nil, limit: Int = 50) {
        self.cursor = cursor
        self.limit = min(max(limit, 1), Self.most)
    }
}

/// Part of a list, and where the next part begins.
package struct Page<Entry: Sendable>: Sendable {
    package let entries: [Entry]
    /// For the next call, with the same filter; nil on the last page.
    package let next: String?
}

/// Lists in parts. What is added or taken away meanwhile moves nothing else: a part begins behind an entry, not at a number. All throw
/// `malformed` for a cursor that is not this list's, with this filter and this reader.
extension Panal {
    /// Jobs, the newest first. `everyone` is for administrators, others get `forbidden`.
    package func jobPage(
        _ principal: Principal, program: String? = nil, state: JobState? = nil, batch: BatchID? = nil,
        _ wish: PageWish, everyone: Bool = false
    ) async throws -> Page<Job> {
        let list = [
            "jobs", everyone ? "" : principal.user.text, program ?? "", state?.rawValue ?? "", batch?.text ?? "",
        ]
        return try await page(of: list, wish, place: { "\($0.submitted.microseconds) \($0.id)" }) { place, limit in
            try await jobs(
                principal, program: program, state: state, batch: batch, before: try place.map(Self.jobPlace),
                limit: limit, everyone: everyone)
        }
    }

    /// Batches, the newest first. `everyone` is for administrators, others get `forbidden`.
    package func batchPage(
        _ principal: Principal, program: String? = nil, _ wish: PageWish, everyone: Bool = false
    ) async throws -> Page<BatchSummary> {
        if everyone { try requireAdministrator(principal) }
        let list = ["batches", everyone ? "" : principal.user.text, program ?? ""]
        let place = { (entry: BatchSummary) in "\(entry.batch.submitted.microseconds) \(entry.batch.id)" }
        return try await page(of: list, wish, place: place) { behind, limit in
            let before = try behind.map { text -> BatchPlace in
                let place: (moment: Timestamp, id: BatchID) = try Self.moment(text)
                return BatchPlace(submitted: place.moment, batch: place.id)
            }
            return try await store.batches(
                BatchQuery(
                    owner: everyone ? nil : principal.user, program: program, before: before, limit: limit))
        }
    }

    /// By name; administrators only.
    package func userPage(_ principal: Principal, _ wish: PageWish) async throws -> Page<User> {
        try requireAdministrator(principal)
        return try await page(of: ["users"], wish, place: \.name) { try await store.users(after: $0, limit: $1) }
    }

    /// By name; administrators only.
    package func groupPage(_ principal: Principal, _ wish: PageWish) async throws -> Page<UserGroup> {
        let groups = try groups(principal)
        return try await page(of: ["groups"], wish, place: \.name) { place, limit in
            let first = place.flatMap { place in groups.firstIndex { $0.name > place } ?? groups.endIndex } ?? 0
            return Array(groups[first...].prefix(limit))
        }
    }

    /// What the principal may use, by name.
    package func programPage(_ principal: Principal, _ wish: PageWish) async throws -> Page<ProgramEntry> {
        let reader = principal.isAdministrator ? nil : principal.user
        return try await page(of: ["programs", reader?.text ?? ""], wish, place: \.program.name) { place, limit in
            try await store.programs(visibleTo: reader, after: place, limit: limit)
                .map { try entry($0, for: principal) }
        }
    }

    /// The versions of a program, the newest first.
    package func versionPage(
        _ principal: Principal, program name: String, _ wish: PageWish
    ) async throws -> Page<ProgramEntry> {
        let newest = try await program(principal, name: name, version: nil)
        let list = ["versions", newest.program.id.text]
        return try await page(of: list, wish, place: { "\($0.version.number)" }) { place, limit in
            try await store.versions(of: newest.program.id, before: try place.map(Self.number), limit: limit).map {
                try entry(
                    StoredProgram(program: newest.program, version: $0, ownerName: newest.ownerName), for: principal)
            }
        }
    }

    /// The principal's own keys, in the order of their making.
    package func keyPage(_ principal: Principal, _ wish: PageWish) async throws -> Page<APIKey> {
        let list = ["keys", principal.user.text]
        return try await page(of: list, wish, place: { "\($0.created.microseconds) \($0.id)" }) { place, limit in
            let after = try place.map { text -> KeyPlace in
                let place: (moment: Timestamp, id: APIKeyID) = try Self.moment(text)
                return KeyPlace(created: place.moment, key: place.id)
            }
            return try await store.keys(of: principal.user, after: after, limit: limit)
        }
    }

    /// Who did what, the newest first; administrators only.
    package func auditPage(
        _ principal: Principal, user: UserID?, action: String?, before: Int? = nil, _ wish: PageWish
    ) async throws -> Page<AuditEntry> {
        try await page(of: ["audit", user?.text ?? "", action ?? ""], wish, place: { "\($0.number)" }) { place, limit in
            let first = min(try place.map(Self.number) ?? .max, before ?? .max)
            return try await audit(
                principal, AuditQuery(user: user, action: action, before: first, limit: limit))
        }
    }

    /// What has moved an account's credit, the newest first; one's own, for administrators everybody's.
    package func creditPage(
        _ principal: Principal, of name: AccountName?, _ wish: PageWish
    ) async throws -> Page<LedgerLine> {
        let account =
            switch name {
            case nil: principal.user.text
            case .user(let user)?: "user \(user)"
            case .group(let group)?: "group \(group)"
            }
        return try await page(of: ["credits", account], wish, place: { "\($0.number)" }) { place, limit in
            try await creditLines(
                principal, of: name, before: try place.map { Int64(try Self.number($0)) }, limit: limit)
        }
    }

    /// What was sent to a webhook of one's own, the newest first.
    package func deliveryPage(
        _ principal: Principal, of webhook: WebhookID, _ wish: PageWish
    ) async throws -> Page<WebhookDelivery> {
        try await page(of: ["deliveries", webhook.text], wish, place: \.id.text) { place, limit in
            try await deliveries(
                principal, of: webhook, before: try place.map { try Self.identifier($0) }, limit: limit)
        }
    }

    // MARK: - Places

    /// `list` is its name and all that decides what is on it; `place` is where an entry stands; `fetch` reads behind a place.
    private func page<Entry: Sendable>(
        of list: [String], _ wish: PageWish, place: (Entry) -> String,
        _ fetch: (_ behind: String?, _ limit: Int) async throws -> [Entry]
    ) async throws -> Page<Entry> {
        let scope = list.map { "\($0.utf8.count):\($0)" }.joined()
        let key = try await signingKey()
        let behind = try wish.cursor.map { try Cursor(reading: $0, of: scope, key: key).place }
        // One more than asked for tells whether there is a next page.
        let found = try await fetch(behind, wish.limit + 1)
        guard found.count > wish.limit, let last = found.prefix(wish.limit).last else {
            return Page(entries: found, next: nil)
        }
        return Page(
            entries: Array(found.prefix(wish.limit)), next: Cursor(place: place(last)).text(of: scope, key: key))
    }

    private static func jobPlace(_ text: String) throws -> JobPlace {
        let place: (moment: Timestamp, id: JobID) = try moment(text)
        return JobPlace(job: place.id, submitted: place.moment)
    }

    private static func moment<Subject>(_ text: String) throws -> (moment: Timestamp, id: Identifier<Subject>) {
        let parts = text.split(separator: " ").map(String.init)
        guard parts.count == 2, let microseconds = Int64(parts[0]) else { throw Cursor.foreign }
        return (Timestamp(microseconds: microseconds), try identifier(parts[1]))
    }

    private static func identifier<Subject>(_ text: String) throws -> Identifier<Subject> {
        guard let identifier = Identifier<Subject>(text) else { throw Cursor.foreign }
        return identifier
    }

    private static func number(_ text: String) throws -> Int {
        guard let number = Int(text) else { throw Cursor.foreign }
        return number
    }

    func signingKey() async throws -> SymmetricKey {
        if let known = cursorKey.withLock(\.self) { return SymmetricKey(data: known) }
        let key = try await store.signingKey()
        cursorKey.withLock { $0 = key }
        return SymmetricKey(data: key)
    }
}
