import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// The programs that somebody has marked for themselves.
struct FavouriteInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/favourites", .interface, list)
                .described(
                    "listFavourites", .programs, "The programs that one has marked as favourites",
                    .document(.object(["programs": .list(of: .program)]), "By name")),
            Route(.put, "/api/v1/programs/{name}/favourite", .interface) { try await set(true, $0, $1) }
                .described(
                    "addFavourite", .programs, "Mark a program as a favourite", .scope(.account),
                    .note("Twice is no error. Others see nothing of it."), .empty(.noContent, "It is one")),
            Route(.delete, "/api/v1/programs/{name}/favourite", .interface) { try await set(false, $0, $1) }
                .described(
                    "removeFavourite", .programs, "Take a favourite's mark away", .scope(.account),
                    .empty(.noContent, "It is none")),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let favourites = try await panal.favourites(principal)
        let programs = try await panal.programs(principal).filter { favourites.contains($0.program.id) }
        return try .json(.object(["programs": .array(programs.map(Documents.program))]), unlessKnownTo: request)
    }

    private func set(_ isFavourite: Bool, _ request: Request, _ context: WebContext) async throws -> Response {
        try await panal.setFavourite(
            try context.principal, program: try context.parameter("name"), to: isFavourite)
        return Response(status: .noContent)
    }
}
