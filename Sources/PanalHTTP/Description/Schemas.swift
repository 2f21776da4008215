import PanalCore
import PanalManifest

// What comes in and goes out, as the OpenAPI document names it. `Documents` writes what stands here, and a test holds the two against
// each other.

extension Schema {
    static let problem = component(
        "Problem",
        .object([
            "type": text(pattern: "^urn:panal:problem:[a-z-]+$", example: "urn:panal:problem:not-found")
                .note(ProblemKinds.note),
            "title": text.example("Not found"), "status": integer(400...599).example(404),
            "detail": text.example("there is no such job"), "instance": text.note("The address that was asked for."),
            "errors?": list(
                of: .object([
                    "pointer": text.example("/size").note("JSON pointer (RFC 6901), or the name of a form's field."),
                    "detail": text.example("is needed"),
                ])
            ).note("The members or fields that are wrong."),
            "needed?": credits.note("With 402: what the job may cost at most."),
            "available?": credits.note("With 402: what there is."),
            "limit?": words(["balance", "budget"]).note("With 402: what there is not enough of."),
            "account?": text.note("With 402: whose: `user:` or `group:` and the id."),
            "scope?": text.note("With insufficient-scope: what the key would have to be good for."),
            "until?": time.note("With 409 of a rotation: until when an earlier secret is taken; `Retry-After` too."),
            "allowedBytes?": count.note("Where there is no room: what may be stored."),
            "storedBytes?": count.note("What is."), "neededBytes?": count.note("What this would add."),
        ]))

    // MARK: Jobs

    static let jobState = component(
        "JobState",
        words(
            JobState.allCases.map(\.rawValue), meaning: JobState.meanings,
            "Where a job is on its way; `listStates` has what may follow what."
        ).example("finished"))
    static let priority = component("Priority", words(PriorityClass.self).unset("normal"))

    static let outcome = component(
        "Outcome",
        .object([
            "type": words(
                [
                    "exited", "signalled", "notStarted", "cpuTimeExceeded", "wallTimeExceeded", "memoryExceeded",
                    "outputExceeded", "syscallDenied", "cancelled", "systemError",
                ], meaning: Outcome.meanings, "How the program ended."),
            "sentence": text.example("The program ended well."),
            "success": boolean.note("As the manifest's exitCodes count it; without them, exit code 0."),
            "message?": text.note("What the manifest says about the exit code."),
            "code?": integer(0...255).note("With `exited`: what the program answered."),
            "signal?": integer(1...64).note("With `signalled`."),
            "reason?": text.note("With `notStarted`: why the program could not be started."),
            "step?": text.note("With `systemError`: where Panal failed. Such a run is never billed."),
            "errno?": Schema(["type": "integer"]), "detail?": text,
        ]))

    static let usage = component(
        "Usage",
        .object([
            "cpuUserSeconds": seconds.note(
                "Of processors, in the program itself: two busy cores use two in each second."),
            "cpuSystemSeconds": seconds.note("Of processors, in the kernel for it."),
            "wallSeconds": seconds.note(
                "From the start of the program to the end of its last process, without `frozenSeconds`."),
            "peakMemoryBytes": count.note("The most that the whole cell held at once, its files in memory too."),
            "peakProcesses?": count.note("The most processes and threads at once."),
            "voluntaryContextSwitches": count.note("How often it gave a core away, to wait."),
            "forcedContextSwitches": count.note("How often a core was taken from it."),
            "throttledSeconds": seconds.note("It wanted a core, and its part of one was used up."),
            "frozenSeconds?": seconds.note("It was made to stand still; no part of the others."),
            "bytesRead?": count.note("From storage; not what was in memory already."),
            "bytesWritten?": count.note("To storage; not into the cell's scratch folder or pipes."),
            "maxResidentBytes?": count.note("The largest part in memory of one process that was waited for."),
            "outOfMemoryKills?": count.note("Processes that the kernel ended for want of memory."),
            "cpuPressureSeconds?": seconds.note("Something in the cell waited for a core that others had."),
            "memoryPressureSeconds?": seconds.note("Something in the cell waited for memory."),
            "ioPressureSeconds?": seconds.note("Something in the cell waited for storage."),
        ]))

    static let stream = component(
        "Stream",
        .object([
            "bytes": count.note("Bytes so far."), "truncated": boolean.note("Whether more was written than is kept."),
            "url": reference.example("/api/v1/jobs/01k8zq4m3rh7x2c5w9ta/stdout"),
        ]))

    static let file = component(
        "ResultFile",
        .object([
            "path": text.example("result.png").note("Within the work folder."), "bytes": count, "sha256": digest,
            "url": reference.example("/api/v1/jobs/01k8zq4m3rh7x2c5w9ta/files/result.png"),
        ]))

