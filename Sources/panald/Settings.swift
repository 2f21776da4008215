import FoundationEssentials
import Logging
import PanalCore
import PanalHTTP
import PanalSandbox
import PanalScheduler
import PanalService

/// Everything that an operator has set, read and checked.
struct Settings: Sendable {
    var listeners: [ListenerPlan]
    /// Absolute; nil for no TLS.
    var certificate: CertificateFiles?
    /// Absolute.
    var data: String
    var profiles: String
    var launcher: String
    var user: String
    var instance: String
    var schedule: ScheduleSettings
    var deadlines: StateDeadlines
    var attempts: Int
    var credits: CreditRules
    var opportunisticMemory: Int
    /// Whether people work at this machine.
    var isDesk: Bool
    /// For how long nobody has to work at it before opportunistic jobs go on.
    var deskDeparture: Duration
    /// Whether running jobs go on while the service is stopped.
    var leavesCells: Bool
    var maximumUploadBytes: Int
    var rootfsQuota: Int
    var webhooks: WebhookPolicy
    var reservedCores: Int
    var reservedMemory: Int
    var cellUsers: Range<UInt32>
    var secureCookies: Bool
    /// Nil for none.
    /// Folders of programs that are published at the start.
    var demos: [String]
    var logLevel: Logger.Level

    /// `executable` is the path of this program, beside which the launcher stands.
    init(_ reader: SettingsReader, executable: String) throws {
        certificate = try CertificateFiles(reader)
        listeners = try ListenerPlan.all(reader, hasCertificate: certificate != nil)
        data = Self.absolute(try reader.text("data"))
        let folder = executable.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
            separator: "/")
        let launcher = try reader.text("launcher")
        self.launcher = launcher.isEmpty ? "\(folder)/panal-launcher" : Self.absolute(launcher)
        let profiles = try reader.text("profiles")
        self.profiles = profiles.isEmpty ? Self.standardProfiles : Self.absolute(profiles)
        user = try reader.text("user")
        instance = try reader.text("instance")
        let letters = Set("abcdefghijklmnopqrstuvwxyz0123456789-".utf8)
        guard (1...32).contains(instance.utf8.count), instance.utf8.allSatisfy(letters.contains) else {
            throw SettingsMistake(detail: "instance ‘\(instance)’ is not 1 to 32 of a-z, 0-9 and -")
        }
        schedule = try Self.schedule(reader)
        deadlines = StateDeadlines(
            queued: try reader.duration("deadline-queued"), turn: try reader.duration("deadline-turn"),
            configuring: try reader.duration("deadline-configuring"),
            deploying: try reader.duration("deadline-deploying"),
            reconnecting: try reader.duration("deadline-reconnecting"),
            finishing: try reader.duration("deadline-finishing"))
        attempts = try reader.integer("attempts")
        credits = CreditRules(
            isOn: try reader.word("credits") == "on",
            budgetStop: CreditRules.BudgetStop(rawValue: try reader.word("budget-stop")) ?? .submissions)
        opportunisticMemory = try reader.bytes("opportunistic-memory")
        isDesk = try reader.boolean("desk")
        deskDeparture = try reader.duration("desk-departure")
        leavesCells = try reader.word("on-stop") == "leave"
        maximumUploadBytes = try reader.bytes("max-upload")
        rootfsQuota = try reader.bytes("rootfs-quota")
        webhooks = try Self.webhooks(reader)
        reservedCores = try reader.integer("reserved-cores")
        reservedMemory = try reader.bytes("reserved-memory")
        cellUsers = try reader.userRange("cell-users")
        secureCookies = try reader.boolean("secure-cookies")
        demos = try reader.text("demos").split(separator: ":").map { Self.absolute(String($0)) }
        logLevel = Logger.Level(rawValue: try reader.word("log-level")) ?? .info
    }

    /// `host` is what the launcher may give to cells.
    func service(on host: HostDescription) -> ServiceConfiguration {
        ServiceConfiguration(
            queueLimit: schedule.queueLimit, schedule: schedule, deadlines: deadlines, attempts: attempts, host: host,
            maximumUploadBytes: maximumUploadBytes, credits: credits)
    }

    private static func webhooks(_ reader: SettingsReader) throws -> WebhookPolicy {
        let words = try reader.text("webhook-networks").split { $0 == "," || $0 == " " }
        return WebhookPolicy(
            allowed: try words.map { word in
                guard let network = Network(String(word)) else {
                    throw SettingsMistake(
                        detail: "--webhook-networks: ‘\(word)’ is no network; write 10.1.0.0/16 or fd00::/8")
                }
                return network
            })
    }

    private static func schedule(_ reader: SettingsReader) throws -> ScheduleSettings {
        func limit(_ key: String) throws -> Int? {
            let value = try reader.integer(key)
            return value == 0 ? nil : value
        }
        let policy = try reader.word("policy")
        let promotion = try reader.duration("promotion", shortest: .zero)
        return ScheduleSettings(
            policy: SchedulingPolicy.named.first { $0.name == policy }?.policy ?? .standard,
            queueLimit: try reader.integer("queue-limit"),
            usageHalfLife: try reader.duration("usage-half-life", shortest: .seconds(60)),
            promotion: promotion > .zero ? promotion : nil,
            users: AccountLimits(
                runningCores: try limit("user-cores"), runningJobs: try limit("user-jobs"),
                queuedJobs: try limit("user-queue")))
    }

    var web: WebConfiguration {
        // Whoever came by TLS must not send a cookie without it afterwards.
        let areSecure = secureCookies || listeners.contains { $0.faces.contains(.pages) && $0.isSecure }
        return WebConfiguration(secureCookies: areSecure)
    }

    private static var standardProfiles: String {
        let here = absolute("Profiles")
        return FileManager.default.fileExists(atPath: here) ? here : "/usr/local/share/panal/Profiles"
    }

    /// The launcher and the cells work from other folders than this one.
    static func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        let here = FileManager.default.currentDirectoryPath
        return here == "/" ? "/\(path)" : "\(here)/\(path)"
    }
}
