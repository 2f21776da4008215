import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `/api/v1/groups` and the restrictions of groups and users; for administrators.
struct GroupInterface: Sendable {
    let panal: Panal

    var routes: [Route] { groupRoutes + memberRoutes + restrictionRoutes }

    private var groupRoutes: [Route] {
        [
            Route(.get, "/api/v1/groups", .administratorInterface, groups)
                .described(
                    "listGroups", .groups, "All groups", .pages("groups", of: .group, "By name", .most)),
            Route(.post, "/api/v1/groups", .administratorInterface, makeGroup)
                .described(
                    "createGroup", .groups, "Make a group", .body(.newGroup),
                    .answer(.created, .group, "The group", .location), .refuses(.conflict)),
            Route(.get, "/api/v1/groups/{id}", .administratorInterface, group)
                .described("getGroup", .groups, "A group", .document(.group, "The group")),
            Route(.patch, "/api/v1/groups/{id}", .administratorInterface, changeGroup)
                .described(
                    "changeGroup", .groups, "Change a group's label, share or limits", .guarded,
                    .note("What is left out stays as it is; `null` takes a limit away."), .body(.groupChange),
                    .answer(.ok, .group, "The group as it is now", .eTag)),
            Route(.delete, "/api/v1/groups/{id}", .administratorInterface, deleteGroup)
                .described(
                    "deleteGroup", .groups, "Delete a group; its members stay users", .guarded,
                    .empty(.noContent, "It is not there any more")),
        ]
    }

    private var memberRoutes: [Route] {
        [
            Route(.get, "/api/v1/groups/{id}/members", .administratorInterface, members)
                .described(
                    "listMembers", .groups, "Who is in a group",
                    .answer(.ok, .object(["members": .list(of: .user)]), "In the order of joining")),
            Route(.put, "/api/v1/groups/{id}/members/{user}", .administratorInterface, addMember)
                .described(
                    "addMember", .groups, "Take a user into a group",
                    .note(
                        "What they run counts against the share of the first group that they joined; who pays is said by `setPayer`."
                    ),
                    .empty(.noContent, "They are a member")),
            Route(.delete, "/api/v1/groups/{id}/members/{user}", .administratorInterface, removeMember)
                .described(
                    "removeMember", .groups, "Take a user out of a group",
                    .empty(.noContent, "They are no member any more")),
        ]
    }

    private var restrictionRoutes: [Route] {
        [
            ("groups", Operation.Tag.groups, "Group", subjectGroup), ("users", .users, "User", subjectUser),
        ].flatMap { (path, tag, name, subject) -> [Route] in
            let path = "/api/v1/\(path)/{id}/restriction"
            return [
                Route(.get, path, .administratorInterface) { try await restriction(subject, $0, $1) }
                    .described(
                        "get\(name)Restriction", tag, "What a \(name.lowercased()) is restricted to",
                        .document(.restriction, "What is missing is not restricted")),
                Route(.put, path, .administratorInterface) { try await restrict(subject, $0, $1) }
                    .described(
                        "restrict\(name)", tag, "Restrict a \(name.lowercased())", .guarded,
                        .note(
                            """
                            The whole restriction: what is left out is not restricted. A user's own values replace those \
                            of their groups; several groups' are united. It holds at once, also for jobs that wait.
                            """),
                        .body(.restrictionOrder), .answer(.ok, .restriction, "The restriction", .eTag)),
                Route(.delete, path, .administratorInterface) { try await allowEverything(subject, $0, $1) }
                    .described(
                        "unrestrict\(name)", tag, "Take a \(name.lowercased())'s restriction away", .guarded,
                        .empty(.noContent, "There is none any more")),
            ]
        }
    }

    @Sendable private func groups(_ request: Request, _ context: WebContext) async throws -> Response {
        let page = try await panal.groupPage(try context.principal, try Paging.wish(try Query(request), .most))
        return try Paging.answer("groups", page.entries.map(Documents.group), next: page.next, request)
    }

    @Sendable private func group(_ request: Request, _ context: WebContext) async throws -> Response {
        let group = try panal.group(try context.principal, try groupID(context))
        return try .json(Documents.group(group), unlessKnownTo: request)
    }

