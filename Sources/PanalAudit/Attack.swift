/// The classes of hostile programs that `panal audit` knows: what attackers did to systems like this one.
package enum AttackClass: String, CaseIterable, Hashable, Sendable, Codable, Comparable {
    case outputs = "A"
    case uploads = "B"
    case rootfs = "C"
    case descriptors = "D"
    case protections = "E"
    case resources = "F"
    case channels = "G"
    case calls = "H"
    case privileges = "I"
    case threads = "N"

    package var title: String {
        switch self {
        case .outputs: "host paths out of results"
        case .uploads: "archives that are more than a program"
        case .rootfs: "the host behind the root file system"
        case .descriptors: "descriptors, folders and executables left open"
        case .protections: "protections that silently did not apply"
        case .resources: "processes, memory and time without end"
        case .channels: "channels between runs"
        case .calls: "gaps of the system call filter"
        case .privileges: "the privileged side"
        case .threads: "starts beside busy threads"
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// How an attack is run, and what must come of it.
package enum AttackPlan: String, Hashable, Sendable {
    /// Everything that it tries is refused, and it ends by itself.
    case refused
    /// All that it takes counts as memory: the whole cell ends for it.
    case charged
    /// It takes what it can get: the cell ends for it, or it is refused more.
    case bounded
    /// It never ends by itself: a limit ends it.
    case stopped
    /// It brings its own cell down, and nothing else.
    case killed
    /// It writes until it is stopped for that.
    case flood
    /// Its work folder is looked at.
    case results
    /// What it reads from inside is held against what was ordered.
    case facts
    /// It talks to another run.
    case channel
    /// No attack of its own.
    case helper
}

/// One hostile program.
package struct Attack: Hashable, Sendable {
    package var kind: AttackClass
    package var name: String
    package var plan: AttackPlan
    /// What it tries, in a few words.
    package var what: String

    package init(kind: AttackClass, name: String, plan: AttackPlan, what: String) {
        self.kind = kind
        self.name = name
        self.plan = plan
        self.what = what
    }

    /// Reads what `panal-hostile list` prints; nil when a line is not as it must be.
    package static func list(parsing text: String) -> [Attack]? {
        var attacks: [Attack] = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard words.count == 4, let kind = AttackClass(rawValue: words[0]),
                let plan = AttackPlan(rawValue: words[2])
            else { return nil }
            attacks.append(Attack(kind: kind, name: words[1], plan: plan, what: words[3]))
        }
        return attacks
    }
}

/// What an attack says of itself: each line is one thing that it tried.
package struct Tries: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        package var label: String
        package var words: String
    }

    /// Refused, or without effect.
    package private(set) var held: [Line] = []
    /// It had what it wanted.
    package private(set) var got: [Line] = []
    package private(set) var facts: [Line] = []
    package private(set) var isReady = false
    /// It went through all of it.
    package private(set) var hasEnded = false

    /// Lines that are not of this form are passed over: a flood is no report.
    package init(parsing text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            guard words.count == 3 else { continue }
            let entry = Line(label: words[1], words: words[2])
            switch words[0] {
            case "held": held.append(entry)
            case "got": got.append(entry)
            case "fact": facts.append(entry)
            case "ready": isReady = true
            case "end": hasEnded = true
            default: break
            }
        }
    }

    /// Forgets one thing that it had.
    mutating func remove(_ line: Line) { got.removeAll { $0 == line } }

    package func fact(_ name: String) -> String? { facts.first { $0.label == name }?.words }
}
