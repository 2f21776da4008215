import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// For administrators: the machine's cores and who is on them, who waits and for what, and who did what.
struct MachinePages: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] {
        [
            Route(.get, "/machine", .administratorPage, show),
            Route(.get, "/machine/live", .administratorPage, current),
            Route(.get, "/audit", .administratorPage, audit),
        ]
    }

    /// Places of the queue, and entries of the audit log on one page.
    private static let places = 100
    private static let entries = 100

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        try frame.page(
            "machine", title: Catalogue(language: context.language)(.machine), in: .administration,
            try await values(context), context)
    }

    /// The part that changes, for the script that keeps it current.
    @Sendable private func current(_ request: Request, _ context: WebContext) async throws -> Response {
        let text = try frame.render("machinelive", try await values(context), context)
        let etag = StoredAnswer.etag(of: text.utf8)
        guard !HeaderValues.names(etag, in: request.headers) else {
            return Response(status: .notModified, headers: [.eTag: etag])
        }
        var response = Response.html(text)
        response.headers[.eTag] = etag
        return response
    }

    private func values(_ context: WebContext) async throws -> Templates.Values {
        let principal = try context.principal
        let wording = Wording(context)
        let machine = try await panal.machine(principal)
        let queue = try await panal.queue(principal, limit: Self.places)
        let comb = Honeycomb(machine, free: wording.t(.freeCore))
        return [
            "tabMachine": true, "comb": comb.cells, "combWidth": comb.width, "combHeight": comb.height,
            "combText": wording.t(.coresTaken, String(comb.taken), String(machine.cores.count)),
            "guests": machine.guests.map { guest -> Templates.Values in
                [
                    "href": "/jobs/\(guest.job.id)", "program": guest.job.programName, "owner": guest.owner,
                    "profile": guest.job.profile, "stateText": wording.state(guest.job.state),
                    "cores": guest.job.cores.map { $0.map(String.init).joined(separator: ", ") } ?? "",
                    "started": guest.job.started.map(Wording.moment) ?? "",
                ]
            },
            "hasGuests": !machine.guests.isEmpty, "hasPlaces": !queue.entries.isEmpty,
            "waitingText": wording.waiting(queue.waiting),
            "places": queue.entries.map { entry -> Templates.Values in
                [
                    "position": entry.position, "job": PageFrame.optional(entry.job?.text),
                    "href": entry.job.map { "/jobs/\($0)" } ?? "", "reason": entry.reason.map(wording.waiting) ?? "",
                    "start": entry.estimatedStart.map(Wording.moment) ?? "",
                ]
            },
            "hasDecisions": !queue.decisions.isEmpty,
            "decisions": queue.decisions.map { decision -> Templates.Values in
                [
                    "at": Wording.moment(decision.at), "kind": decision.kind, "reason": decision.reason,
                    "job": PageFrame.optional(decision.job?.text), "href": decision.job.map { "/jobs/\($0)" } ?? "",
                ]
            },
            "t": wording.t,
        ]
    }

    @Sendable private func audit(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let query = try Query(request)
        let action = try query.text("action").flatMap { $0.isEmpty ? nil : $0 }
        let page = try await panal.auditPage(
            try context.principal, user: nil, action: action,
            PageWish(cursor: try query.text("cursor"), limit: Self.entries))
        let next = page.next.map { cursor in
            "/audit?cursor=\(cursor)" + (action.map { "&action=\(PercentCoding.encoded($0))" } ?? "")
        }
        return try frame.page(
            "audit", title: t(.auditLog), in: .administration,
            [
                "tabAudit": true, "action": action ?? "", "next": PageFrame.optional(next),
                "hasEntries": !page.entries.isEmpty,
                "entries": page.entries.map { entry -> Templates.Values in
                    [
                        "at": entry.at.rfc3339, "atText": Wording.moment(entry.at), "who": entry.name ?? "–",
                        "action": entry.action, "target": Wording.visible(entry.target), "status": entry.status,
                        "isDone": entry.status < 400, "detail": PageFrame.optional(entry.detail),
                        "address": entry.address,
                    ]
                },
            ], context)
    }
}

/// A machine's cores as cells of a comb: rows of hexagons, every other row moved by half of one.
struct Honeycomb {
    /// Cells of the longest row, and a cell's size in the drawing.
    private static let row = 12
    private static let cell = (width: 72, height: 62)

    let cells: [Templates.Values]
    let taken: Int
    let width: Int
    let height: Int

    init(_ machine: MachineReport, free: String) {
        var owners: [Int: MachineReport.Guest] = [:]
        for guest in machine.guests { for core in guest.job.cores ?? [] { owners[core] = guest } }
        let (width, height) = Self.cell
        let length = max(1, min(Self.row, Int(Double(machine.cores.count).squareRoot().rounded(.up)) + 1))
        cells = machine.cores.enumerated().map { place, core in
            let (row, column) = (place / length, place % length)
            let x = column * width + (row % 2) * width / 2 + width / 2
            let y = row * height * 3 / 4 + height / 2 + 2
            let owner = owners[core]
            let who = owner?.owner ?? free
            let points = (0..<6).map { Self.corner($0, x, y) }
            return [
                "points": points.joined(separator: " "), "x": x, "y": y, "lower": y + 13, "core": core,
                "who": String(who.prefix(8)), "isTaken": owner != nil,
                "about": owner.map { "\(core): \($0.owner), \($0.job.programName)" } ?? "\(core): \(free)",
                "href": PageFrame.optional(owner.map { "/jobs/\($0.job.id)" }),
            ]
        }
        taken = machine.cores.count { owners[$0] != nil }
        let rows = (machine.cores.count + length - 1) / length
        self.width = length * width + (rows > 1 ? width / 2 : 0) + 4
        self.height = max(1, rows) * height * 3 / 4 + height / 4 + 6
    }

    /// The corners of a hexagon that stands on its tip, clockwise from the top.
    private static func corner(_ number: Int, _ x: Int, _ y: Int) -> String {
        let (half, tall) = (cell.width / 2 - 3, cell.height / 2 - 1)
        let corners = [
            (0, -tall), (half, -tall / 2), (half, tall / 2), (0, tall), (-half, tall / 2), (-half, -tall / 2),
        ]
        let (dx, dy) = corners[number]
        return "\(x + dx),\(y + dy)"
    }
}
