import PanalCore

extension MetricsText {
    /// What the ledger holds. Monitoring counts in floating point; the ledger does not.
    mutating func add(_ ledger: LedgerFigures) {
        func credits(_ amount: Credits) -> Double { Double(amount.micro) / 1_000_000 }
        add("panal_credits_granted", .gauge, "Credits given out, less what was taken back.", credits(ledger.granted))
        add("panal_credits_earned_total", .counter, "Credits that jobs have paid.", credits(ledger.earned))
        add("panal_credits_held", .gauge, "Credits set aside for jobs that have not ended.", credits(ledger.held))
        add("panal_credits_available", .gauge, "Credits that users and groups can spend.", credits(ledger.available))
        add("panal_credit_holds", .gauge, "Jobs that credit is set aside for.", Double(ledger.openHolds))
        add(
            "panal_ledger_transactions_total", .counter, "Transactions of the ledger.", Double(ledger.transactions))
        add(
            "panal_ledger_difference_credits", .gauge, "What the accounts do not sum up to nothing by: always 0.",
            credits(ledger.earned + ledger.held + ledger.available - ledger.granted))
    }
}
