/// What an API key may be used for. A key holds some of these; what its owner may do is the limit in any case.
package enum KeyScope: String, Hashable, Sendable, Codable, CaseIterable {
    /// Look at programs, jobs, results and the queue.
    case read
    /// Submit and cancel jobs, and upload what they need.
    case jobs
    /// Publish programs and change them.
    case programs
    /// The owner's own account: keys, callbacks, password.
    case account
    /// What only administrators may.
    case administration
}
