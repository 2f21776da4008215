package import PanalCore

/// Who may become a user by themselves.
package enum SignUpMode: String, Hashable, Sendable, CaseIterable {
    /// Nobody: administrators make users.
    case closed
    /// Who has an invitation.
    case invitation
    /// Everybody.
    case `open`
}

/// What becomes of a submission whose owner has more stored than they may.
package enum OverQuota: String, Hashable, Sendable, CaseIterable {
    /// It is refused with the numbers: nobody loses results that were paid for because they went on working.
    case refuse
    /// It is taken, and the outputs of the oldest jobs make room for it.
    case removeOldest
}

/// What an administrator may change while the service runs (UnaCloud's *ServerVariable*). Spans in seconds.
package struct RuntimeSettings: Hashable, Sendable {
    package var signUp = SignUpMode.closed
    package var sessionLifetime: Duration
    package var defaultProfile: String
    package var queueLimit: Int
    package var deadlines: StateDeadlines
    /// What one key or session may ask for in a minute, and at once; 0 for as much as it likes.
    package var requestsPerMinute = 0
    package var requestBurst = 600
    /// The same for one address that nobody is signed in from.
    package var strangerRequestsPerMinute = 6_000
    package var strangerRequestBurst = 3_000
    /// For how long the audit log is kept; nil for good.
    package var auditRetention: Duration? = .seconds(365 * 86_400)
    /// For how long what ended jobs left is kept, and how long before its removal its owner is told.
    package var outputs = RetentionRule(warning: .seconds(7 * 86_400))
    package var overQuota = OverQuota.refuse
    /// Jobs of one user whose outputs are kept whatever their age.
    package var keptJobs = 100

    init(_ configuration: ServiceConfiguration) {
        sessionLifetime = configuration.sessionLifetime
        defaultProfile = configuration.defaultProfile
        queueLimit = configuration.queueLimit
        deadlines = configuration.deadlines
    }
}

/// One setting: its name, what it takes, and where its value lives.
package struct SettingRule: Sendable {
    package enum Kind: Hashable, Sendable {
        case integer(ClosedRange<Int>)
        case words([String])
    }

    package let name: String
    package let kind: Kind
    /// What it does, in words, with its unit.
    package let note: String
    let read: @Sendable (RuntimeSettings) -> JSONValue
    /// Only for what `kind` allows.
    private let write: @Sendable (inout RuntimeSettings, JSONValue) -> Void

    /// Sets it. Throws what would be right.
    func set(_ value: JSONValue, in settings: inout RuntimeSettings) throws(Mistake) {
        switch (kind, value) {
        case (.integer(let range), .integer(let number)) where range.contains(number): break
        case (.words(let words), .string(let word)) where words.contains(word): break
        case (.integer(let range), _):
            throw Mistake(
                pointer: "/\(name)", detail: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        case (.words(let words), _):
            throw Mistake(pointer: "/\(name)", detail: "one of \(words.joined(separator: ", "))")
        }
        write(&settings, value)
    }

    private static func integer(
        _ name: String, _ range: ClosedRange<Int>, _ note: String,
        _ path: any WritableKeyPath<RuntimeSettings, Int> & Sendable
    ) -> SettingRule {
        SettingRule(
            name: name, kind: .integer(range), note: note, read: { .integer($0[keyPath: path]) },
            write: { if case .integer(let value) = $1 { $0[keyPath: path] = value } })
    }

    private static func words(
        _ name: String, _ words: [String], _ note: String,
        _ path: any WritableKeyPath<RuntimeSettings, String> & Sendable
    ) -> SettingRule {
        SettingRule(
            name: name, kind: .words(words), note: note, read: { .string($0[keyPath: path]) },
            write: { if case .string(let value) = $1 { $0[keyPath: path] = value } })
    }

    /// All that there are, with the profiles of this installation.
    static func all(profiles: [String]) -> [SettingRule] {
        let year = 366 * 86_400
        return [
            words(
                "signUp", SignUpMode.allCases.map(\.rawValue), "Who may become a user by themselves.",
                \.signUpWord),
            integer("sessionLifetime", 60...year, "Seconds after which a session ends.", \.sessionSeconds),
            words(
                "defaultProfile", profiles, "The profile where neither submission nor manifest names one.",
                \.defaultProfile),
            integer("queueLimit", 0...1_000_000, "Jobs that may wait at the same time.", \.queueLimit),
            integer(
                "requestsPerMinute", 0...1_000_000, "Requests of one key or session in a minute; 0 for no limit.",
                \.requestsPerMinute),
            integer("requestBurst", 1...1_000_000, "Requests of one key or session at once.", \.requestBurst),
            integer(
                "strangerRequestsPerMinute", 0...1_000_000,
                "Requests of one address in a minute from which nobody is signed in; 0 for no limit.",
                \.strangerRequestsPerMinute),
            integer(
                "strangerRequestBurst", 1...1_000_000, "Such requests at once.", \.strangerRequestBurst),
            integer(
                "auditRetentionDays", 0...36_600, "Days for which the audit log is kept; 0 for good.",
                \.auditRetentionDays),
            integer(
                "outputRetentionDays", 0...36_600,
                "Days for which the outputs and logs of ended jobs are kept; 0 for good.", \.outputDays),
            integer(
                "outputWarningDays", 0...366,
                "Days between telling a job's owner and removing its outputs, at least; 0 to tell nobody.",
                \.outputWarningDays),
            words(
                "overQuota", OverQuota.allCases.map(\.rawValue),
                "What becomes of a submission whose owner has more stored than they may: refused, or the oldest outputs make room.",
                \.overQuotaWord),
            integer(
                "keptJobs", 0...1_000_000, "Jobs of one user that may be kept whatever their age.", \.keptJobs),
        ]
            + StateDeadlines.Kind.allCases.map { kind in
                SettingRule(
                    name: "deadline.\(kind.rawValue)", kind: .integer(1...year),
                    note: "Seconds that a job may be \(kind.rawValue).",
                    read: { .integer(Int($0.deadlines[kind].inSeconds)) },
                    write: { if case .integer(let value) = $1 { $0.deadlines[kind] = .seconds(value) } })
            } + [integer("deadline.turn", 1...year, "Seconds that a job may wait for its turn.", \.turnSeconds)]
    }
}

extension RuntimeSettings {
    fileprivate var signUpWord: String {
        get { signUp.rawValue }
        set { signUp = SignUpMode(rawValue: newValue) ?? .closed }
    }

    fileprivate var sessionSeconds: Int {
        get { Int(sessionLifetime.inSeconds) }
        set { sessionLifetime = .seconds(newValue) }
    }

    fileprivate var turnSeconds: Int {
        get { Int(deadlines.turn.inSeconds) }
        set { deadlines.turn = .seconds(newValue) }
    }

    fileprivate var auditRetentionDays: Int {
        get { Self.days(auditRetention) }
        set { auditRetention = newValue == 0 ? nil : .seconds(newValue * 86_400) }
    }

    fileprivate var outputDays: Int {
        get { Self.days(outputs.lifetime) }
        set { outputs.lifetime = newValue == 0 ? nil : .seconds(newValue * 86_400) }
    }

    fileprivate var outputWarningDays: Int {
        get { Self.days(outputs.warning) }
        set { outputs.warning = .seconds(newValue * 86_400) }
    }

    fileprivate var overQuotaWord: String {
        get { overQuota.rawValue }
        set { overQuota = OverQuota(rawValue: newValue) ?? .refuse }
    }

    private static func days(_ span: Duration?) -> Int { span.map { Int($0.inSeconds / 86_400) } ?? 0 }
}
