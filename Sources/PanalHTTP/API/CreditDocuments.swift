import HTTPTypes
import PanalCore
import PanalService

/// Credit as JSON: amounts are texts with up to six places, since numbers of JSON are no exact ones for everybody.
enum CreditDocuments {
    static func amount(_ credits: Credits) -> JSONValue { .string(credits.description) }

    private static func names(_ named: NamedStanding) -> (user: String?, group: String?) {
        switch named.name {
        case .user(let name): (name, nil)
        case .group(let name): (nil, name)
        }
    }

    static func budget(_ named: NamedStanding) -> JSONValue {
        let (user, group) = names(named)
        return Documents.object([
            "user": user.map(JSONValue.string), "group": group.map(JSONValue.string),
            "amount": named.standing.budget.map(amount) ?? .null,
        ])
    }

    static func payer(_ named: NamedStanding) -> JSONValue {
        Documents.object(["group": names(named).group.map(JSONValue.string), "pays": .boolean(named.standing.pays)])
    }

    static func items(_ items: [CostItem]) -> JSONValue { .object(["items": .array(items.map(item))]) }

    static func account(_ named: NamedStanding, rules: CreditRules) -> JSONValue {
        let standing = named.standing
        let (user, group) = names(named)
        return Documents.object([
            "user": user.map(JSONValue.string), "group": group.map(JSONValue.string),
            "enforced": .boolean(rules.isOn), "balance": amount(standing.balance), "held": amount(standing.held),
            "paidThisMonth": amount(standing.paidThisMonth), "budget": standing.budget.map(amount),
            "leftOfBudget": standing.leftOfBudget.map(amount),
            "paysForMembers": group == nil ? nil : .boolean(standing.pays),
        ])
    }

    static func entry(_ line: LedgerLine) -> JSONValue {
        Documents.object([
            "number": .integer(Int(line.number)), "at": .string(line.at.rfc3339), "kind": .string(line.kind.rawValue),
            "amount": amount(line.amount), "balance": amount(line.balance), "job": line.job.map { .string($0.text) },
            "by": line.by.map(JSONValue.string), "reason": line.reason.map(JSONValue.string),
        ])
    }

    static func value(of key: UsageKey, _ row: UsageRow) -> String? {
        switch key {
        case .month: row.month?.description
        case .user: row.userName ?? row.user?.text
        case .group: row.group
        case .program: row.program
        case .profile: row.profile
        }
    }

    static func row(_ row: UsageRow, by keys: [UsageKey]) -> JSONValue {
        guard case .object(var members) = sum(row.sum) else { return .null }
        for key in keys { members[key.rawValue] = value(of: key, row).map(JSONValue.string) }
        return .object(members)
    }

    static func sum(_ sum: UsageSum) -> JSONValue {
        [
            "jobs": .integer(sum.jobs), "systemErrors": .integer(sum.systemErrors),
            "coreSeconds": seconds(sum.use.coreMicroseconds),
            "memoryGibibyteSeconds": seconds(sum.use.memoryMicroseconds), "cpuSeconds": seconds(sum.cpuMicroseconds),
            "cost": amount(sum.cost), "paid": amount(sum.paid),
        ]
    }

    private static func seconds(_ microseconds: Int64) -> JSONValue { .number(Double(microseconds) / 1_000_000) }

    static func analysis(_ analysis: CostAnalysis) -> JSONValue {
        Documents.object([
            "month": .string(analysis.month.description), "days": .integer(analysis.days),
            "items": .array(
                analysis.items.map { line in
                    guard case .object(var members) = item(line.item) else { return .null }
                    members["cost"] = amount(line.cost)
                    return .object(members)
                }),
            "cost": amount(analysis.cost), "earned": amount(analysis.total.paid), "balance": amount(analysis.balance),
            "usage": sum(analysis.total),
            "profiles": .array(
                analysis.profiles.map { line in
                    ["profile": .string(line.profile), "usage": sum(line.sum), "share": amount(line.share)]
                }),
            "capacityCoreSeconds": seconds(analysis.capacityCoreMicroseconds),
            "breakEvenCoreHour": analysis.breakEvenByUse.map(amount),
            "breakEvenCoreHourAtCapacity": analysis.breakEvenByCapacity.map(amount),
        ])
    }

    static func item(_ item: CostItem) -> JSONValue {
        [
            "name": .string(item.name), "unit": .string(item.unit.rawValue), "price": amount(item.price),
            "quantity": .integer(item.quantity), "hoursADay": .integer(item.hoursADay),
        ]
    }

