import HTTPTypes
import Hummingbird
import PanalCore
import PanalService
import Synchronization

/// What a handler adds to the entry of the audit log that its request gets. No secrets.
struct AuditNote: Sendable {
    /// Who it was, where the request itself does not say: at sign-in.
    var user: UserID?
    var name: String?
    /// `status=blocked`
    var detail: String?
}

/// Writes an entry for every request that changes something or tried to, by the table of routes: none can be forgotten.
struct Auditor: Sendable {
    let panal: Panal

    /// `status` is the answer's. What strangers tried in vain is not noted, so that nobody can fill the log: but for sign-ins.
    func note(_ route: Route, _ request: Request, _ context: WebContext, status: Int) async {
        guard !Gate.isSafe(route.method), route.isAudited else { return }
        let note = context.auditNote
        let principal = context.caller?.principal
        guard principal != nil || note.name != nil || route.notesStrangers else { return }
        let entry = AuditEntry(
            at: panal.now, user: principal?.user ?? note.user, name: principal?.name ?? note.name,
            key: principal?.key?.id, address: context.address, request: context.requestID,
            action: route.operation?.id ?? "\(route.method.rawValue) \(route.path)",
            target: String(request.uri.path.prefix(512)), status: status, detail: note.detail)
        await panal.note(entry, now: !route.isAboutJobs)
    }
}

extension Route {
    /// Pieces of an upload are no acts of their own.
    fileprivate var isAudited: Bool { operation?.tag != .uploads }
    /// Jobs have histories of their own.
    fileprivate var isAboutJobs: Bool {
        scope == .jobs || (access == .page && (path.hasPrefix("/jobs") || path == "/programs/{name}"))
    }
    /// Whoever tries to come in.
    fileprivate var notesStrangers: Bool { path.hasSuffix("/sign-in") || path.hasSuffix("/sign-up") }
}

/// What one request tells the audit log and others about itself.
final class AuditBox: Sendable {
    let value = Mutex(AuditNote())
}
