/// Why a verb of the service was refused. One table in the HTTP layer maps each code to a status.
package struct ServiceError: Error, Hashable, Sendable {
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// Nobody is signed in, or the key or session is not valid (any more).
        case unauthenticated
        /// Known, but not allowed.
        case forbidden
        /// Their user may, but the key that they sent is not good for it.
        case outOfScope
        /// Not there, or not there for this principal.
        case notFound
        /// It was there and has been removed.
        case gone
        /// The request as a whole is not understandable.
        case malformed
        /// Fields are wrong; `mistakes` says which.
        case invalid
        /// It clashes with what is there: a name that is taken, a state that moved on.
        case conflict
        /// It is not any more what the caller takes it for.
        case changed
        /// Larger than is taken.
        case tooLarge
        /// Too many for now: try again after `retryAfter`.
        case overloaded
        /// Somebody else is writing to it at this moment.
        case locked
        /// The bytes are not those that their checksum was made of.
        case mismatch
        /// The file of an upload cannot be taken.
        case unsupported
        /// There is not enough credit, or not enough left of a budget; `numbers` says how much is needed and available.
        case unaffordable
        /// Panal's own fault.
        case `internal`
    }

    package var code: Code
    package var detail: String
    package var mistakes: [Mistake]
    package var retryAfter: Duration?
    /// What programs may want to know beside the words, by name.
    package var numbers: [String: JSONValue] = [:]

    package init(_ code: Code, _ detail: String, mistakes: [Mistake] = [], retryAfter: Duration? = nil) {
        self.code = code
        self.detail = detail
        self.mistakes = mistakes
        self.retryAfter = retryAfter
    }
}

extension ServiceError {
    package static func outOfScope(_ scope: KeyScope) -> Self {
        var error = Self(.outOfScope, "this key is not good for ‘\(scope.rawValue)’; make one that is")
        error.numbers["scope"] = .string(scope.rawValue)
        return error
    }
}

extension ServiceError {
    /// One wrong field.
    package init(_ code: Code, mistake pointer: String, _ detail: String, spanish: String? = nil) {
        self.init(code, detail, mistakes: [Mistake(pointer: pointer, detail: detail, spanish: spanish)])
    }
}