    static func item(from value: JSONValue, at place: Int) throws -> CostItem {
        func wrong(_ member: String, _ detail: String) -> ServiceError {
            ServiceError(
                .invalid, "an item is wrong", mistakes: [Mistake(pointer: "/items/\(place)\(member)", detail: detail)])
        }
        guard case .object(let members) = value else { throw wrong("", "expected an object, found \(value.kind)") }
        let known: Set<String> = ["name", "unit", "price", "quantity", "hoursADay"]
        if let unknown = members.keys.sorted().first(where: { !known.contains($0) }) {
            throw wrong("/\(unknown)", "unknown; known are \(known.sorted().joined(separator: ", "))")
        }
        guard case .string(let name)? = members["name"] else { throw wrong("/name", "expected a text") }
        let units = CostItem.Unit.allCases.map(\.rawValue).joined(separator: ", ")
        guard case .string(let word)? = members["unit"], let unit = CostItem.Unit(rawValue: word) else {
            throw wrong("/unit", "expected one of \(units)")
        }
        func count(_ name: String, in range: ClosedRange<Int>, unset: Int) throws -> Int {
            switch members[name] {
            case nil, .null?: return unset
            case .integer(let value)? where range.contains(value): return value
            default: throw wrong("/\(name)", "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
        }
        let price: Credits
        do {
            guard let found = try amount("price", in: members) else { throw wrong("/price", "is required") }
            price = found
        } catch let error as ServiceError {
            throw wrong("/price", error.mistakes.first?.detail ?? error.detail)
        }
        return CostItem(
            name: name, unit: unit, price: price, quantity: try count("quantity", in: 0...1_000_000_000, unset: 1),
            hoursADay: try count("hoursADay", in: 1...24, unset: 24))
    }

    /// An amount as text, or a whole number of credits. A number with a fraction is refused: it may not be the one that was meant.
    static func amount(_ name: String, in members: [String: JSONValue]) throws -> Credits? {
        func wrong(_ detail: String) -> ServiceError {
            ServiceError(.invalid, "an amount is wrong", mistakes: [Mistake(pointer: "/\(name)", detail: detail)])
        }
        do {
            switch members[name] {
            case nil, .null: return nil
            case .string(let text): return try Credits(parsing: text)
            case .integer(let count): return try Credits(parsing: String(count))
            case .number: throw wrong("fractions are written as text, such as \"12.5\"")
            case let other?: throw wrong("expected an amount such as \"12.5\", found \(other.kind)")
            }
        } catch let mistake as QuantityMistake {
            throw wrong(mistake.detail)
        }
    }

    // MARK: - Jobs and profiles

    static func charge(_ charge: JobCharge) -> JSONValue {
        Documents.object([
            "coreHour": amount(Credits(micro: charge.price.coreHour)),
            "memoryGibibyteHour": amount(Credits(micro: charge.price.memoryHour)), "most": amount(charge.mostCost),
            "held": amount(charge.settlement == nil ? charge.hold : .zero),
            "coreSeconds": charge.settlement.map { seconds($0.use.coreMicroseconds) },
            "cost": charge.settlement.map { amount($0.cost) }, "paid": charge.settlement.map { amount($0.paid) },
        ])
    }

    static func price(_ profile: Profile) -> JSONValue {
        let tariff = profile.tariff
        return [
            "coreHour": amount(Credits(micro: tariff.ordinary.coreHour)),
            "memoryGibibyteHour": amount(Credits(micro: tariff.ordinary.memoryHour)),
            "opportunisticCoreHour": amount(Credits(micro: tariff.opportunistic.coreHour)),
            "most": amount(mostCost(of: profile)),
        ]
    }

    /// What an ordinary job on the profile costs at most.
    static func mostCost(of profile: Profile) -> Credits {
        JobCharge(of: profile.limits, price: profile.tariff.ordinary, payer: .holds, isHeld: false).mostCost
    }

    static func estimate(_ estimate: BatchEstimate) -> JSONValue {
        var members = self.members(of: estimate.whole)
        members["size"] = JSONValue.integer(estimate.size)
        members["together"] = JSONValue.boolean(estimate.isGang)
        if case .object(var charge)?? = members["charge"] {
            charge["most"] = amount(estimate.most)
            charge["held"] = amount(estimate.hold)
            members["charge"] = JSONValue.object(charge)
        }
        return Documents.object(members)
    }

    static func estimate(_ estimate: JobEstimate) -> JSONValue { Documents.object(members(of: estimate)) }

    private static func members(of estimate: JobEstimate) -> [String: JSONValue?] {
        var refusal: JSONValue?
        if let error = estimate.refusal {
            let problem = Problem(error)
            var members = problem.numbers
            members["type"] = .string("urn:panal:problem:\(problem.kind)")
            members["status"] = .integer(problem.status.code)
            members["title"] = .string(problem.title)
            members["detail"] = .string(problem.detail)
            if !problem.mistakes.isEmpty {
                members["errors"] = .array(
                    problem.mistakes.map { ["pointer": .string($0.pointer), "detail": .string($0.detail)] })
            }
            refusal = .object(members)
        }
        return [
            "dryRun": true, "valid": .boolean(estimate.isValid), "allowed": .boolean(estimate.refusal == nil),
            "refusal": refusal, "profile": estimate.profile.map(JSONValue.string),
            "priority": .string(estimate.priority.rawValue), "version": estimate.version.map(JSONValue.integer),
            "longestSeconds": estimate.longest.map { .number($0.inSeconds) },
            "host": estimate.host.map(JSONValue.string), "startsNow": .boolean(estimate.startsNow),
            "estimatedStart": estimate.estimatedStart.map { .string($0.rfc3339) },
            "reason": estimate.reason.map(JSONValue.string), "charge": estimate.charge.map(charge),
            "balance": estimate.standing.map { amount($0.balance) },
            "leftOfBudget": estimate.standing?.leftOfBudget.map(amount),
        ]
    }
}
