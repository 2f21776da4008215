import Logging
package import PanalCore

extension Panal {
    /// Signs a person in. `address` is where the request came from, for throttling.
    ///
    /// Throws `unauthenticated` for a wrong name or password alike, `forbidden` for a disabled user who gave the right one, and
    /// `overloaded` with `retryAfter` after too many failures.
    package func signIn(name: String, password: String, from address: String) async throws -> SignedIn {
        let now = clock.now()
        // No name is longer; by bytes, since one character can have a million of them, and the throttle remembers names.
        let name = String(decoding: name.utf8.prefix(64), as: UTF8.self)
        let user = try await store.user(named: name)
        guard try await isRight(password, name: name, user: user, address: address), let user else {
            logger.info("sign-in refused", metadata: ["address": "\(address)"])
            throw ServiceError(.unauthenticated, "the name or the password is wrong")
        }
        guard user.status == .available else {
            throw ServiceError(.forbidden, "this user is \(user.status.rawValue)")
        }
        let token = Secrets.make()
        let session = StoredSession(
            tokenHash: Secrets.hash(token), user: user.id, created: now, expires: now + settings.sessionLifetime)
        try await store.insert(session)
        return SignedIn(
            token: token, csrf: Secrets.formToken(of: token), principal: Principal(of: user), expires: session.expires)
    }

    /// Who the token belongs to; nil when it is unknown, expired, or its user is not available any more.
    package func session(token: String) async throws -> SessionInfo? {
        guard let (session, user) = try await store.session(tokenHash: Secrets.hash(token)),
            session.expires > clock.now(), user.status == .available
        else { return nil }
        return SessionInfo(
            principal: Principal(of: user), csrf: Secrets.formToken(of: token), expires: session.expires)
    }

    /// Ends the session; harmless when it is not there.
    package func signOut(token: String) async throws {
        let hash = Secrets.hash(token)
        let user = try await store.session(tokenHash: hash)?.user.id
        try await store.deleteSession(tokenHash: hash)
        if let user { accessSignals.post(about: user) }
    }

    /// Registers somebody; administrators only. Without `password` a random one is made. The answer is the only place that names it.
    package func createUser(_ principal: Principal, name: String, password: String?, role: Role) async throws -> (
        user: User, password: String
    ) {
        try requireAdministrator(principal)
        return try await addUser(name: name, password: password, role: role)
    }

    /// Administrators only.
    package func user(_ principal: Principal, _ id: UserID) async throws -> User {
        try requireAdministrator(principal)
        guard let user = try await store.user(id) else { throw Self.noUser }
        return user
    }

    package func users(_ principal: Principal) async throws -> [User] {
        try requireAdministrator(principal)
        return try await store.users()
    }

    /// Makes a user available, disabled or blocked; administrators only. Sessions end and keys rest while the user is not available.
    /// Throws `conflict` for the last administrator.
    package func setStatus(_ principal: Principal, user: UserID, to status: UserStatus) async throws -> User {
        try await changeUser(principal, user, status: status)
    }

    /// Status and role at once, or one of them; administrators only, and at once. Throws `conflict` for the last administrator, and
    /// `changed` where the user is not as `expected`.
    package func changeUser(
        _ principal: Principal, _ id: UserID, status: UserStatus? = nil, role: Role? = nil,
        expecting expected: User? = nil
    ) async throws -> User {
        try requireAdministrator(principal)
        do {
            let user = try await store.change(id, status: status, role: role, expecting: expected)
            accessSignals.post(about: id)
            return user
        } catch StoreError.changed {
            throw Self.changed
        } catch StoreError.lastAdministrator {
            throw ServiceError(.conflict, "nobody would be left to administer: make another administrator first")
        } catch StoreError.unknown {
            throw Self.noUser
        }
    }

    /// Changes the principal's own password and ends all their sessions. Wrong old passwords are throttled like sign-ins.
    package func changePassword(_ principal: Principal, old: String, new: String) async throws {
        guard let user = try await store.user(principal.user) else {
            throw ServiceError(.unauthenticated, "unknown user")
        }
        try checkNewPassword(new)
        guard try await isRight(old, name: user.name, user: user, address: "password of \(user.id)") else {
            throw ServiceError(
                .invalid, mistake: "/old", "this is not the present password", spanish: "no es la contraseña actual")
        }
        let credential = try await passwords.makeCredential(for: new)
        try await store.replaceCredential(of: user.id, with: credential)
        accessSignals.post(about: user.id)
    }

