import ArgumentParser
import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import PanalCore

struct HTTPBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "http",
        abstract: "Submit a job that runs /bin/true and wait for its result, over HTTP.",
        discussion:
            "At concurrency 1, 2 and 8 back to back, and one request every 30 ms. The key is read from PANAL_KEY.")

    @OptionGroup var options: BenchOptions

    @Option(help: "Address of the server.")
    var server: String

    @Option(help: "Name of the program to run; it takes no inputs.")
    var program: String

    func run() async throws {
        guard let key = ProcessInfo.processInfo.environment["PANAL_KEY"] else {
            throw BenchFailure("PANAL_KEY is not set")
        }
        for _ in 0..<10 { try await request(key) }
        var measurements: [Measurement] = []
        for concurrency in [1, 2, 8] {
            measurements.append(try await measure(key, concurrency: concurrency))
        }
        var sparse = Measurement("http, 1 client, every 30 ms")
        for _ in 0..<options.runs {
            try await Task.sleep(for: .milliseconds(30))
            let begin = ContinuousClock.now
            try await request(key)
            sparse.add(ContinuousClock.now - begin)
        }
        measurements.append(sparse)
        try Report.print(measurements.map { $0.row(comparedWith: nil) }, json: options.json)
    }

    private func measure(_ key: String, concurrency: Int) async throws -> Measurement {
        var measurement = Measurement("http, \(concurrency) client\(concurrency == 1 ? "" : "s")")
        let begin = ContinuousClock.now
        try await withThrowingTaskGroup(of: [Duration].self) { group in
            for _ in 0..<concurrency {
                group.addTask {
                    var samples: [Duration] = []
                    for _ in 0..<options.runs / concurrency {
                        let begin = ContinuousClock.now
                        try await request(key)
                        samples.append(ContinuousClock.now - begin)
                    }
                    return samples
                }
            }
            for try await samples in group {
                for sample in samples { measurement.add(sample) }
            }
        }
        measurement.span = ContinuousClock.now - begin
        return measurement
    }

    /// One job from its submission to its result.
    private func request(_ key: String) async throws {
        var request = HTTPClientRequest(url: "\(server)/api/v1/programs/\(program)/jobs")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(key)")
        request.headers.add(name: "Prefer", value: "wait=30")
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: "{}"))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 1_048_576)
        guard (200..<300).contains(response.status.code),
            case .object(let job) = try JSONValue(parsing: Data(buffer: body)),
            job["state"] == "finished", case .object(let outcome)? = job["outcome"], outcome["code"] == 0
        else { throw BenchFailure("the server answered \(response.status.code): \(String(buffer: body))") }
    }
}