    static let job = component(
        "Job",
        .object([
            "id": identifier, "program": programName, "version": integer(1 ... .max),
            "owner": identifier.note("The id of the user who submitted it."),
            "profile": text.example("small"), "priority": priority,
            "batch?": identifier.note("The batch that it came with; `getBatch` has it."),
            "attempt": integer(1 ... .max).note("More than 1 where Panal had to begin again."), "state": jobState,
            "final": boolean.note("Whether the state is one that no other follows."),
            "estimatedStart?": time.note("While it waits: when it starts at the latest, if nobody ends early."),
            "ahead?": count.note("While it waits: jobs that stand before it in the line."),
            "standsStillFor?": words(Standstill.self)
                .note("While an opportunistic job is frozen: others have its cores, or somebody works at the machine."),
            "submitted": time, "started?": time, "ended?": time,
            "message?": text.note("Why it waits, why it failed, or why it was not copied."), "outcome?": outcome,
            "usage?": usage,
            "cores?": list(of: count).note("The host's cores that it ran on."),
            "charge?": charge.note("What it costs."),
            "fields": list(of: .object(["id": text, "label": text, "value": text])).note("What was submitted."),
            "stdout": stream, "stderr": stream, "files": list(of: file),
            "url": reference.example("/api/v1/jobs/01k8zq4m3rh7x2c5w9ta"),
            "kept": boolean.note("Whether its outputs are kept whatever their age."),
            "outputsExpireAt?": time.note(
                "Until when its streams and files are kept at least; missing where they are kept for good."),
            "outputsRemoved?": outputRemoval,
            "rootfs?": text.note("What it sees below `/`: `host`, or an image's digest. In lists it is left out."),
            "writable?": boolean.note(
                "True where it may write there too, so that it can be copied while it runs. In lists it is left out."),
            "copies?": list(of: identifier).note(
                "The images that were made of its files, the oldest first. In lists they are left out."),
        ]))

    static let outputRemoval = component(
        "OutputRemoval",
        .object([
            "at": time, "cause": words(RemovalCause.self).note("Their age, their owner's storage, or a request."),
            "bytes": count, "files": count,
        ]).note("That its streams and files are gone: they answer 410."))

    static let jobEvent = component("JobEvent", .object(["at": time, "state": jobState, "message?": text]))

    /// What stands beside the fields of a submission.
    static let orderMembers: [String: Schema] = [
        "_profile": text(0...128).example("small").note(
            "The hardware profile; the manifest's suggestion when it is missing."),
        "_version": integer(1 ... .max).note("The program's version; the newest when it is missing."),
        "_priority": priority, "_dryRun": boolean.note("As the query's `dryRun`.").unset(false),
        "_callback": text(1...2_048).example("https://example.com/done").note(
            "Told when the job ends, signed with the secret of `createCallbackSecret`. \(WebhookInterface.reach)"),
        "_callback_events": webhookEvents,
    ]

    /// The same in a form, whose parts are texts.
    static let formOrderMembers = orderMembers.merging([
        "_dryRun": words(["true", "false"]).note("As the query's `dryRun`; false when it is missing."),
        "_callback_events": text(pattern: "^[a-z.]+(,[a-z.]+)*$", example: "job.finished,job.failed").note(
            "Names of events with commas between them. The end of a job in any way when it is missing."),
    ]) { _, form in form }

    /// A file's place in JSON.
    static let uploaded = object(["upload": identifier], isClosed: true).note("A finished upload of one's own.")

    /// A submission to any program.
    static let submission = component("Submission", submissionBody(beside: orderMembers, fields: true))

    /// The same as a form, whose fields are texts or files with a name. Generated clients send only what is bytes as a file.
    static let formSubmission = submissionBody(
        beside: formOrderMembers, fields: bytes.note("A text, or a file with its name.").json)

    /// The same as a form that has no files.
    static let textSubmission = submissionBody(beside: formOrderMembers, fields: text.json)

    private static func submissionBody(beside members: [String: Schema], fields: JSONValue) -> Schema {
        Schema(
            [
                "type": "object", "properties": .object(members.mapValues(\.json)), "additionalProperties": fields,
                "propertyNames": ["pattern": "^([a-z0-9_]{1,64}|_dryRun)$"],
                "description": """
                A member for each field of the program's manifest, by id. `GET /api/v1/programs/{name}/schema` says which; \
                each program that one may use has an operation of its own here. In JSON a value is of the kind that the schema \
                says: no text for a number, no number for a text. In a form everything is text.
                """,
            ], components: members.values.reduce(into: [:]) { $0.merge($1.components) { _, new in new } })
    }

    // MARK: Programs

    static let program = component(
        "Program",
        .object([
            "name": programName, "label": text.example("Filter").note("As the manifest has it, for people."),
            "description?": text, "owner": text.example("ana").note("The name of the user who published it."),
            "public": boolean.note("Whether everybody may run it."), "created": time,
            "latest": integer(1 ... .max).note("The newest version."), "version": integer(1 ... .max), "sha256": digest,
            "bytes": count, "entry": text.example("run.sh").note("The file that is started."), "published": time,
            "url": reference.example("/api/v1/programs/filter"),
            "schema": reference.example("/api/v1/programs/filter/schema?version=1"),
            "jobs": reference.example("/api/v1/programs/filter/jobs"),
            "tests?": object([
                "passed": boolean, "at": time.note("When they ran last."),
                "failures": list(of: object(["pointer": text, "detail": text])),
            ]).note(
                "What the manifest's tests came to: before the publication, and whenever a profile has changed since."),
        ]))

