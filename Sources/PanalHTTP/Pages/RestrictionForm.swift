import PanalCore
import PanalService

/// The form of a restriction, the same for a group and for a user.
enum RestrictionForm {
    /// What the partial `restriction` shows.
    static func values(_ restriction: Restriction, action: String, _ panal: Panal) -> Templates.Values {
        func boxes(_ names: [String], _ chosen: Set<String>?) -> [Templates.Values] {
            names.map { ["value": $0, "checked": chosen?.contains($0) ?? false] }
        }
        func text(_ number: Int?) -> String { number.map(String.init) ?? "" }
        return [
            "restrictAction": action, "profiles": boxes(panal.profiles().map(\.profile.name), restriction.profiles),
            "pools": boxes(panal.pools.map(\.name), restriction.pools),
            "allocators": panal.allocators.map {
                ["allocator": $0, "selected": $0 == restriction.allocator] as Templates.Values
            },
            "eachRunningCores": text(restriction.runningCores), "eachQueuedJobs": text(restriction.queuedJobs),
            "eachStoredBytes": text(restriction.storedBytes), "eachOutputDays": text(restriction.outputDays),
        ]
    }

    /// What the form says; what it does not show stays as it is in `restriction`.
    static func read(_ form: Form, over restriction: Restriction) throws -> Restriction {
        func chosen(_ name: String) -> Set<String>? {
            let words = form.words(name)
            return words.isEmpty ? nil : Set(words)
        }
        var restriction = restriction
        (restriction.profiles, restriction.pools) = (chosen("profile"), chosen("pool"))
        let allocator = try form.text("allocator") ?? ""
        restriction.allocator = allocator.isEmpty ? nil : allocator
        restriction.runningCores = try GroupPages.number("runningCores", form)
        restriction.queuedJobs = try GroupPages.number("queuedJobs", form)
        restriction.storedBytes = try GroupPages.number("storedBytes", form)
        restriction.outputDays = try GroupPages.number("outputDays", form)
        return restriction
    }

    static func labels(_ t: Catalogue) -> [String: String] {
        [
            "runningCores": t(.runningCores), "queuedJobs": t(.queuedJobs), "storedBytes": t(.storedBytes),
            "outputDays": t(.outputDays), "profiles": t(.profile), "pools": t(.pools), "allocator": t(.allocator),
        ]
    }
}
