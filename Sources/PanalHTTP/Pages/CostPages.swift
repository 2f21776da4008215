import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// For administrators: what a month costs, what it has earned, and what they pay for.
struct CostPages: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] {
        [
            Route(.get, "/costs", .administratorPage) { request, context in
                try await page(context, month: try Query(request).month("month"))
            },
            Route(.post, "/costs/items", .administratorPage, add),
            Route(.post, "/costs/items/remove", .administratorPage, remove),
        ]
    }

    private func page(
        _ context: WebContext, month: Month? = nil, _ own: Templates.Values = [:], status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let wording = Wording(context)
        let analysis = try await panal.costs(try context.principal, month: month)
        let total = analysis.total
        var values: Templates.Values = [
            "tabCosts": true, "month": analysis.month.description,
            "months": UsagePage.options(chosen: analysis.month, now: panal.now),
            "cost": wording.credits(analysis.cost), "earned": wording.credits(total.paid),
            "balance": wording.credits(analysis.balance), "balanceClass": analysis.balance < .zero ? "bad" : "",
            "coreTime": wording.span(.microseconds(total.use.coreMicroseconds)), "jobCount": total.jobs,
            "byUse": PageFrame.optional(analysis.breakEvenByUse.map(wording.credits)),
            "byCapacity": PageFrame.optional(analysis.breakEvenByCapacity.map(wording.credits)),
            "hasProfiles": !analysis.profiles.isEmpty, "hasItems": !analysis.items.isEmpty,
            "profiles": analysis.profiles.map { line -> Templates.Values in
                [
                    "profileName": line.profile, "count": line.sum.jobs,
                    "profileTime": wording.span(.microseconds(line.sum.use.coreMicroseconds)),
                    "paid": wording.credits(line.sum.paid), "part": wording.credits(line.share),
                ]
            },
            "items": analysis.items.map { line -> Templates.Values in
                [
                    "itemName": line.item.name, "unitText": wording.t(Self.phrase(line.item.unit)),
                    "price": wording.credits(line.item.price), "quantity": line.item.quantity,
                    "hours": line.item.unit == .hour ? String(line.item.hoursADay) : "",
                    "itemCost": wording.credits(line.cost), "removeLabel": wording.t(.removeNamed, line.item.name),
                ]
            },
            "units": CostItem.Unit.allCases.map { ["unit": $0.rawValue, "unitText": wording.t(Self.phrase($0))] },
            "enteredName": "", "enteredPrice": "", "enteredQuantity": "1", "enteredHours": "24",
        ]
        values.merge(own) { _, new in new }
        return try frame.page(
            "costs", title: wording.t(.costs), in: .administration, values, context, status: status)
    }

    private static func phrase(_ unit: CostItem.Unit) -> Phrase {
        switch unit {
        case .hour: .unitHour
        case .month: .unitMonth
        case .gibibyteMonth: .unitGibibyteMonth
        }
    }

    @Sendable private func add(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let form = try await PageFrame.form(request, context)
        let principal = try context.principal
        do {
            guard let unit = CostItem.Unit(rawValue: try form.text("unit") ?? "") else {
                throw ServiceError(.malformed, "there is no such unit")
            }
            guard let price = try CreditPages.amount(form, "price") else {
                throw ServiceError(.invalid, "", mistakes: [Mistake(pointer: "/price", detail: "12.50")])
            }
            let item = CostItem(
                name: (try form.text("name") ?? "").trimmingSpaces, unit: unit, price: price,
                quantity: try Self.number("quantity", in: 0...1_000_000_000, form),
                hoursADay: try Self.number("hours", in: 1...24, form))
            do {
                let items = try await panal.costItems(principal)
                try await panal.setCostItems(principal, to: items + [item], expecting: items)
            } catch let error as ServiceError where error.code == .invalid {
                // The list's place is nothing that the page shows.
                throw ServiceError(
                    .invalid, error.detail,
                    mistakes: error.mistakes.map { Mistake(pointer: "/name", detail: $0.detail) })
            }
            return .seeOther("/costs")
        } catch let error as ServiceError where error.code == .invalid {
            var values = AccountPages.refused(
                error, t,
                labels: [
                    "name": t(.costItem), "price": t(.price), "quantity": t(.quantity), "hours": t(.hoursADay),
                ])
            for (field, value) in [
                ("name", "enteredName"), ("price", "enteredPrice"), ("quantity", "enteredQuantity"),
                ("hours", "enteredHours"),
            ] {
                values[value] = try form.text(field) ?? ""
            }
            return try await page(context, values, status: Problem(error).status)
        }
    }

    @Sendable private func remove(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        let principal = try context.principal
        let name = try form.text("name") ?? ""
        let items = try await panal.costItems(principal)
        guard items.contains(where: { $0.name == name }) else {
            throw ServiceError(.notFound, "there is no such item")
        }
        try await panal.setCostItems(principal, to: items.filter { $0.name != name }, expecting: items)
        return .seeOther("/costs")
    }

    private static func number(_ field: String, in range: ClosedRange<Int>, _ form: Form) throws -> Int {
        guard let number = Int((try form.text(field) ?? "").trimmingSpaces), range.contains(number) else {
            throw ServiceError(
                .invalid, "",
                mistakes: [Mistake(pointer: "/\(field)", detail: "\(range.lowerBound) – \(range.upperBound)")])
        }
        return number
    }
}
