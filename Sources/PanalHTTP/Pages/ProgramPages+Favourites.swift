import Hummingbird
import PanalCore
import PanalManifest
import PanalService

/// The star beside a program.
extension ProgramPages {
    @Sendable func changeFavourite(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        let isFavourite: Bool
        switch try form.text("favourite") {
        case "true": isFavourite = true
        case "false": isFavourite = false
        default: throw ServiceError(.malformed, "the form does not say whether the program is to be a favourite")
        }
        try await panal.setFavourite(
            try context.principal, program: try context.parameter("name"), to: isFavourite)
        return .seeOther(HeaderValues.localPath(try form.text("return")))
    }

    /// `back` is where one goes on.
    static func star(_ entry: ProgramEntry, isFavourite: Bool, back: String, _ t: Catalogue) -> Templates.Values {
        [
            "isFavourite": isFavourite, "starAction": "\(path(entry.program.name))/favourite",
            "starWish": isFavourite ? "false" : "true", "starPressed": isFavourite ? "true" : "false",
            "starLabel": t(.favouriteNamed, entry.manifest.name), "starBack": back,
        ]
    }
}
