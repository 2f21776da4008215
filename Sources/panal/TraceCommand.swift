import ArgumentParser
import FoundationEssentials
import PanalClient
import PanalCore
import PanalSimulation

struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Take a server's load away, to try policies on it.", subcommands: [Export.self])

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the jobs of a server as a trace for ‘panal simulate’.",
            discussion: """
                JSON lines on standard output: a head with the hosts, then every job that has ended, the newest first. Cores, memory and \
                time limits are those that the jobs' profiles have now. For administrators.
                """)

        @Option(help: ArgumentHelp("Only jobs submitted since then, such as 2026-11-01T00:00:00Z.", valueName: "time"))
        var since: String?

        @Option(
            help: ArgumentHelp(
                "A server that you are signed in to, or an address; else PANAL_URL, else the current one.",
                valueName: "name|url"))
        var server: String?

        func validate() throws { _ = try earliest }

        private var earliest: Timestamp? {
            get throws {
                guard let since else { return nil }
                guard let moment = Timestamp(rfc3339: since) else {
                    throw ValidationError("--since ‘\(since)’ is no time such as 2026-11-01T00:00:00Z")
                }
                return moment
            }
        }

        func run() async throws {
            var options = ServerOptions()
            options.server = server
            let client = try options.client
            let earliest = try earliest
            let profiles = try Self.profiles(try await client.get("/api/v1/profiles").document)
            let writer = TraceWriter()
            print(try writer.line(try Self.head(try await client.get("/api/v1/hosts").document)), terminator: "")
            var (count, unknown) = (0, 0)
            var cursor = ""
            pages: while true {
                let page = try await client.get("/api/v1/jobs?everyone=true&limit=200\(cursor)").document
                guard case .object(let fields) = page, case .array(let jobs)? = fields["jobs"] else {
                    throw CommandFailure("the server's answer is not understood")
                }
                for job in jobs {
                    let job = try JobDocument(job)
                    if let earliest, job.submitted < earliest { break pages }
                    guard job.isFinal else { continue }
                    guard let profile = profiles[job.profile] else {
                        unknown += 1
                        continue
                    }
                    print(try writer.line(job.record(profile)), terminator: "")
                    count += 1
                }
                StandardError.line("\(count) jobs")
                guard case .string(let next)? = fields["next"] else { break }
                cursor = "&cursor=\(next)"
            }
            if unknown > 0 { StandardError.line("\(unknown) left out: their profile is not there any more") }
        }

        private static func head(_ answer: JSONValue) throws -> TraceRecord.Head {
            guard case .object(let fields) = answer, case .array(let hosts)? = fields["hosts"] else {
                throw CommandFailure("the server's answer is not understood")
            }
            return TraceRecord.Head(
                hosts: hosts.compactMap { host in
                    guard case .object(let fields) = host, case .string(let name)? = fields["name"],
                        case .string(let pool)? = fields["pool"], case .integer(let cores)? = fields["cores"],
                        case .integer(let memory)? = fields["memoryBytes"]
                    else { return nil }
                    return TraceRecord.Head.Host(name: name, pool: pool, cores: cores, memoryBytes: memory)
                })
        }

        private static func profiles(_ answer: JSONValue) throws -> [String: ProfileFigures] {
            guard case .object(let fields) = answer, case .array(let profiles)? = fields["profiles"] else {
                throw CommandFailure("the server's answer is not understood")
            }
            var found: [String: ProfileFigures] = [:]
            for case .object(let fields) in profiles {
                guard case .string(let name)? = fields["name"], case .integer(let memory)? = fields["memoryBytes"],
                    let seconds = fields["wallSeconds"]?.decimal, let cores = fields["cores"]?.decimal
                else { continue }
                let isWhole = fields["exclusive"] == .boolean(true)
                found[name] = ProfileFigures(
                    cpu: isWhole ? .exclusive(cores: Int(cores)) : .shared(millicores: Int((cores * 1_000).rounded())),
                    memory: memory, timeLimit: .milliseconds(Int64((seconds * 1_000).rounded())))
            }
            return found
        }
    }
}

/// What a profile's runs get.
private struct ProfileFigures {
    var cpu: CPUGrant
    var memory: Int
    var timeLimit: Duration
}

/// A job as the server shows it, as far as a trace has it.
private struct JobDocument {
    var id: String
    var owner: String
    var profile: String
    var priority: PriorityClass
    var state: String
    var isFinal: Bool
    var submitted: Timestamp
    var started: Timestamp?
    var ended: Timestamp?
    var frozen: Double?

    init(_ document: JSONValue) throws {
        guard case .object(let fields) = document, let id = Self.text("id", fields),
            let profile = Self.text("profile", fields), let state = Self.text("state", fields),
            let submitted = Self.text("submitted", fields).flatMap(Timestamp.init(rfc3339:))
        else { throw CommandFailure("the server's answer is not understood") }
        (self.id, self.profile, self.state, self.submitted) = (id, profile, state, submitted)
        owner = Self.text("owner", fields) ?? ""
        priority = Self.text("priority", fields).flatMap(PriorityClass.init(rawValue:)) ?? .normal
        isFinal = fields["final"] == .boolean(true)
        started = Self.text("started", fields).flatMap(Timestamp.init(rfc3339:))
        ended = Self.text("ended", fields).flatMap(Timestamp.init(rfc3339:))
        if case .object(let usage)? = fields["usage"] { frozen = usage["frozenSeconds"]?.decimal }
    }

    private static func text(_ name: String, _ fields: [String: JSONValue]) -> String? {
        if case .string(let text)? = fields[name] { text } else { nil }
    }

    func record(_ profile: ProfileFigures) -> TraceRecord {
        TraceRecord(
            job: id, submitted: submitted, started: started, ended: ended, frozen: frozen.map { .seconds($0) },
            cpu: profile.cpu, memory: profile.memory, timeLimit: profile.timeLimit, user: owner, priority: priority,
            state: state)
    }
}
