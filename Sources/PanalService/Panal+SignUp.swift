import Logging
package import PanalCore

extension Panal {
    /// Makes an invitation; administrators only. The token is only in this answer.
    package func createInvitation(
        _ principal: Principal, label: String, lifetime: Duration, role: Role = .user, group: GroupID? = nil
    ) async throws -> (invitation: Invitation, token: String) {
        try requireAdministrator(principal)
        let label = label.trimmed
        guard (1...80).contains(label.count), !label.hasControlCharacters else {
            throw ServiceError(
                .invalid, mistake: "/label", "1 to 80 characters on one line",
                spanish: "de 1 a 80 caracteres en una línea")
        }
        guard lifetime > .zero, lifetime <= Self.longestInvitation else {
            throw ServiceError(
                .invalid, mistake: "/lifetime", "seconds, from 1 to \(Int(Self.longestInvitation.inSeconds))")
        }
        let now = clock.now()
        let token = Secrets.make()
        let invitation = Invitation(
            id: .make(at: now), label: label, role: role, group: group, created: now, expires: now + lifetime,
            madeBy: principal.user)
        do {
            try await store.insert(invitation, tokenHash: Secrets.hash(token))
        } catch StoreError.unknown {
            throw ServiceError(.invalid, mistake: "/group", "there is no such group", spanish: "no hay tal grupo")
        }
        return (invitation, token)
    }

    /// The longest that an invitation may hold: a quarter of a year.
    package static let longestInvitation = Duration.seconds(92 * 86_400)

    /// The newest first; administrators only.
    package func invitations(_ principal: Principal) async throws -> [Invitation] {
        try requireAdministrator(principal)
        return try await store.invitations()
    }

    package func revokeInvitation(_ principal: Principal, _ id: InvitationID) async throws {
        try requireAdministrator(principal)
        guard try await store.deleteInvitation(id) else {
            throw ServiceError(.notFound, "there is no such invitation")
        }
    }

    /// Somebody becomes a user by themselves, as the setting `signUp` allows. `address` is where the request came from.
    ///
    /// Throws `forbidden` where nobody may, or not without a valid invitation; `invalid` with wrong fields; `conflict` for a name that is
    /// taken; `overloaded` with `retryAfter` after too many tries. Made or not, every try counts: that also holds whoever would make
    /// users by the thousand.
    package func signUp(
        name: String, password: String, invitation token: String?, from address: String
    ) async throws -> User {
        let mode = settings.signUp
        guard mode != .closed else {
            throw ServiceError(.forbidden, "nobody can sign up here: ask an administrator")
        }
        let now = clock.now()
        // A name of its own for each address: the throttle must not let one address keep all others out.
        if let wait = throttle.begin(name: "sign-up from \(address)", address: address, at: now) {
            throw ServiceError(.overloaded, "too many tries: wait a moment", retryAfter: wait)
        }
        let hash = token.map(Secrets.hash)
        // Before the password is looked at, which takes a third of a second of a core.
        if let hash {
            guard try await store.isInvitation(hash, at: now) else { throw Self.noInvitation }
        } else if mode == .invitation {
            throw Self.noInvitation
        }
        guard Self.isAccountName(name) else {
            throw ServiceError(.invalid, mistake: "/name", Self.accountNameRule, spanish: Self.spanishAccountNameRule)
        }
        try checkNewPassword(password)
        guard try await store.user(named: name) == nil else { throw Self.nameOfUserTaken(name) }
        let credential = try await passwords.makeCredential(for: password)
        let user = User(id: .make(at: now), name: name, role: .user, status: .available, created: now)
        do {
            let made = try await store.insert(user, credential: credential, invitation: hash)
            if hash != nil { try await tenancyChanged() }
            logger.info("signed up", metadata: ["user": "\(made.name)"])
            return made
        } catch StoreError.nameTaken {
            throw Self.nameOfUserTaken(name)
        } catch StoreError.unknown {
            throw Self.noInvitation
        }
    }

    private static let noInvitation = ServiceError(
        .forbidden, "a valid invitation is needed: this one is unknown, was used, or has expired")

    static func nameOfUserTaken(_ name: String) -> ServiceError {
        ServiceError(.conflict, "there is already a user ‘\(name)’")
    }
}