    /// `{"name": …, "label": …, "share": 1, "runningCores": …, "queuedJobs": …}`; all but the name may be left out.
    @Sendable private func makeGroup(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["name", "label", "share", "runningCores", "queuedJobs"], in: members)
        guard let name = try JSONBody.text("name", in: members) else { throw JSONBody.required("name") }
        let group = try await panal.createGroup(try context.principal, name: name, try Self.change(members))
        var response = try Response.json(Documents.group(group), status: .created)
        response.headers[.location] = "\(Documents.base)/groups/\(group.id)"
        return response
    }

    /// What is left out stays; `null` takes a limit away.
    @Sendable private func changeGroup(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["label", "share", "runningCores", "queuedJobs"], in: members)
        let (principal, id, change) = (try context.principal, try groupID(context), try Self.change(members))
        return try await Preconditions.guarded(
            request, current: { try panal.group(principal, id) }, document: Documents.group
        ) { known in
            try .marked(Documents.group(try await panal.changeGroup(principal, id, change, expecting: known)))
        }
    }

    @Sendable private func deleteGroup(_ request: Request, _ context: WebContext) async throws -> Response {
        let (principal, id) = (try context.principal, try groupID(context))
        return try await Preconditions.guarded(
            request, current: { try panal.group(principal, id) }, document: Documents.group
        ) { known in
            try await panal.deleteGroup(principal, id, expecting: known)
            return Response(status: .noContent)
        }
    }

    @Sendable private func members(_ request: Request, _ context: WebContext) async throws -> Response {
        let users = try await panal.members(try context.principal, try groupID(context))
        return try .json(.object(["members": .array(users.map(Documents.user))]))
    }

    @Sendable private func addMember(_ request: Request, _ context: WebContext) async throws -> Response {
        try await panal.addMember(
            try context.principal, try await userID(context), to: try groupID(context))
        return Response(status: .noContent)
    }

    @Sendable private func removeMember(_ request: Request, _ context: WebContext) async throws -> Response {
        try await panal.removeMember(
            try context.principal, try await userID(context), from: try groupID(context))
        return Response(status: .noContent)
    }

    // MARK: Restrictions

    private typealias Subject = @Sendable (WebContext) async throws -> RestrictionSubject

    @Sendable private func subjectGroup(_ context: WebContext) async throws -> RestrictionSubject {
        .group(try groupID(context))
    }

    @Sendable private func subjectUser(_ context: WebContext) async throws -> RestrictionSubject {
        .user(try await userID(context, "id"))
    }

    private func restriction(_ subject: Subject, _ request: Request, _ context: WebContext) async throws -> Response {
        let restriction = try await panal.restriction(try context.principal, of: try await subject(context))
        return try .json(Documents.restriction(restriction), unlessKnownTo: request)
    }

    /// The whole restriction: what is left out is not restricted.
    private func restrict(_ subject: Subject, _ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        let lists: Set = ["profiles", "pools", "repositories"]
        let numbers: Set = ["runningCores", "queuedJobs", "storedBytes", "outputDays"]
        try JSONBody.expect(lists.union(numbers).union(["allocator"]), in: members)
        let restriction = Restriction(
            profiles: try JSONBody.texts("profiles", in: members).map(Set.init),
            pools: try JSONBody.texts("pools", in: members).map(Set.init),
            allocator: try JSONBody.text("allocator", in: members),
            repositories: try JSONBody.texts("repositories", in: members).map(Set.init),
            runningCores: try JSONBody.integer("runningCores", in: members),
            queuedJobs: try JSONBody.integer("queuedJobs", in: members),
            storedBytes: try JSONBody.integer("storedBytes", in: members),
            outputDays: try JSONBody.integer("outputDays", in: members))
        return try await replace(with: restriction, of: try await subject(context), request, context) {
            try .marked(Documents.restriction(restriction))
        }
    }

    private func allowEverything(
        _ subject: Subject, _ request: Request, _ context: WebContext
    ) async throws -> Response {
        try await replace(with: .none, of: try await subject(context), request, context) {
            Response(status: .noContent)
        }
    }

    private func replace(
        with restriction: Restriction, of subject: RestrictionSubject, _ request: Request, _ context: WebContext,
        _ answer: () throws -> Response
    ) async throws -> Response {
        let principal = try context.principal
        return try await Preconditions.guarded(
            request, current: { try await panal.restriction(principal, of: subject) },
            document: Documents.restriction
        ) { known in
            try await panal.restrict(principal, subject, to: restriction, expecting: known)
            return try answer()
        }
    }

    private func groupID(_ context: WebContext) throws -> GroupID {
        try panal.groupID(try context.principal, meantBy: try context.parameter("id"))
    }

    private func userID(_ context: WebContext, _ name: String = "user") async throws -> UserID {
        try await panal.userID(try context.principal, meantBy: try context.parameter(name))
    }

    private static func change(_ members: [String: JSONValue]) throws -> GroupChange {
        func limit(_ name: String) throws -> Int?? {
            members[name] == nil ? .none : .some(try JSONBody.integer(name, in: members))
        }
        return GroupChange(
            label: try JSONBody.text("label", in: members), share: try JSONBody.number("share", in: members),
            runningCores: try limit("runningCores"), queuedJobs: try limit("queuedJobs"))
    }
}

/// `/api/v1/pools`: where jobs run.
struct PoolInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/pools", .interface, pools)
                .described(
                    "listPools", .queue, "The pools of hosts",
                    .document(.object(["pools": .list(of: .pool)]), "In the operator's order")),
            Route(.get, "/api/v1/pools/{name}", .interface, show)
                .described(
                    "getPool", .queue, "A pool", .path("name", .text.example("local"), "The pool's name."),
                    .document(.pool, "The pool")),
            Route(.patch, "/api/v1/pools/{name}", .administratorInterface, change)
                .described(
                    "changePool", .queue, "Close a pool, or open it again", .guarded,
                    .note("In a closed pool what runs goes on, and nothing starts."),
                    .path("name", .text.example("local"), "The pool's name."),
                    .body(.object(["open": .boolean], isClosed: true)),
                    .answer(.ok, .pool, "The pool as it is now", .eTag)),
        ]
    }

    @Sendable private func pools(_ request: Request, _ context: WebContext) async throws -> Response {
        try .json(.object(["pools": .array(panal.pools.map(Documents.pool))]), unlessKnownTo: request)
    }

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let pool = try panal.pool(try context.principal, try context.parameter("name"))
        return try .json(Documents.pool(pool), unlessKnownTo: request)
    }

    /// `{"open": false}`: what runs goes on, nothing starts.
    @Sendable private func change(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["open"], in: members)
        guard let isOpen = try JSONBody.boolean("open", in: members) else { throw JSONBody.required("open") }
        let (principal, name) = (try context.principal, try context.parameter("name"))
        return try await Preconditions.guarded(
            request, current: { try panal.pool(principal, name) }, document: Documents.pool
        ) { known in
            try .marked(
                Documents.pool(try await panal.setPool(principal, name, isOpen: isOpen, expecting: known)))
        }
    }
}
