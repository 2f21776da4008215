import HTTPTypes
import Hummingbird
import PanalCore
import PanalManifest

/// What all pages share: language, title, navigation, and who is signed in.
struct PageFrame: Sendable {
    let templates: Templates
    let keepsImages: Bool

    enum Section: String, Sendable {
        case programs = "navPrograms"
        case jobs = "navJobs"
        case publish = "navPublish"
        case images = "navImages"
        case usage = "navUsage"
        case users = "navUsers"
        case groups = "navGroups"
        case administration = "navAdministration"
        case account = "navAccount"
    }

    /// A whole page.
    func page(
        _ template: String, title: String, in section: Section? = nil, _ values: Templates.Values,
        _ context: WebContext,
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        .html(try render(template, title: title, in: section, values, context), status: status)
    }

    func render(
        _ template: String, title: String = "", in section: Section? = nil, _ values: Templates.Values,
        _ context: WebContext
    ) throws -> String {
        var all: Templates.Values = [
            "t": Catalogue(language: context.language), "language": context.language.rawValue, "title": title,
            "revision": templates.revision, "administrator": context.caller?.principal.isAdministrator ?? false,
            "csrf": context.caller?.csrf ?? "", "keepsImages": keepsImages, "user": false, "notice": false,
            "done": false, "secret": false,
            "hasMistakes": false, "tabSettings": false, "tabCredits": false, "tabCosts": false, "tabMachine": false,
            "tabAudit": false,
        ]
        for other in [Section.programs, .jobs, .publish, .images, .usage, .users, .groups, .administration, .account] {
            all[other.rawValue] = other == section
        }
        if let caller = context.caller { all["user"] = ["name": caller.principal.name] }
        all.merge(values) { _, own in own }
        return try templates.render(template, all)
    }

    /// Reads a small form of a page and holds its token against the session's.
    static func form(_ request: Request, _ context: WebContext) async throws -> Form {
        let form = try await FormReader.readURLEncoded(request)
        try checkToken(of: form, context)
        return form
    }

    static func checkToken(of form: Form, _ context: WebContext) throws {
        guard let csrf = context.caller?.csrf, Gate.areEqual(try form.text("_csrf"), csrf) else {
            throw WebError.crossSite
        }
    }

    /// What the template `mistakes` shows. `labels` are the fields that the page has, by id; those of a generated form
    /// are linked.
    static func mistakes(
        _ error: ServiceError, notice: String, labels: [String: String] = [:], isGenerated: Bool = false,
        in language: Language
    ) -> Templates.Values {
        let lines = error.mistakes.map { mistake -> Templates.Values in
            let id = Field.id(of: mistake.pointer) { labels[$0] != nil }
            let label = labels[id]
            return [
                "pointer": label == nil ? optional(mistake.pointer) : false, "detail": mistake.detail(in: language),
                "label": optional(label), "anchor": isGenerated && label != nil ? optional(Field.anchor(id)) : false,
            ]
        }
        let text = lines.isEmpty ? "\(notice) \(error.detail)" : notice
        return ["notice": text, "hasMistakes": !lines.isEmpty, "mistakes": lines]
    }

    /// A text as a template's section takes it: false, which shows nothing, where there is none. Nil would let the
    /// template look for the same name further out.
    static func optional(_ text: String?) -> Any {
        guard let text, !text.isEmpty else { return false }
        return text
    }
}

extension Mistake {
    /// In the language if somebody has written it, else in English.
    func detail(in language: Language) -> String {
        switch language {
        case .english: detail
        case .spanish: spanish ?? detail
        }
    }
}

/// The page that says what went wrong.
struct ErrorPages: Sendable {
    let frame: PageFrame

    func response(_ problem: Problem, _ request: Request, _ context: WebContext) throws -> Response {
        let t = Catalogue(language: context.language)
        let wait = problem.headers[.retryAfter] ?? "1"
        // What is said in the reader's language, and what is known beside it in the interface's.
        let (title, detail, more): (String, String?, String?) =
            switch problem.status {
            case .notFound: (t(.notFoundTitle), t(.notFoundText), nil)
            case .forbidden where problem.kind == "cross-site": (t(.refusedTitle), t(.expiredForm), nil)
            case .forbidden: (t(.forbiddenTitle), t(.forbiddenText), problem.detail)
            case .contentTooLarge: (t(.tooLargeTitle), t(.tooLargeText), problem.detail)
            case .tooManyRequests: (t(.tooManyTitle), t(.tooManyText, wait), problem.detail)
            case _ where problem.kind == "storage-full": (t(.noRoomTitle), t(.noRoomText), nil)
            case _ where problem.status.kind == .serverError: (t(.failedTitle), t(.failedText), nil)
            default: (t(.refusedTitle), nil, problem.detail)
            }
        let values: Templates.Values = [
            "status": String(problem.status.code), "detail": PageFrame.optional(detail),
            "more": PageFrame.optional(more),
            "requestID": context.requestID, "back": "/",
            "mistakes": problem.mistakes.map { ["pointer": $0.pointer, "detail": $0.detail(in: context.language)] },
        ]
        var response = try frame.page("message", title: title, values, context, status: problem.status)
        for field in problem.headers { response.headers[field.name] = field.value }
        return response
    }
}

/// Numbers, spans and moments for people.
struct Wording: Sendable {
    let t: Catalogue

    init(_ context: WebContext) { self.init(context.language) }
    init(_ language: Language) { t = Catalogue(language: language) }

