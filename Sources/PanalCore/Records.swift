/// What somebody may do.
package enum Role: String, Hashable, Sendable, Codable, CaseIterable {
    case user
    case administrator
}

package enum UserStatus: String, Hashable, Sendable, Codable, CaseIterable {
    case available
    case disabled
    case blocked
}

/// A registered person or service. Its password hash never leaves the store and the service.
package struct User: Hashable, Sendable, Codable, Identifiable {
    package let id: UserID
    /// 2 to 40 characters of `a-z`, `0-9`, `.`, `_`, `-`; unique.
    package var name: String
    package var role: Role
    package var status: UserStatus
    package var created: Timestamp

    package init(id: UserID, name: String, role: Role, status: UserStatus, created: Timestamp) {
        self.id = id
        self.name = name
        self.role = role
        self.status = status
        self.created = created
    }
}

/// A key of a client; the secret itself is shown once and stored only as a hash.
package struct APIKey: Hashable, Sendable, Codable, Identifiable {
    package let id: APIKeyID
    package var owner: UserID
    /// What the owner calls it.
    package var label: String
    package var created: Timestamp
    package var expires: Timestamp?
    /// What it may be used for, as far as its owner may.
    package var scopes: Set<KeyScope>
    /// About a minute exact; nil when it was never used.
    package var lastUsed: Timestamp?
    /// Until when the secret before the last change of secrets is still taken; nil where there is none.
    package var previousHoldsUntil: Timestamp?

    package init(
        id: APIKeyID, owner: UserID, label: String, created: Timestamp, expires: Timestamp?,
        scopes: Set<KeyScope> = Set(KeyScope.allCases), lastUsed: Timestamp? = nil,
        previousHoldsUntil: Timestamp? = nil
    ) {
        self.id = id
        self.owner = owner
        self.label = label
        self.created = created
        self.expires = expires
        self.scopes = scopes
        self.lastUsed = lastUsed
        self.previousHoldsUntil = previousHoldsUntil
    }
}

/// Who asks: the result of authentication, the first argument of every verb of the service.
package struct Principal: Hashable, Sendable {
    package var user: UserID
    package var name: String
    package var role: Role
    /// The key by which they came; nil for a session and for the service itself.
    package var key: KeyGrant?

    package init(user: UserID, name: String, role: Role, key: KeyGrant? = nil) {
        self.user = user
        self.name = name
        self.role = role
        self.key = key
    }

    /// Whether they may what only administrators may. An administrator's key without `administration` reaches what a member's would.
    package var isAdministrator: Bool { role == .administrator && key?.scopes.contains(.administration) ?? true }
}

/// SHA-256 of some bytes, 64 lower-case hexadecimal digits: the name of a blob or of a program version's content.
package struct ContentHash: Hashable, Sendable, Codable, CustomStringConvertible {
    package let hex: String

    package init?(hex: String) {
        guard hex.utf8.count == 64, hex.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else {
            return nil
        }
        self.hex = hex
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let hash = ContentHash(hex: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "‘\(text)’ is not a SHA-256")
        }
        self = hash
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hex)
    }

    package var description: String { hex }
}

/// A published program: a name, an owner, and versions.
package struct Program: Hashable, Sendable, Codable, Identifiable {
    package let id: ProgramID
    /// The manifest's name as a slug, unique on this server; part of addresses.
    package var name: String
    package var owner: UserID
    /// Whether every registered user may use it; else only its owner and administrators.
    package var isPublic: Bool
    package var created: Timestamp
    /// Number of the newest version.
    package var latest: Int

    package init(id: ProgramID, name: String, owner: UserID, isPublic: Bool, created: Timestamp, latest: Int) {
        self.id = id
        self.name = name
        self.owner = owner
        self.isPublic = isPublic
        self.created = created
        self.latest = latest
    }
}

/// One immutable version of a program: the same content and manifest are the same version.
package struct ProgramVersion: Hashable, Sendable {
    package var program: ProgramID
    /// 1, 2, 3… in the order of publication.
    package var number: Int
    /// Hash over manifest and every file's path, mode and content.
    package var content: ContentHash
    /// The manifest as published, byte for byte.
    package var manifest: String
    /// The file that is started, relative to the program's folder.
    package var entry: String
    /// Bytes of all files together.
    package var size: Int
    package var published: Timestamp
    /// What its tests last came to; nil where it has none. This may change.
    package var tests: TestRecord?

    package init(
        program: ProgramID, number: Int, content: ContentHash, manifest: String, entry: String, size: Int,
        published: Timestamp, tests: TestRecord? = nil
    ) {
        self.tests = tests
        self.program = program
        self.number = number
        self.content = content
        self.manifest = manifest
        self.entry = entry
        self.size = size
        self.published = published
    }
}

/// Why an account cannot be closed yet.
package enum ClosingObstacle: Hashable, Sendable {
    case unfinishedJobs(Int)
    case credit(Credits)
    case images(Int)
}

