import Hummingbird
import PanalCore
import PanalService

/// What becomes of a job's outputs, on its page.
extension JobPages {
    @Sendable func keep(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        let isKept: Bool
        switch try form.text("kept") {
        case "true": isKept = true
        case "false": isKept = false
        default: throw ServiceError(.malformed, "the form does not say whether to keep the outputs")
        }
        let job = try await panal.setKept(
            try context.principal, try context.identifier("id", of: Job.self), to: isKept)
        return .seeOther("/jobs/\(job.id)")
    }

    @Sendable func removeOutputs(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await PageFrame.form(request, context)
        let job = try await panal.removeOutputs(
            try context.principal, try context.identifier("id", of: Job.self))
        return .seeOther("/jobs/\(job.id)")
    }

    /// False before the job's end.
    func keeping(of job: Job, _ wording: Wording) -> Any {
        guard job.state.isFinal else { return false }
        let t = wording.t
        let (text, isThere) =
            if let removal = job.keeping.removal, !removal.isEmpty {
                (
                    t(
                        .outputsRemoved, wording.bytes(removal.bytes), Wording.moment(removal.at),
                        t(Self.phrase(removal.cause))), false
                )
            } else if job.keeping.isKept {
                (t(.keptByWish), true)
            } else if let expiry = job.outputsExpire {
                (t(.keptUntil, Wording.moment(expiry)), true)
            } else {
                (t(.keptForGood), job.keeping.removal == nil)
            }
        return [
            "text": text, "isThere": isThere, "keepAction": "/jobs/\(job.id)/kept",
            "removeAction": "/jobs/\(job.id)/outputs", "wish": job.keeping.isKept ? "false" : "true",
            "keepText": t(job.keeping.isKept ? .letGo : .keepOutputs),
        ] as Templates.Values
    }

    private static func phrase(_ cause: RemovalCause) -> Phrase {
        switch cause {
        case .age: .removedForAge
        case .quota: .removedForQuota
        case .request: .removedOnRequest
        }
    }
}
