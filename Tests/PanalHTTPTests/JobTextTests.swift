import PanalCore
import Testing

@testable import PanalHTTP

/// Jobs are written at once; what comes out is the document that the other parts of the interface build.
@Suite struct JobTextTests {
    private static let moment = Timestamp(microseconds: 1_700_000_000_123_456)

    private static func job(_ change: (inout Job) -> Void = { _ in }) -> Job {
        var job = Job(
            id: .make(at: moment), owner: .make(at: moment), program: .make(at: moment), programName: "a \"program\"/ñ",
            version: 3, profile: "small", state: .queued, submitted: moment, fields: [])
        change(&job)
        return job
    }

    /// Each has something that the others have not.
    private static let jobs: [Job] = {
        let charge = JobCharge(
            payer: .revenue, price: Price(coreHour: 1_250_000, memoryHour: 7), millicores: 1_500, memory: 1 << 30,
            longest: 90_000_000, hold: Credits(micro: 1_234_567))
        var settled = charge
        settled.settlement = JobCharge.Settlement(
            at: moment, use: MeteredUse(coreMicroseconds: 1_500_001, memoryMicroseconds: 3), cost: Credits(micro: 9),
            paid: Credits(micro: 8))
        let usage = ResourceUsage(
            cpuUserMicroseconds: 1, cpuSystemMicroseconds: 2_000_000, wallMicroseconds: 1_234_567, peakMemoryBytes: 4,
            peakProcesses: 5, voluntaryContextSwitches: 6, forcedContextSwitches: 7, throttledMicroseconds: 8,
            bytesRead: 9, bytesWritten: 10, maxResidentBytes: 11, outOfMemoryKills: 12, frozenMicroseconds: 13,
            pressure: .init(cpuMicroseconds: 14, memoryMicroseconds: 15, ioMicroseconds: 16))
        let outcomes: [Outcome] = [
            .exited(code: 0), .exited(code: 7), .signalled(signal: 11), .notStarted(reason: "no \"such\" thing"),
            .cpuTimeExceeded, .cancelled, .systemError(SystemError(step: "a.b", errno: 2, detail: "ñ\n")),
        ]
        var jobs = outcomes.map { outcome in
            job { job in
                job.state = .finished
                (job.started, job.ended, job.outcome) = (moment, moment, outcome)
            }
        }
        jobs.append(job())
        jobs.append(
            job { job in
                (job.estimatedStart, job.ahead, job.message) = (moment, 4, "it \\ waits\u{2}")
                job.charge = charge
            })
        jobs.append(
            job { job in
                (job.state, job.standstill, job.cores, job.usage) = (.running, .presence, [], ResourceUsage())
                job.rootfs = "host"
                (job.hasWritableRoot, job.copies) = (false, [.make(at: moment), .make(at: moment)])
            })
        jobs.append(
            job { job in
                (job.state, job.rootfs, job.hasWritableRoot) = (.copying, "host", true)
            })
        jobs.append(
            job { job in
                job.state = .finished
                (job.cores, job.usage, job.charge, job.outputsExpire) = ([3, 1], usage, settled, moment)
                job.fields = [
                    JobField(id: "a", label: "A \"b\"", value: "\t"), JobField(id: "c", label: "", value: "ñ"),
                ]
                job.output = StreamState(bytes: 7, truncated: true)
                let content = ContentHash(hex: String(repeating: "0f", count: 32))
                job.files = ["a b/c\"d.txt", "z"].compactMap { path in
                    content.map { JobFile(path: path, bytes: 3, content: $0) }
                }
                job.keeping = OutputKeeping(isKept: true, promised: moment)
                job.keeping.removal = OutputRemoval(at: moment, cause: .quota, bytes: 10, files: 2)
            })
        jobs.append(job { $0.keeping.removal = OutputRemoval(at: moment, cause: .age, bytes: 0, files: 0) })
        return jobs
    }()

    @Test func eachIsTheDocument() throws {
        for job in Self.jobs {
            let expected = String(decoding: try Documents.job(job).serialized(), as: UTF8.self)
            #expect(String(decoding: try JobText.of(job), as: UTF8.self) == expected)
        }
    }

    @Test(arguments: [nil, "AbC_-"]) func pagesAreTheDocument(_ next: String?) throws {
        for jobs in [[], Array(Self.jobs.prefix(1)), Self.jobs] {
            var page: [String: JSONValue] = ["jobs": .array(jobs.map(Documents.job))]
            if let next { page["next"] = .string(next) }
            let expected = String(decoding: try JSONValue.object(page).serialized(), as: UTF8.self)
            #expect(String(decoding: try JobText.page(jobs, next: next), as: UTF8.self) == expected)
        }
    }

    @Test func marksTellDocumentsApart() {
        let text = Array("{\"a\":1,\"b\":[0,0,0,0,0,0]}".utf8)
        var marks: Set<String> = [StoredAnswer.etag(of: text)]
        for place in text.indices {
            var other = text
            other[place] ^= 1
            marks.insert(StoredAnswer.etag(of: other))
            marks.insert(StoredAnswer.etag(of: text.prefix(place)))
        }
        marks.insert(StoredAnswer.etag(of: text + [0]))
        #expect(marks.count == 2 * text.count + 2)
        #expect(StoredAnswer.etag(of: text) == StoredAnswer.etag(of: text[...]))
    }
}