/// One run that somebody asked for.
package struct Job: Hashable, Sendable, Codable, Identifiable {
    package let id: JobID
    package var owner: UserID
    package var program: ProgramID
    package var programName: String
    package var version: Int
    /// The profile's name at submission; its limits then are in the attempt.
    package var profile: String
    package var priority: PriorityClass
    /// Number of the newest attempt: 1, and more where Panal had to begin again.
    package var attempt: Int
    package var state: JobState
    package var submitted: Timestamp
    package var started: Timestamp?
    package var ended: Timestamp?
    /// What was submitted, field by field, for people: file fields show the file's name, secret ones nothing.
    package var fields: [JobField]
    /// Set when the state is final.
    package var outcome: Outcome?
    package var usage: ResourceUsage?
    /// Cores of the host that it ran on.
    package var cores: [Int]?
    /// Why it waits, or why it failed, in words.
    package var message: String?
    /// While it waits: why, in numbers; the message says the same. Not stored.
    package var waiting: WaitingReason?
    /// While it waits: when it will start if everything before it takes as long as it may. Not stored.
    package var estimatedStart: Timestamp?
    /// While it waits: jobs that stand before it in the line. Not stored.
    package var ahead: Int?
    /// While it runs: why it stands still; nil when it computes. Not stored.
    package var standstill: Standstill?
    /// Bytes stored of each stream, and whether more was written than is kept.
    package var output: StreamState
    package var error: StreamState
    /// Result files, known when the state is final.
    package var files: [JobFile]
    /// What it costs; nil for jobs of before that was written down.
    package var charge: JobCharge?
    package var keeping = OutputKeeping()
    /// What the program's author says about its exit code; nil where that is nothing. Not stored.
    package var meaning: JobMeaning?
    /// Until when its outputs are kept at least; nil for good. Not stored.
    package var outputsExpire: Timestamp?
    /// The batch that it came with; nil where it came alone.
    package var batch: BatchID?
    /// What its newest attempt sees below `/`: `host`, or the digest of an image. Told of a job that is asked for alone.
    package var rootfs: String?
    /// Whether it may write there, so that it can be copied while it runs. Told likewise.
    package var hasWritableRoot: Bool?
    /// The images that were made of its files, the oldest first. Not stored with it.
    package var copies: [RootfsID] = []

    package init(
        id: JobID, owner: UserID, program: ProgramID, programName: String, version: Int, profile: String,
        priority: PriorityClass = .normal, attempt: Int = 1, state: JobState, submitted: Timestamp,
        started: Timestamp? = nil, ended: Timestamp? = nil, fields: [JobField],
        outcome: Outcome? = nil,
        usage: ResourceUsage? = nil, cores: [Int]? = nil, message: String? = nil, output: StreamState = StreamState(),
        error: StreamState = StreamState(), files: [JobFile] = [], charge: JobCharge? = nil
    ) {
        self.charge = charge
        self.id = id
        self.owner = owner
        self.program = program
        self.programName = programName
        self.version = version
        self.profile = profile
        self.priority = priority
        self.attempt = attempt
        self.state = state
        self.submitted = submitted
        self.started = started
        self.ended = ended
        self.fields = fields
        self.outcome = outcome
        self.usage = usage
        self.cores = cores
        self.message = message
        self.output = output
        self.error = error
        self.files = files
    }
}

extension Job {
    /// Whether the run did what it is for, as its author counts it; nil before its end.
    package var isSuccess: Bool? { meaning?.isSuccess ?? outcome?.isSuccess }
}

/// What an exit code means to the program's author.
package struct JobMeaning: Hashable, Sendable, Codable {
    package var message: String
    package var isSuccess: Bool

    package init(message: String, isSuccess: Bool) {
        self.message = message
        self.isSuccess = isSuccess
    }
}

/// Why an opportunistic job stands still.
package enum Standstill: String, Hashable, Sendable, Codable, CaseIterable {
    /// Other jobs have its cores.
    case cores
    /// Somebody works at the machine.
    case presence

    package var sentence: String {
        switch self {
        case .cores: "it stands still while its cores are needed"
        case .presence: "it stands still while somebody works at the machine"
        }
    }
}

/// One submitted value, as text for people.
package struct JobField: Hashable, Sendable, Codable {
    package var id: String
    package var label: String
    package var value: String
    /// The values one by one, where `value` is not the only one as it was given; nil for secrets, and where there is much of
    /// them.
    package var values: [String]?
    /// The files of a file field.
    package var files: [JobFieldFile]?

    package init(
        id: String, label: String, value: String, values: [String]? = nil, files: [JobFieldFile]? = nil
    ) {
        self.id = id
        self.label = label
        self.value = value
        self.values = values
        self.files = files
    }
}

/// A file that was submitted.
package struct JobFieldFile: Hashable, Sendable, Codable {
    package var name: String
    package var content: ContentHash

    package init(name: String, content: ContentHash) {
        self.name = name
        self.content = content
    }
}

/// How much of a stream is kept.
package struct StreamState: Hashable, Sendable, Codable {
    package var bytes: Int
    package var truncated: Bool

    package init(bytes: Int = 0, truncated: Bool = false) {
        self.bytes = bytes
        self.truncated = truncated
    }
}

/// A result file that was taken out of the work folder.
package struct JobFile: Hashable, Sendable, Codable {
    /// Relative to the work folder, `/` between parts, valid UTF-8.
    package var path: String
    package var bytes: Int
    package var content: ContentHash

    package init(path: String, bytes: Int, content: ContentHash) {
        self.path = path
        self.bytes = bytes
        self.content = content
    }
}

/// A change of state, as history shows it.
package struct JobEvent: Hashable, Sendable, Codable {
    package var at: Timestamp
    package var state: JobState
    package var message: String?

    package init(at: Timestamp, state: JobState, message: String?) {
        self.at = at
        self.state = state
        self.message = message
    }
}
