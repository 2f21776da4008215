import PanalClient
import PanalCore

/// A job's document as people read it.
enum JobText {
    static func table(_ jobs: [JSONValue], withOwner: Bool) -> Table {
        var columns: [Table.Column] = [
            .fixed("id"), .flexible("program"), .fixed("state"), .flexible("result"), .number("took").optional,
            .number("submitted"), .fixed("profile").optional,
        ]
        if withOwner { columns.append(.fixed("owner").optional) }
        var table = Table(columns)
        for job in jobs {
            var row = [
                job["id"]?.text ?? "", program(job), job["state"]?.text ?? "", result(job),
                job["usage"]?["wallSeconds"]?.decimal.map(Humane.duration) ?? "",
                Humane.age(of: job["submitted"]?.moment),
                job["profile"]?.text ?? "",
            ]
            if withOwner { row.append(job["owner"]?.text ?? "") }
            table.add(row)
        }
        return table
    }

    private static func program(_ job: JSONValue) -> String {
        (job["program"]?.text ?? "") + (job["version"]?.integer.map { "@\($0)" } ?? "")
    }

    /// What it came to, or what it waits for.
    static func result(_ job: JSONValue) -> String {
        if let outcome = job["outcome"] {
            if outcome["type"]?.text == "exited" {
                let code = "exit code \(outcome["code"]?.integer ?? 0)"
                return outcome["message"]?.text.map { "\(code): \(TextWidth.harmless($0))" } ?? code
            }
            return outcome["sentence"]?.text ?? outcome["type"]?.text ?? ""
        }
        return job["message"]?.text ?? ""
    }

    /// One line: `running for 12s`, `finished: exit code 0`.
    static func line(_ job: JSONValue) -> String {
        let state = job["state"]?.text ?? "unknown"
        if job["final"]?.flag != true, let started = job["started"]?.moment {
            return "\(state) for \(Humane.age(of: started))"
        }
        let result = result(job)
        return result.isEmpty ? state : "\(state): \(result)"
    }

    static func details(_ job: JSONValue) -> String {
        var details = Details()
        details.add("Job", job["id"]?.text)
        details.add("Program", program(job))
        details.add("State", line(job))
        details.add("Submitted", Humane.moment(job["submitted"]?.moment))
        if job["started"] == nil {
            details.add("Starts about", job["estimatedStart"]?.moment.map { "\($0.rfc3339) (in \(Humane.until($0)))" })
        }
        details.add("Started", Humane.moment(job["started"]?.moment))
        details.add("Ended", Humane.moment(job["ended"]?.moment))
        let cores = job["cores"]?.list?.compactMap(\.integer).map(String.init).joined(separator: ", ")
        details.add("Profile", (job["profile"]?.text ?? "") + (cores.map { $0.isEmpty ? "" : ", on core \($0)" } ?? ""))
        if let priority = job["priority"]?.text, priority != "normal" { details.add("Priority", priority) }
        if let attempt = job["attempt"]?.integer, attempt > 1 { details.add("Attempt", "\(attempt)") }
        details.add("Used", job["usage"].map(usage))
        for field in job["fields"]?.list ?? [] {
            details.add(field["label"]?.text ?? field["id"]?.text ?? "", field["value"]?.text)
        }
        for (title, name) in [("Output", "stdout"), ("Errors", "stderr")] {
            guard let stream = job[name], let bytes = stream["bytes"]?.integer, bytes > 0 else { continue }
            details.add(title, ByteCount.text(bytes) + (stream["truncated"]?.flag == true ? ", cut off" : ""))
        }
        for (place, file) in (job["files"]?.list ?? []).enumerated() {
            details.add(
                place == 0 ? "Files" : "\u{200B}",
                "\(file["path"]?.text ?? "")  \(ByteCount.text(file["bytes"]?.integer ?? 0))")
        }
        details.add("Outputs", outputs(job))
        let copies = job["copies"]?.list?.compactMap(\.text) ?? []
        details.add("Copied into", copies.isEmpty ? nil : copies.joined(separator: " "))
        return details.text()
    }

    /// What becomes of its outputs; nil where they are simply kept.
    static func outputs(_ job: JSONValue) -> String? {
        if let removed = job["outputsRemoved"] {
            return "removed on \(removed["at"]?.text ?? ""): \(removed["cause"]?.text ?? "")"
        }
        if job["kept"]?.flag == true { return "kept whatever their age" }
        return job["outputsExpireAt"]?.moment.map { "kept until \($0.rfc3339) at least (\(Humane.until($0)))" }
    }

    static func usage(_ usage: JSONValue) -> String {
        var parts: [String] = []
        if let wall = usage["wallSeconds"]?.decimal { parts.append("\(Humane.duration(wall)) wall") }
        let cpu = (usage["cpuUserSeconds"]?.decimal ?? 0) + (usage["cpuSystemSeconds"]?.decimal ?? 0)
        parts.append("\(Humane.duration(cpu)) processor")
        if let memory = usage["peakMemoryBytes"]?.integer { parts.append("\(ByteCount.text(memory)) memory") }
        return parts.joined(separator: ", ")
    }

    /// What would become of a submission.
    static func estimate(_ estimate: JSONValue) -> String {
        var details = Details()
        let refusal = estimate["refusal"]
        let isAllowed = estimate["allowed"]?.flag == true
        details.add("Would be", isAllowed ? "taken" : "refused")
        let mistakes = refusal?["errors"]?.list?.filter { $0["detail"] != refusal?["detail"] }.map {
            "\($0["pointer"]?.text ?? ""): \($0["detail"]?.text ?? "")"
        }
        let sentence = [refusal?["title"]?.text, refusal?["detail"]?.text].compactMap(\.self).joined(separator: ": ")
        details.add("Because", ([sentence] + (mistakes ?? [])).joined(separator: "\n"))
        details.add("Profile", estimate["profile"]?.text)
        if isAllowed {
            let start = estimate["estimatedStart"]?.moment
            details.add(
                "Starts",
                estimate["startsNow"]?.flag == true ? "now" : start.map { "in \(Humane.until($0)) at the latest" })
            details.add("Host", estimate["host"]?.text)
            details.add("Waits because", estimate["reason"]?.text)
        }
        details.add("Runs at most", estimate["longestSeconds"]?.decimal.map(Humane.duration))
        details.add("Costs at most", estimate["charge"]?["most"]?.text)
        details.add("Balance", estimate["balance"]?.text)
        details.add("Left of budget", estimate["leftOfBudget"]?.text)
        return details.text()
    }
}
