import PanalCore

// Groups, restrictions and what follows from them.

extension Schema {
    static let group = component(
        "Group",
        .object([
            "id": identifier, "name": userName, "label": text.example("Image processing"), "created": time,
            "share": share, "runningCores?": runningCores, "queuedJobs?": queuedJobs,
            "url": reference.example("/api/v1/groups/01k8zq4m3rh7x2c5w9ta"),
        ]))

    private static let share = Schema(["type": "number", "minimum": .number(0.001), "maximum": 1000]).example(1)
        .note("Its part of the machine against other groups: one with 2 gets twice of what one with 1 gets.")
    private static let runningCores = integer(1...largest).note("Cores of running jobs together.")
    private static let queuedJobs = integer(0...largest).note("Jobs that wait at the same time.")
    private static let largest = 1 << 50

    static let newGroup = object(
        [
            "name": userName.note("It is never changed."), "label?": text(1...80), "share?": share.unset(1),
            "runningCores?": runningCores.note("Cores of all members' running jobs together; no limit when missing."),
            "queuedJobs?": queuedJobs.note("Waiting jobs of all members together; no limit when missing."),
        ], isClosed: true)

    static let groupChange = object(
        [
            "label?": text(1...80), "share?": share, "runningCores?": any(of: [runningCores, null]),
            "queuedJobs?": any(of: [queuedJobs, null]),
        ], isClosed: true)

    private static func names(_ examples: JSONValue, _ note: String) -> Schema {
        Schema(["type": "array", "items": ["type": "string"], "minItems": 1])
            .example(examples).note(note)
    }

    private static let restrictionMembers: KeyValuePairs<String, Schema> = [
        "profiles?": names(["small"], "Hardware profiles."), "pools?": names(["local"], "Pools of hosts."),
        "allocator?": text.example("packed").note("Which algorithm gives jobs their host."),
        "repositories?": names(["main"], "Storage roots."), "runningCores?": runningCores, "queuedJobs?": queuedJobs,
        "storedBytes?": integer(0...largest).note("Bytes of programs and results together."),
        "outputDays?": integer(1...36_600).note("Days for which outputs of jobs are kept, in place of the setting."),
    ]

    static let restriction = component("Restriction", .object(restrictionMembers))
    static let restrictionOrder = object(restrictionMembers, isClosed: true)

    /// What somebody may use, in full.
    static let rights = component(
        "Rights",
        .object([
            "groups": list(of: .object(["id": identifier, "name": userName, "label": text])).note(
                "The first one is charged with what is run."),
            "profiles": list(of: text), "pools": list(of: text), "repositories": list(of: text), "allocator": text,
            "runningCores?": runningCores, "queuedJobs?": queuedJobs, "storedBytes?": count,
            "storedNow": count.note("Bytes that count against `storedBytes` now."),
            "outputDays?": count.note("Days for which outputs of jobs are kept; missing for good."),
            "outputWarningDays": count.note("Days that one is told before they go, at least."),
        ]))

    static let pool = component(
        "Pool",
        .object([
            "name": text.example("local"), "open": boolean.note("Whether jobs start there."), "hosts": count,
            "cores": count,
        ]))
}
