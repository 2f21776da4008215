import Logging
package import PanalCore
import Synchronization

extension Panal {
    /// Who the key belongs to, and what it is good for; nil when it is unknown, revoked, expired, or its owner is not available any
    /// more.
    package func principal(apiKey: String) async throws -> Principal? {
        guard let (id, secret) = APIKeyText.parse(apiKey), let found = try await store.key(id) else { return nil }
        let now = clock.now()
        let hash = Secrets.hash(secret)
        let isPresent = Secrets.areEqual(hash.hex.utf8, found.secretHash.hex.utf8)
        guard isPresent || isPrevious(hash, found, now), found.key.expires.map({ $0 > now }) ?? true,
            found.owner.status == .available
        else { return nil }
        noteUse(of: found.key, at: now)
        var principal = Principal(of: found.owner)
        principal.key = KeyGrant(id: id, scopes: found.key.scopes, expires: found.key.expires)
        return principal
    }

    private func isPrevious(_ hash: ContentHash, _ found: StoredKey, _ now: Timestamp) -> Bool {
        guard let previous = found.previousHash, let until = found.key.previousHoldsUntil, until > now else {
            return false
        }
        return Secrets.areEqual(hash.hex.utf8, previous.hex.utf8)
    }

    /// A new key, `pnl_<id>_<secret>`; the secret is only in this answer. Without `lifetime` it holds until it is revoked, without
    /// `scopes` it is good for all that its maker may.
    ///
    /// Who comes by a key cannot make one that may more or holds longer: `forbidden` then, and what is left out is the key's own.
    package func createKey(
        _ principal: Principal, label: String, lifetime: Duration?, scopes: Set<KeyScope>? = nil
    ) async throws -> (key: APIKey, secret: String) {
        let label = label.trimmed
        guard (1...80).contains(label.count), !label.hasControlCharacters else {
            throw ServiceError(
                .invalid, mistake: "/label", "1 to 80 characters on one line",
                spanish: "de 1 a 80 caracteres en una línea")
        }
        if let lifetime, lifetime <= .zero {
            throw ServiceError(.invalid, mistake: "/lifetime", "more than 0 seconds", spanish: "más de 0 segundos")
        }
        if let scopes, scopes.isEmpty {
            let words = KeyScope.allCases.map(\.rawValue).joined(separator: ", ")
            throw ServiceError(
                .invalid, mistake: "/scopes", "at least one of \(words)", spanish: "al menos uno de \(words)")
        }
        let most = mostScopes(of: principal)
        let scopes = scopes ?? most
        try requireScopes(scopes, within: most)
        let now = clock.now()
        let expires = lifetime.map { now + $0 } ?? principal.key?.expires
        if let own = principal.key?.expires, let expires, expires > own {
            throw ServiceError(.forbidden, "a key cannot make one that holds longer than itself")
        }
        let secret = Secrets.make()
        let key = APIKey(
            id: .make(at: now), owner: principal.user, label: label, created: now, expires: expires, scopes: scopes)
        try await store.insert(key, secretHash: Secrets.hash(secret))
        return (key, APIKeyText.make(id: key.id, secret: secret))
    }

    /// What a key may be good for that `principal` makes.
    package func mostScopes(of principal: Principal) -> Set<KeyScope> {
        if let key = principal.key { return key.scopes }
        return Set(KeyScope.allCases.filter { $0 != .administration || principal.isAdministrator })
    }

    private func requireScopes(_ wanted: Set<KeyScope>, within most: Set<KeyScope>) throws {
        let beyond = KeyScope.allCases.filter { wanted.contains($0) && !most.contains($0) }.map(\.rawValue)
        guard beyond.isEmpty else {
            throw ServiceError(
                .forbidden, mistake: "/scopes", "you may not give away \(beyond.joined(separator: ", "))")
        }
    }

    /// The principal's own keys, in the order of their making.
    package func keys(_ principal: Principal) async throws -> [APIKey] {
        try await store.keys(of: principal.user)
    }

    /// One of the principal's own keys.
    package func key(_ principal: Principal, _ id: APIKeyID) async throws -> APIKey {
        guard let found = try await store.key(id), found.owner.id == principal.user else { throw Self.noKey }
        return found.key
    }

