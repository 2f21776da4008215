import Foundation
import Testing

/// `panal job logs --follow` where the way to the server is bad.
@Suite("Live logs of the command line", .serialized)
struct LiveLogTests {
    /// Text, a character in two pieces, and bytes that are no text at all.
    private static let program = #"""
        #!/bin/sh
        i=0
        while [ $i -lt 40 ]; do
            i=$((i + 1))
            echo "línea $i"
            printf '\303'; sleep 0.02; printf '\261 \377\200\n'
            echo "aviso $i" >&2
            sleep 0.03
        done
        """#

    private static func expected(_ lines: Int) -> Data {
        (1...lines).reduce(into: Data()) { data, line in
            data += Data("línea \(line)\nñ ".utf8) + [0xFF, 0x80, 0x0A]
        }
    }

    @Test("No byte is missing or comes twice", .timeLimit(.minutes(3)))
    func goesOnAtTheRightByte() async throws {
        let server = try await RunningServer(try ServerPlace("live"))
        defer { server.remove() }
        let shell = try CommandShell()
        defer { shell.remove() }
        let script = try shell.file("ticks.sh", Self.program)
        let manifest = try shell.file("manifest.json", #"{"name": "ticks", "inputs": []}"#)
        _ = try shell.run(
            ["login", server.address, "--name", "here", "--user", "admin", "--password-stdin"], input: server.password)
        let key = try #require(try shell.secrets().first)
        #expect(try shell.run(["program", "publish", script, "--manifest", manifest]).code == 0)

        // While it runs, by connections that break off in the middle of heads, events and lines.
        let proxy = try CuttingProxy(to: server.address, limit: { $0 < 12 ? 1_000 + 100 * ($0 % 5) : .max })
        defer { proxy.close() }
        let environment = ["PANAL_URL": proxy.address, "PANAL_KEY": key]
        let id = try shell.run(["job", "submit", "ticks"]).output.trimmingCharacters(in: .newlines)
        let live = try shell.run(["job", "logs", id, "--follow"], environment: environment)
        #expect(live.code == 0, "\(live.error)")
        #expect(live.bytes == Self.expected(40), "\(live.output)")
        let said = live.error.split(separator: "\n").filter { $0.hasPrefix("aviso ") }
        #expect(said.map(String.init) == (1...40).map { "aviso \($0)" })
        #expect(proxy.broken > 7 && live.error.contains("trying again"), "\(proxy.broken) \(live.error)")

        // After its end too.
        let whole = try shell.run(["job", "logs", id, "--follow", "--stdout"], environment: environment)
        #expect(whole.code == 0 && whole.bytes == Self.expected(40), "\(whole.error)")
        #expect(try shell.run(["job", "logs", id, "--stdout"]).bytes == Self.expected(40))

        // What is between does not know live streams.
        let plain = try CuttingProxy(
            to: server.address,
            rewrite: { request in
                Data(String(decoding: request, as: UTF8.self).replacing("text/event-stream", with: "*/*").utf8)
            })
        defer { plain.close() }
        let second = try shell.run(["job", "submit", "ticks"]).output.trimmingCharacters(in: .newlines)
        let polled = try shell.run(
            ["job", "logs", second, "--follow", "--stdout"],
            environment: ["PANAL_URL": plain.address, "PANAL_KEY": key])
        #expect(polled.code == 0 && polled.bytes == Self.expected(40))
        #expect(polled.error.contains("has no live stdout; asking each second instead"), "\(polled.error)")
        #expect(try await server.stop() == 0)
    }
}
