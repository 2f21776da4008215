import PanalCore

/// ``Documents/job(_:)`` as JSON, written at once and not built first: a list has thousands of members. Its bytes are the same, keys in
/// order and all.
enum JobText {
    static func of(_ job: Job) throws -> [UInt8] {
        var text = JSONWriter(expected: 2_048)
        try write(job, to: &text)
        return text.bytes
    }

    /// A page of a list.
    static func page(_ jobs: [Job], next: String?) throws -> [UInt8] {
        var text = JSONWriter(expected: 256 + 1_280 * jobs.count)
        text.open()
        text.name("jobs")
        try text.list(jobs) { job, text in try write(job, to: &text) }
        if let next { text.member("next", next) }
        text.close()
        return text.bytes
    }

    private static let base = "\(Documents.base)/jobs/"

    private static func write(_ job: Job, to text: inout JSONWriter) throws {
        text.open()
        if let ahead = job.ahead { text.member("ahead", ahead) }
        text.member("attempt", job.attempt)
        if let batch = job.batch { text.member("batch", batch.text) }
        if let charge = job.charge { try write(charge, to: &text) }
        if !job.copies.isEmpty {
            text.name("copies")
            try text.list(job.copies) { image, text in try text.add(.string(image.text)) }
        }
        if let cores = job.cores {
            text.name("cores")
            try text.list(cores) { core, text in text.add(core) }
        }
        if let ended = job.ended { text.member("ended", ended.rfc3339) }
        if let start = job.estimatedStart { text.member("estimatedStart", start.rfc3339) }
        text.name("fields")
        try text.list(job.fields) { field, text in
            text.open()
            text.member("id", field.id)
            text.member("label", field.label)
            text.member("value", field.value)
            text.close()
        }
        text.name("files")
        try text.list(job.files) { file, text in try text.add(Documents.file(file, job: job.id)) }
        text.member("final", job.state.isFinal)
        text.member("id", job.id.text)
        text.member("kept", job.keeping.isKept)
        if let message = job.message { text.member("message", message) }
        if let outcome = job.outcome { try write(outcome, to: &text) }
        if let expiry = job.outputsExpire { text.member("outputsExpireAt", expiry.rfc3339) }
        if let removal = job.keeping.removal, !removal.isEmpty {
            text.name("outputsRemoved")
            try text.add(Documents.removal(removal))
        }
        text.member("owner", job.owner.text)
        text.member("priority", job.priority.rawValue)
        text.member("profile", job.profile)
        text.member("program", job.programName)
        if let rootfs = job.rootfs { text.member("rootfs", rootfs) }
        if let standstill = job.standstill { text.member("standsStillFor", standstill.rawValue) }
        if let started = job.started { text.member("started", started.rfc3339) }
        text.member("state", job.state.rawValue)
        write("stderr", job.error, job.id, "/stderr", to: &text)
        write("stdout", job.output, job.id, "/stdout", to: &text)
        text.member("submitted", job.submitted.rfc3339)
        text.member("url", plain: base, job.id.text, "")
        if let usage = job.usage { try write(usage, to: &text) }
        text.member("version", job.version)
        if job.hasWritableRoot == true { text.member("writable", true) }
        text.close()
    }

    private static func write(
        _ name: StaticString, _ stream: StreamState, _ job: JobID, _ end: StaticString, to text: inout JSONWriter
    ) {
        text.name(name)
        text.open()
        text.member("bytes", stream.bytes)
        text.member("truncated", stream.truncated)
        text.member("url", plain: base, job.text, end)
        text.close()
    }

    private static func write(_ outcome: Outcome, to text: inout JSONWriter) throws {
        text.name("outcome")
        guard case .exited(let code) = outcome else { return try text.add(Documents.outcome(outcome)) }
        text.open()
        text.member("code", code)
        text.member("sentence", outcome.sentence)
        text.member("success", outcome.isSuccess)
        text.member("type", outcome.word)
        text.close()
    }

    private static func write(_ charge: JobCharge, to text: inout JSONWriter) throws {
        func amount(_ name: StaticString, _ credits: Credits) { text.member(name, credits.description) }
        text.name("charge")
        text.open()
        amount("coreHour", Credits(micro: charge.price.coreHour))
        if let settlement = charge.settlement {
            try text.member("coreSeconds", seconds(settlement.use.coreMicroseconds))
            amount("cost", settlement.cost)
        }
        amount("held", charge.settlement == nil ? charge.hold : .zero)
        amount("memoryGibibyteHour", Credits(micro: charge.price.memoryHour))
        amount("most", charge.mostCost)
        if let settlement = charge.settlement { amount("paid", settlement.paid) }
        text.close()
    }

    private static func write(_ usage: ResourceUsage, to text: inout JSONWriter) throws {
        func count(_ name: StaticString, _ value: (some BinaryInteger)?) {
            if let value { text.member(name, Int(value)) }
        }
        func span(_ name: StaticString, _ microseconds: Int64?) throws {
            if let microseconds { try text.member(name, seconds(microseconds)) }
        }
        text.name("usage")
        text.open()
        count("bytesRead", usage.bytesRead)
        count("bytesWritten", usage.bytesWritten)
        try span("cpuPressureSeconds", usage.pressure?.cpuMicroseconds)
        try span("cpuSystemSeconds", usage.cpuSystemMicroseconds)
        try span("cpuUserSeconds", usage.cpuUserMicroseconds)
        count("forcedContextSwitches", Optional(usage.forcedContextSwitches))
        try span("frozenSeconds", usage.frozenMicroseconds)
        try span("ioPressureSeconds", usage.pressure?.ioMicroseconds)
        count("maxResidentBytes", usage.maxResidentBytes)
        try span("memoryPressureSeconds", usage.pressure?.memoryMicroseconds)
        count("outOfMemoryKills", usage.outOfMemoryKills)
        count("peakMemoryBytes", Optional(usage.peakMemoryBytes))
        count("peakProcesses", usage.peakProcesses)
        try span("throttledSeconds", usage.throttledMicroseconds)
        count("voluntaryContextSwitches", Optional(usage.voluntaryContextSwitches))
        try span("wallSeconds", usage.wallMicroseconds)
        text.close()
    }

    private static func seconds(_ microseconds: Int64) -> Double { Double(microseconds) / 1_000_000 }
}
