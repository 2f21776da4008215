import Hummingbird
import PanalCore
import PanalService

/// Taking a program away, or one version of it.
extension ProgramPages {
    /// The form says which version, all where it says none, and that somebody has thought about it.
    @Sendable func withdraw(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let form = try await PageFrame.form(request, context)
        let (principal, name) = (try context.principal, try context.parameter("name"))
        _ = try await panal.program(principal, name: name, version: nil)
        guard try form.text("sure") == "true" else {
            throw ServiceError(
                .invalid, t(.withdrawSure), mistakes: [Mistake(pointer: "/sure", detail: t(.withdrawSure))])
        }
        var version: Int?
        if let text = try form.text("version"), !text.isEmpty {
            guard let number = Int(text), number > 0 else {
                throw ServiceError(.malformed, "‘\(text)’ is no version")
            }
            version = number
        }
        try await panal.withdraw(principal, program: name, version: version)
        let isLeft = (try? await panal.program(principal, name: name, version: nil)) != nil
        return .seeOther(isLeft ? Self.path(name) : "/programs")
    }
}