    /// A name that strangers chose, without the marks that turn the order of what is read: `exe.png` stays what it is.
    static func visible(_ name: String) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in name.unicodeScalars {
            switch scalar.value {
            case 0x202A...0x202E, 0x2066...0x2069, 0x200E, 0x200F, 0x061C: shown.append("\u{FFFD}")
            case 0..<0x20, 0x7F..<0xA0: shown.append("\u{FFFD}")
            default: shown.append(scalar)
            }
        }
        return String(shown)
    }

    /// `2026-11-21 07:04:12 UTC`
    static func moment(_ moment: Timestamp) -> String {
        let text = moment.rfc3339
        return text.prefix(10) + " " + text.dropFirst(11).prefix(8) + " UTC"
    }

    /// `07:04:12.345`, for moments that follow each other closely.
    static func clock(_ moment: Timestamp) -> String { String(moment.rfc3339.dropFirst(11).prefix(12)) }

    /// How far a waiting job has come, and when it is to start; nil when it does not wait.
    func waiting(_ job: Job, now: Timestamp) -> String? {
        let ahead: String? = job.ahead.map {
            switch $0 {
            case 0: t(.nobodyAhead)
            case 1: t(.oneAhead)
            default: t(.someAhead, String($0))
            }
        }
        let start = job.estimatedStart.map { t(.startsBy, Self.minute($0, now: now), Self.about($0 - now)) }
        let sentences = [ahead, start].compactMap { $0 }
        return sentences.isEmpty ? nil : sentences.joined(separator: " ")
    }

    /// How many jobs wait.
    func waiting(_ jobs: Int) -> String {
        switch jobs {
        case 0: t(.nobodyWaits)
        case 1: t(.oneWaits)
        default: t(.waitingJobs, String(jobs))
        }
    }

    func shortage(_ shortage: HostShortage) -> String {
        switch shortage {
        case .cores(let needed, let there): t(.tooFewCores, String(needed), String(there))
        case .memory(let needed, let there): t(.tooLittleMemory, bytes(needed), bytes(there))
        case .reading: t(.noReadingLimit)
        }
    }

    /// `07:04 UTC`, with the day where that is not today.
    private static func minute(_ moment: Timestamp, now: Timestamp) -> String {
        let text = moment.rfc3339
        let day = text.prefix(10) == now.rfc3339.prefix(10) ? "" : text.prefix(10) + " "
        return day + text.dropFirst(11).prefix(5) + " UTC"
    }

    /// `1 min` and less, `19 min`, `3 h`, `2 d`.
    private static func about(_ span: Duration) -> String {
        let minutes = max(1, Int((span / .seconds(60)).rounded(.up)))
        if minutes < 120 { return "\(minutes) min" }
        return minutes < 2_880 ? "\((minutes + 30) / 60) h" : "\((minutes + 720) / 1_440) d"
    }

    /// `85 ms`, `3.2 s`, `2 min 5 s`
    func span(_ span: Duration) -> String {
        let microseconds = span.wholeMicroseconds
        switch microseconds {
        case ..<1_000: return "\(microseconds) µs"
        case ..<1_000_000: return "\(microseconds / 1_000) ms"
        case ..<60_000_000: return decimal("\(microseconds / 1_000_000).\(microseconds / 100_000 % 10) s")
        default:
            let seconds = microseconds / 1_000_000
            let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60)
            return hours > 0 ? "\(hours) h \(minutes) min" : "\(minutes) min \(seconds % 60) s"
        }
    }

    func bytes(_ count: Int) -> String { decimal(ByteCount.text(count)) }

    func decimal(_ text: String) -> String {
        t.language == .spanish ? text.replacing(".", with: ",") : text
    }

    func state(_ state: JobState) -> String {
        let phrase: Phrase =
            switch state {
            case .queued: .queued
            case .configuring: .configuring
            case .deploying: .deploying
            case .running: .running
            case .reconnecting: .reconnecting
            case .copyRequested: .copyRequested
            case .copying: .copying
            case .finishing: .finishing
            case .finished: .finished
            case .failed: .failed
            case .cancelled: .cancelled
            }
        return t(phrase)
    }

    /// The colour of a job's state: `finished` alone says nothing about the program's own success.
    static func tone(_ state: JobState, isSuccess: Bool?) -> String {
        switch state {
        case .queued: ""
        case .configuring, .deploying, .running, .reconnecting, .copyRequested, .copying, .finishing: "busy"
        case .finished: isSuccess == false ? "bad" : "good"
        case .failed: "bad"
        case .cancelled: ""
        }
    }

    func outcome(_ outcome: Outcome) -> String {
        switch outcome {
        case .exited(0): t(.endedWell)
        case .exited(let code): t(.endedWithCode, String(code))
        case .signalled(let signal): t(.signalled, SignalName.text(signal))
        case .notStarted(let reason): t(.notStarted, reason)
        case .cpuTimeExceeded: t(.cpuTimeExceeded)
        case .wallTimeExceeded: t(.wallTimeExceeded)
        case .memoryExceeded: t(.memoryExceeded)
        case .outputExceeded: t(.outputExceeded)
        case .syscallDenied: t(.syscallDenied)
        case .cancelled: t(.wasCancelled)
        case .systemError(let error): t(.systemError, error.sentence)
        }
    }

    /// `2 cores · 2 GiB of memory`, and what it may read of a disk where that is limited.
    func size(_ limits: CellLimits) -> String {
        let cores =
            switch limits.cpu {
            case .exclusive(1): t(.oneCore)
            case .exclusive(let cores): t(.cores, String(cores))
            case .shared(let millicores): t(.coresPart, decimal(String(Double(millicores) / 1_000)))
            }
        let parts = [cores, t(.memory, bytes(limits.memory)), limits.diskRead.map { t(.diskRead, bytes($0)) }]
        return parts.compactMap(\.self).joined(separator: " · ")
    }
}
