import PanalCore

// What the words of states, outcomes and events mean, for whoever reads the document alone.

extension Schema {
    /// Words with a sentence each; a word that has none stands for itself.
    static func words(_ words: [String], meaning: [String: String], _ note: String) -> Schema {
        let lines = words.map { word in "- `\(word)`" + (meaning[word].map { ": \($0)" } ?? "") }
        return Schema.words(words).note(([note, ""] + lines).joined(separator: "\n"))
    }
}

extension JobState {
    static let meanings = [
        "queued": "accepted and stored; waits for cores and memory.",
        "configuring": "cores and memory are reserved; its files are brought together.",
        "deploying": "its cell is being set up.", "running": "the program runs.",
        "reconnecting": "the server was away while the program ran, and takes it up again.",
        "copyRequested": "a copy of its files was asked for.",
        "copying": "it stands still while its files are copied.",
        "finishing": "the program has ended; its results are collected.",
        "finished": """
        final: the program ran, **whatever it answered**. Whether it succeeded is `outcome.success`: a program that exits with 2, \
        crashes or exceeds a limit is `finished` too.
        """,
        "failed": "final: Panal could not run it, or it waited too long. It costs nothing.",
        "cancelled": "final: on request.",
    ]
}

extension Outcome {
    static let meanings = [
        "exited": "the program ended by itself; `code` is what it answered, and `success` what that means.",
        "signalled": "a signal ended it, `signal` says which: a crash mostly.",
        "notStarted": "it could not be executed at all; `reason` says why.",
        "cpuTimeExceeded": "it used more processor time than its profile allows.",
        "wallTimeExceeded": "it ran for longer than its profile allows.",
        "memoryExceeded": "it wanted more memory than its profile has.",
        "outputExceeded": "it wrote more than its profile allows.",
        "syscallDenied": "it asked the kernel for what its cell does not allow.",
        "cancelled": "it was cancelled while it ran.",
        "systemError": "Panal failed, at `step`; never billed.",
    ]
}

extension WebhookEvent {
    static let meanings = [
        "job.started": "a job's program begins to run.",
        "job.finished": "a job's program has ended, **well or not**: `outcome` says which.",
        "job.failed": "Panal could not run a job, or it waited too long.", "job.cancelled": "a job was cancelled.",
        "job.expiring": "a job's outputs are removed some days later.",
        "storage.filling": "nine tenths of what one may store are stored.",
        "program.failing": "the tests of a program of one's own do not pass any more.",
        "webhook.test": "sent on request, to try an address.",
    ]
}

extension Schema {
    /// What `getStandardOutput` and `getStandardError` tell live.
    static let outputEvents = events([
        "output": component(
            "OutputPiece",
            .object([
                "text?": text.note("The next bytes."),
                "base64?": text.note("The same where they are no UTF-8, in Base64."),
            ])),
        "reset": component(
            "OutputReset", .object(["bytes": count.note("0: the job begins again, and so does its output.")])),
        "end": component(
            "OutputEnd",
            .object([
                "bytes": count.note("All that there is."),
                "truncated": boolean.note("Whether more was written than is kept."),
                "state": jobState,
            ])), "refused": problem,
    ])
}
