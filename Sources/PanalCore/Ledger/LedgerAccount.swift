/// Whose credit it is. Written as `user:<id>`, `group:<id>`, `grants`, `revenue` or `holds`.
package enum LedgerAccount: Hashable, Sendable {
    case user(UserID)
    /// A group that pays for its members, by its identifier.
    case group(String)
    /// Where credit comes from: what users were granted stands here as less than nothing.
    case grants
    /// What users have paid for what they used.
    case revenue
    /// What is set aside for jobs that have not ended.
    case holds

    package init?(_ text: String) {
        switch text {
        case "grants": self = .grants
        case "revenue": self = .revenue
        case "holds": self = .holds
        default:
            if text.hasPrefix("user:"), let id = UserID(String(text.dropFirst(5))) {
                self = .user(id)
            } else if text.hasPrefix("group:"), text.utf8.count > 6 {
                self = .group(String(text.dropFirst(6)))
            } else {
                return nil
            }
        }
    }

    /// Whether it may hold less than nothing: `grants` alone, whose debt is everybody's credit.
    package var mayOwe: Bool { self == .grants }

    /// Whether somebody pays out of it, which excludes the system's own.
    package var isSomebodys: Bool {
        switch self {
        case .user, .group: true
        case .grants, .revenue, .holds: false
        }
    }
}

extension LedgerAccount: CustomStringConvertible, Codable {
    package var description: String {
        switch self {
        case .user(let id): "user:\(id)"
        case .group(let id): "group:\(id)"
        case .grants: "grants"
        case .revenue: "revenue"
        case .holds: "holds"
        }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let account = LedgerAccount(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "‘\(text)’ is no account")
        }
        self = account
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