    /// A key that the principal may end: one of their own, for administrators anybody's.
    package func revocableKey(_ principal: Principal, _ id: APIKeyID) async throws -> APIKey {
        guard let found = try await store.key(id), found.owner.id == principal.user || principal.isAdministrator else {
            throw Self.noKey
        }
        return found.key
    }

    /// Throws `changed` where the key is not as `expected`.
    package func revokeKey(_ principal: Principal, _ id: APIKeyID, expecting expected: APIKey? = nil) async throws {
        let key = try await revocableKey(principal, id)
        do {
            guard try await store.deleteKey(id, expecting: expected) else { throw Self.noKey }
        } catch StoreError.changed {
            throw Self.changed
        }
        accessSignals.post(about: key.owner)
    }

    /// The longest that the secret before may be taken beside the new one.
    package static let longestGrace = Duration.seconds(7 * 86_400)

    /// Gives one of the principal's own keys a new secret, which is only in this answer; the present one is taken for `grace` more.
    /// Without grace nothing but the new one is good from now on, whatever was promised before. With grace an older secret keeps what it
    /// was promised: while it is still taken, `conflict` says until when. Scopes and end stay. Throws `forbidden` for whoever comes by a
    /// key that may less than this one or ends before it, `conflict` too when it has expired, `changed` where it is not as `expected`.
    package func rotateKey(
        _ principal: Principal, _ id: APIKeyID, grace: Duration, expecting expected: APIKey? = nil
    ) async throws -> (key: APIKey, secret: String) {
        guard grace >= .zero, grace <= Self.longestGrace else {
            throw ServiceError(
                .invalid, mistake: "/grace", "seconds, from 0 to \(Int(Self.longestGrace.inSeconds))")
        }
        guard let found = try await store.key(id), found.owner.id == principal.user else { throw Self.noKey }
        if var expected {
            // Noted on the way, and nothing that anybody has changed.
            expected.lastUsed = found.key.lastUsed
            guard found.key == expected else { throw Self.changed }
        }
        let now = clock.now()
        var key = found.key
        if let expires = key.expires, expires <= now {
            throw ServiceError(.conflict, "this key has expired: make a new one")
        }
        if let own = principal.key, own.id != id {
            try requireScopes(key.scopes, within: own.scopes)
            if let end = own.expires, key.expires.map({ $0 > end }) ?? true {
                throw ServiceError(.forbidden, "a key cannot renew one that holds longer than itself")
            }
        }
        if grace > .zero, let end = key.previousHoldsUntil, end > now { throw Self.earlierSecret(until: end, now) }
        let secret = Secrets.make()
        let until = now + grace
        guard
            try await store.replaceSecret(
                of: id, found.secretHash, with: Secrets.hash(secret), previousUntil: until)
        else {
            throw expected == nil
                ? ServiceError(.conflict, "somebody else is changing this key's secret") : Self.changed
        }
        accessSignals.post(about: principal.user)
        key.previousHoldsUntil = until
        return (key, APIKeyText.make(id: id, secret: secret))
    }

    /// A key has two secrets at most: the one before the present one would end for a third.
    private static func earlierSecret(until end: Timestamp, _ now: Timestamp) -> ServiceError {
        var error = ServiceError(
            .conflict,
            "the secret before this one is taken until \(end.rfc3339), and would end earlier: rotate after that, or with ‘grace’ 0, "
                + "which ends all earlier ones now", retryAfter: end - now)
        error.numbers["until"] = .string(end.rfc3339)
        return error
    }

    static let noKey = ServiceError(.notFound, "there is no such key")

    /// Once a minute at most, and nobody waits for it.
    private func noteUse(of key: APIKey, at now: Timestamp) {
        let isDue = keyUses.withLock { uses in
            if let last = uses[key.id] ?? key.lastUsed, now - last < .seconds(60), last <= now { return false }
            uses[key.id] = now
            return true
        }
        guard isDue else { return }
        Task {
            do {
                try await store.noteUse(of: key.id, at: now)
            } catch {
                logger.warning("a key's use was not noted", metadata: ["key": "\(key.id)", "error": "\(error)"])
            }
        }
    }
}