    static let profile = component(
        "Profile",
        .object([
            "name": text.example("small"), "summary": text, "available": boolean.note("Whether this host can run it."),
            "reason?": text.note("Why not."),
            "cores": number.example(1).note(
                "A whole number where they are exclusive, else the part of one that it gets."),
            "exclusive": boolean.note("Whether nobody else runs on its cores."),
            "burstSeconds?": seconds.note("Of a shared core: what it may use at once, having saved it."),
            "memoryBytes": count.note("All that the cell may hold at once; there is no swap."),
            "processes": count.note("Processes and threads at once."),
            "wallSeconds": seconds.note("The longest that a program may run."),
            "cpuSeconds": seconds.note("The most of processors that it may use, all its cores together."),
            "scratchBytes": count.note("What it may write to its folders at once."),
            "scratchFiles": count.note("Files that it may have there at once."),
            "outputBytes": count.note("What is kept of standard output and of standard error, each."),
            "collectedFiles": count.note("Result files that are kept, at most."),
            "collectedBytes": count.note("Bytes of these together, at most."),
            "diskReadBytesPerSecond?": count.note("What it may read in a second from each disk; missing: no limit."),
            "seccomp": text.example("default").note("The policy of what it may ask the kernel for."),
            "network": words(["none", "loopback"]).note("`loopback` reaches itself alone."), "price": profilePrice,
        ]))

    /// What publishing takes.
    static let publication = object([
        "manifest": text(2...1_048_576).example(#"{"name": "Filter", "inputs": []}"#)
            .note("The manifest: JSON, with the schema `Manifest`; or a Boutiques descriptor.")
            .with("contentMediaType", "application/json").with("contentSchema", manifest.json),
        "program": bytes.note(
            "An executable, a script, or an archive of a folder: .zip, .tar, .tar.gz; or `upload:<id>` for a finished upload."
        ),
        "public?": words(["true", "false"]).note("Whether it is everybody's; false leaves a program as it is."),
    ])
    .with("additionalProperties", false)

    /// A manifest, as its authors write it.
    static let manifest = component("Manifest", Schema(Manifest.documentSchema))

    // MARK: Queue

    static let queueReport = component(
        "QueueReport",
        .object([
            "waiting": count, "running": count,
            "utilisation": number.example(.number(0.5)).note("The part of all cores that is given out."),
            "queue": list(
                of: .object([
                    "position": count, "job?": identifier.note("Missing where it is another user's."),
                    "url?": reference.example("/api/v1/jobs/01k8zq4m3rh7x2c5w9ta"),
                    "reason?": text.note("Why it waits."), "estimatedStart?": time,
                ])),
            "decisions?": list(
                of: .object(["at": time, "job?": identifier, "decision": text, "reason": text])
            ).note("The scheduler's latest decisions, for administrators."),
        ]))

    static let stateRule = component(
        "StateRule",
        .object([
            "state": jobState, "final": boolean.note("Whether nothing follows."),
            "deadlineSeconds?": seconds.note("How long a job may be in it without getting on."),
            "deadline?": text.note("The same in words, where it is not one number for all jobs."),
            "turnSeconds?": seconds.note("How long it may wait for its turn, while it could run if others had ended."),
            "whenItPasses?": jobState.note("What becomes of it then."), "next": list(of: jobState),
        ]))

    static let host = component(
        "Host",
        .object([
            "name": text.example("local"), "pool": text.note("The pool that it belongs to."),
            "cores": count.note("Cores for jobs, whether they are free or not."),
            "memoryBytes": count.note("Memory for jobs, whether it is free or not."),
            "opportunisticMemoryBytes": count.note("Memory beside that, for opportunistic jobs that stand still."),
        ]))

    // MARK: Accounts

    static let userName = text(pattern: "^[a-z0-9._-]{2,40}$", example: "ana")

    static let account = component(
        "Account", .object(["id": identifier, "name": userName, "role": words(Role.self), "rights": rights]))

    static let user = component(
        "User",
        .object([
            "id": identifier, "name": userName, "role": words(Role.self), "status": words(UserStatus.self),
            "created": time,
        ]))

    static let key = component(
        "Key",
        .object([
            "id": identifier, "label": text.example("laptop"), "created": time, "expires?": time,
            "scopes": list(of: words(KeyScope.self)).note("What it is good for, as far as its owner may."),
            "lastUsed?": time.note("About a minute exact; missing when it was never used."),
            "previousHoldsUntil?": time.note("Until when the secret before is taken, after a rotation."),
        ]))

    static let newKey = key.extended(
        by: ["secret": text.example("pnl_…").note("The key itself. It is shown only here.")], named: "NewKey")

    /// An object that has all members of `self` and those.
    func extended(by members: KeyValuePairs<String, Schema>, named name: String) -> Schema {
        let more = Schema.object(members)
        return .component(
            name,
            Schema(
                ["allOf": [json, more.json]], components: components.merging(more.components) { first, _ in first }))
    }

    static let health = component("Health", .object(["status": text.example("ok")]))
}
