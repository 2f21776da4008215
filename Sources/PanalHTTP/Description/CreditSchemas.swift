import PanalCore

extension Schema {
    /// An amount that goes out.
    static let credits = component(
        "Credits",
        text(pattern: #"^-?[0-9]+(\.[0-9]{1,6})?$"#, example: "12.5")
            .note("An amount of credit as text, with up to six places: exact for everybody."))

    static let budget = component(
        "Budget", .object(["user?": userName, "group?": text, "amount": any(of: [credits, .null])]))
    static let payer = component("Payer", .object(["group": text(1...80), "pays": boolean], isClosed: true))

    /// An amount that comes in.
    static let amount = any(of: [
        text(pattern: #"^[0-9]{1,13}(\.[0-9]{1,6})?$"#, example: "12.5"), integer(0...1_000_000_000_000),
    ])

    static let month = text(pattern: #"^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])$"#, example: "2026-11")

    static let charge = component(
        "Charge",
        .object([
            "coreHour": credits.note("The price of a core and hour when the job was submitted."),
            "memoryGibibyteHour": credits, "most": credits.note("What the job can cost at most."),
            "held": credits.note("Set aside until the job ends; in an estimate, what would be."),
            "coreSeconds?": seconds.note("What it used, once it has ended."),
            "cost?": credits.note("What that costs; 0 for Panal's own failures."),
            "paid?": credits.note("What was taken; 0 where credits are switched off."),
        ]))

    static let profilePrice = component(
        "ProfilePrice",
        .object([
            "coreHour": credits, "memoryGibibyteHour": credits, "opportunisticCoreHour": credits,
            "most": credits.note("What an ordinary job costs that runs as long as it may."),
        ]))

    static let usageSum = component(
        "UsageSum",
        .object([
            "jobs": count.note("That have ended."), "systemErrors": count.note("That Panal failed at: never billed."),
            "coreSeconds": seconds.note("Of the cells' cores, while the programs ran and were not frozen."),
            "memoryGibibyteSeconds": seconds, "cpuSeconds": seconds.note("Of processors, as the programs used them."),
            "cost": credits, "paid": credits,
        ]))

    static let usageRow = usageSum.extended(
        by: ["month?": month, "user?": text, "group?": text, "program?": text, "profile?": text], named: "UsageRow")

    static let creditAccount = component(
        "CreditAccount",
        .object([
            "user?": userName, "group?": text, "enforced": boolean.note("Whether jobs are refused for want of credit."),
            "balance": credits.note("What can be spent now."), "held": credits.note("Set aside for unfinished jobs."),
            "paidThisMonth": credits, "budget?": credits.note("The most of one month; missing for no limit."),
            "leftOfBudget?": credits,
            "paysForMembers?": boolean.note("Of a group: whether it pays for what its members submit."),
        ]))

    static let creditEntry = component(
        "CreditEntry",
        .object([
            "number": integer(1 ... .max), "at": time, "kind": words(LedgerTransaction.Kind.self), "amount": credits,
            "balance": credits.note("After it."), "job?": identifier, "by?": text, "reason?": text,
        ]))

    private static let costMembers: KeyValuePairs<String, Schema> = [
        "name": text(1...80).example("database"), "unit": words(CostItem.Unit.self).note("What the price is for."),
        "price": amount, "quantity?": integer(0...1_000_000_000).unset(1),
        "hoursADay?": integer(1...24).note("Hours of a day that are paid, with the unit `hour`.").unset(24),
    ]
    static let costItem = component("CostItem", .object(costMembers, isClosed: true))

    static let costAnalysis = component(
        "CostAnalysis",
        .object([
            "month": month, "days": integer(28...31),
            "items": list(
                of: .object([
                    "name": text, "unit": words(CostItem.Unit.self), "price": credits,
                    "quantity": count, "hoursADay": count, "cost": credits.note("In this month."),
                ])),
            "cost": credits, "earned": credits, "balance": credits.note("Earned less cost."), "usage": usageSum,
            "profiles": list(
                of: .object([
                    "profile": text, "usage": usageSum,
                    "share": credits.note("Its part of the cost, by the cores' time that it used."),
                ])),
            "capacityCoreSeconds": seconds.note("What the machine could have sold."),
            "breakEvenCoreHour?": credits.note(
                "The price of a core and hour at which what was used pays for the month."),
            "breakEvenCoreHourAtCapacity?": credits.note("The same, had every core been sold all the time."),
        ]))

    static let estimate = component(
        "Estimate",
        .object([
            "dryRun": Schema(["const": true]), "valid": boolean.note("Whether the submission itself is right."),
            "allowed": boolean.note("Whether it would be taken now."),
            "refusal?": .object([
                "type": text, "status": integer(400...599), "title": text, "detail": text,
                "errors?": list(of: .object(["pointer": text, "detail": text])), "needed?": credits,
                "available?": credits, "limit?": text, "account?": text,
            ]).note("The problem that a submission would get."),
            "profile?": text, "priority": priority, "version?": integer(1 ... .max),
            "longestSeconds?": seconds.note("As long as it may run."),
            "host?": text.note("Where it would run, if it starts now."), "startsNow": boolean,
            "estimatedStart?": time.note("If nobody before it ends early."), "reason?": text.note("Why it would wait."),
            "charge?": charge, "balance?": credits.note("Of the account that pays."), "leftOfBudget?": credits,
        ]))

    static let batchEstimate = estimate.extended(
        by: [
            "size": count.note(
                "How many jobs. `startsNow`, `estimatedStart` and `reason` are of the last one to start, and the charge's `most` "
                    + "and `held` of all together; a place in `refusal` begins with `/submissions/` and the job's number."
            ),
            "together": boolean.note("Whether all of them would start in one step."),
        ], named: "BatchEstimate")
}