    /// Gives a user a new random password, ends their sessions and answers the password once; administrators only.
    package func resetPassword(_ principal: Principal, user: UserID) async throws -> String {
        try requireAdministrator(principal)
        guard try await store.user(user) != nil else { throw ServiceError(.notFound, "there is no such user") }
        let password = Secrets.make(bits: 80)
        try await store.replaceCredential(of: user, with: try await passwords.makeCredential(for: password))
        accessSignals.post(about: user)
        return password
    }

    func addUser(name: String, password: String?, role: Role) async throws -> (user: User, password: String) {
        guard Self.isAccountName(name) else {
            throw ServiceError(.invalid, mistake: "/name", Self.accountNameRule, spanish: Self.spanishAccountNameRule)
        }
        let password = password ?? Secrets.make(bits: 80)
        try checkNewPassword(password)
        let now = clock.now()
        let user = User(id: .make(at: now), name: name, role: role, status: .available, created: now)
        do {
            try await store.insert(user, credential: try await passwords.makeCredential(for: password))
        } catch StoreError.nameTaken {
            throw Self.nameOfUserTaken(name)
        }
        return (user, password)
    }

    static let accountNameRule = "2 to 40 characters out of a-z, 0-9, ‘.’, ‘_’ and ‘-’, and no identifier"
    static let spanishAccountNameRule = "de 2 a 40 caracteres de a-z, 0-9, «.», «_» y «-», y ningún identificador"

    static func isAccountName(_ name: String) -> Bool {
        let letters = Set("abcdefghijklmnopqrstuvwxyz0123456789._-".utf8)
        // Where a user or a group is named an identifier is taken too: no name may be somebody else's.
        return (2...40).contains(name.utf8.count) && name.utf8.allSatisfy(letters.contains) && UserID(name) == nil
    }

    /// The user whom a text means: an identifier, or else a name. For administrators; throws `notFound` where there is none.
    package func userID(_ principal: Principal, meantBy text: String) async throws -> UserID {
        try requireAdministrator(principal)
        guard let user = try await meant(by: text) else { throw Self.noUser }
        return user.id
    }

    /// Not to be answered to anybody who is no administrator.
    func meant(by text: String) async throws -> User? {
        if let id = UserID(text), let user = try await store.user(id) { return user }
        return try await user(named: text)
    }

    /// The same of a group.
    package func groupID(_ principal: Principal, meantBy text: String) throws -> GroupID {
        try requireAdministrator(principal)
        guard let group = group(meantBy: text) else { throw Self.noGroup }
        return group.id
    }

    func group(meantBy text: String) -> UserGroup? {
        GroupID(text).flatMap { tenancy.group($0) } ?? tenancy.groups.first { $0.name == text }
    }

    /// For the audit log; not to be answered to anybody.
    package func user(named name: String) async throws -> User? {
        try await store.user(named: String(decoding: name.utf8.prefix(64), as: UTF8.self))
    }

    func requireAdministrator(_ principal: Principal) throws {
        guard !principal.isAdministrator else { return }
        // An administrator with a key for less.
        if principal.role == .administrator { throw ServiceError.outOfScope(.administration) }
        throw ServiceError(.forbidden, "only administrators may do this")
    }

    func checkNewPassword(_ password: String) throws {
        let least = configuration.minimumPasswordLength
        guard password.count >= least else {
            throw ServiceError(
                .invalid, mistake: "/password", "at least \(least) characters", spanish: "al menos \(least) caracteres")
        }
        guard password.utf8.count <= 1_024 else {
            throw ServiceError(.invalid, mistake: "/password", "at most 1024 bytes", spanish: "como mucho 1024 bytes")
        }
    }

    private func isRight(_ password: String, name: String, user: User?, address: String) async throws -> Bool {
        if let wait = throttle.begin(name: name, address: address, at: clock.now()) {
            throw ServiceError(.overloaded, "too many failed tries: wait a moment", retryAfter: wait)
        }
        let isRight: Bool
        do {
            let credential = if let user { try await store.credential(of: user.id) } else { Credential?.none }
            isRight = try await passwords.check(String(password.prefix(1_024)), against: credential)
        } catch {
            throttle.forgive(name: name, address: address, at: clock.now())
            throw error
        }
        if isRight { throttle.forgive(name: name, address: address, at: clock.now()) }
        return isRight
    }
}

extension Panal {
    static let changed = ServiceError(.changed, "it is not any more what you take it for; read it again")
}

extension Principal {
    init(of user: User) {
        self.init(user: user.id, name: user.name, role: user.role)
    }
}

extension String {
    var trimmed: String {
        var text = self[...]
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
