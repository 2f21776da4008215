/// Whether jobs have to be paid for.
package struct CreditRules: Hashable, Sendable {
    /// What a budget that has become too small means for jobs that it does not cover any more.
    package enum BudgetStop: String, Hashable, Sendable, CaseIterable {
        /// They run to their end; only new ones are refused.
        case submissions
        /// They are cancelled, the newest first.
        case running
    }

    /// False meters everything and refuses nothing.
    package var isOn: Bool
    package var budgetStop: BudgetStop

    package init(isOn: Bool = false, budgetStop: BudgetStop = .submissions) {
        self.isOn = isOn
        self.budgetStop = budgetStop
    }
}
