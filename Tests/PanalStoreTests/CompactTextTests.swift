import FoundationEssentials
import PanalCore
import Testing

@testable import PanalStore

/// What is written and read without a general coder is what the general one writes and reads.
@Suite struct CompactTextTests {
    private static let usages: [ResourceUsage] = {
        var usages = [
            ResourceUsage(),
            ResourceUsage(
                cpuUserMicroseconds: 1, cpuSystemMicroseconds: 2, wallMicroseconds: 3, peakMemoryBytes: 4,
                peakProcesses: 5, voluntaryContextSwitches: 6, forcedContextSwitches: 7, throttledMicroseconds: 8,
                bytesRead: 9, bytesWritten: 10, maxResidentBytes: 11, outOfMemoryKills: 12, frozenMicroseconds: 13,
                pressure: .init(cpuMicroseconds: 14, memoryMicroseconds: 15, ioMicroseconds: 16)),
            ResourceUsage(cpuUserMicroseconds: -1, wallMicroseconds: .max, peakMemoryBytes: .min),
            ResourceUsage(wallMicroseconds: 999_999_999_999_999_999, peakProcesses: 0),
        ]
        for place in 0..<7 {
            var usage = ResourceUsage(wallMicroseconds: 1)
            if place == 0 { usage.bytesRead = 1 }
            if place == 1 { usage.bytesWritten = 1 }
            if place == 2 { usage.maxResidentBytes = 1 }
            if place == 3 { usage.outOfMemoryKills = 1 }
            if place == 4 { usage.frozenMicroseconds = 1 }
            if place == 5 { usage.peakProcesses = 1 }
            if place == 6 {
                usage.pressure = .init(cpuMicroseconds: 0, memoryMicroseconds: 1, ioMicroseconds: 0)
            }
            usages.append(usage)
        }
        return usages
    }()

    @Test(arguments: usages) func usagesAreTheCodersOwn(_ usage: ResourceUsage) throws {
        let text = try JSONText.of(usage)
        #expect(try text == JSONText.encoded(usage))
        // Only numbers of more than 18 digits are left to the coder.
        let isLong = usage.wallMicroseconds == .max || usage.peakMemoryBytes == .min
        #expect(ResourceUsage(compact: text) == (isLong ? nil : usage))
    }

    @Test(arguments: [
        Outcome.exited(code: 0), .exited(code: 255), .signalled(signal: 11), .notStarted(reason: "an \"odd\" one\n"),
        .cpuTimeExceeded, .wallTimeExceeded, .memoryExceeded, .outputExceeded, .syscallDenied, .cancelled,
        .systemError(SystemError(step: "a.b", errno: 2, detail: "ñ / \\")),
    ])
    func outcomesAreTheCodersOwn(_ outcome: Outcome) throws {
        let text = try JSONText.of(outcome)
        #expect(try text == JSONText.encoded(outcome))
        if case .exited = outcome {
            #expect(Outcome(compact: text) == outcome)
        } else {
            #expect(Outcome(compact: text) == nil)
        }
    }

    @Test(arguments: [[], [0], [3, 1, 200], [-1]]) func numbersAreTheCodersOwn(_ numbers: [Int]) throws {
        let text = try JSONText.of(numbers)
        #expect(try text == JSONText.encoded(numbers))
        #expect([Int](compact: text) == numbers)
    }

    /// None of these is taken for something else.
    @Test(arguments: [
        "", "{", "{}", "{\"code\":0}", "{\"code\":0,\"type\":\"exited\"", "{\"code\":0,\"type\":\"exited\"} ",
        "{\"code\":0,\"type\":\"exitedx\"}", "{\"code\":0 ,\"type\":\"exited\"}", "{\"code\":0\"type\":\"exited\"}",
        "{\"code\":0.5,\"type\":\"exited\"}", "{\"code\":1e3,\"type\":\"exited\"}", "{\"code\":,\"type\":\"exited\"}",
        "{\"type\":\"exited\",\"code\":0}", "{\"code\":1234567890123456789,\"type\":\"exited\"}",
        ",{\"code\":0,\"type\":\"exited\"}", "{,\"code\":0,\"type\":\"exited\"}",
    ])
    func whatLooksOtherwiseIsLeftToTheCoder(_ text: String) {
        #expect(Outcome(compact: text) == nil)
    }

    @Test(arguments: ["", "[", "]", "[,]", "[1,]", "[1 ,2]", "[1,2", "[1,2]]", "[1.5]", "[1]\n", "[\"1\"]"])
    func listsThatLookOtherwiseAreLeftToTheCoder(_ text: String) {
        #expect([Int](compact: text) == nil)
    }

    @Test func attemptsAreTheCodersOwn() throws {
        let job = JobID.make(at: Timestamp(microseconds: 1_700_000_000_000_000))
        let content = try #require(ContentHash(hex: String(repeating: "0f", count: 32)))
        let limits = [CPUGrant.shared(millicores: 500), .exclusive(cores: 2)].map { grant in
            CellLimits(
                cpu: grant, cpuBurst: grant == .exclusive(cores: 2) ? .milliseconds(3) : .zero, memory: 1 << 30,
                processes: 64, wallTime: .seconds(60), cpuTime: .seconds(30), scratchBytes: 1, scratchFiles: 2,
                outputBytes: 3, collectedFiles: 4, collectedBytes: 5, openFiles: 6, fileBytes: 7,
                diskRead: grant == .exclusive(cores: 2) ? 8 << 20 : nil)
        }
        for (place, limits) in limits.enumerated() {
            let isRich = place == 1
            let attempt = AttemptSpec(
                id: AttemptID(job: job, number: 1, nonce: isRich ? .max : 0), rootfs: "host", seccomp: "a \"b\" \\ ñ/",
                network: isRich ? .loopback : .none, limits: limits, cores: [], program: isRich ? content : nil,
                arguments: isRich ? ["/program/x", "an \"argument\"\n", ""] : [],
                environment: isRich ? ["A=ñ\u{1}", "PATH=/usr/bin"] : [],
                inputs: isRich ? [InputFile(field: "f", name: "a\\b \"c\".txt", content: content)] : [],
                standardInput: isRich ? content : nil, isIdle: isRich)
            for hasSecrets in [false, true] {
                let document = AttemptDocument(attempt, hasSecrets: hasSecrets)
                #expect(try document.text() == JSONText.encoded(document))
            }
        }
    }
}
