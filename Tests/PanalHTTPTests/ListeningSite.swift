import Foundation
import Hummingbird
import Logging
import PanalHTTP
import PanalService
import Testing

extension Site {
    /// A site with one listener that really listens, on loopback.
    static func listen(
        _ listener: Listener = Listener(host: "127.0.0.1", port: 0),
        configuration: WebConfiguration = WebConfiguration(),
        _ body: @Sendable (Site, Int) async throws -> Void
    ) async throws {
        let site = try await Site(configuration)
        let logger = LogKeeper.logger
        let (ports, known) = AsyncStream.makeStream(of: Int.self)
        let application = site.web.application(listener, logger: logger) { port in
            if let port { known.yield(port) }
            known.finish()
        }
        let outcome = await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await application.run()
                known.finish()
            }
            defer { group.cancelAll() }
            do {
                var isListening = false
                for await port in ports {
                    isListening = true
                    try await body(site, port)
                }
                try #require(isListening)
                return Result<Void, any Error>.success(())
            } catch {
                return .failure(error)
            }
        }
        await site.close()
        try outcome.get()
    }
}

/// A command of the system, as a client would use it.
enum Tool {
    static func run(_ command: [String], input: String = "") async throws -> (code: Int32, output: String) {
        try await withCheckedThrowingContinuation { continuation in
            // It waits for a process: on a thread of its own.
            Thread.detachNewThread {
                do {
                    let process = Process()
                    process.executableURL = URL(filePath: "/usr/bin/env")
                    process.arguments = command
                    let (output, entry) = (Pipe(), Pipe())
                    process.standardOutput = output
                    process.standardError = output
                    process.standardInput = entry
                    try process.run()
                    try entry.fileHandleForWriting.write(contentsOf: Data(input.utf8))
                    try entry.fileHandleForWriting.close()
                    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
                    process.waitUntilExit()
                    continuation.resume(
                        returning: (process.terminationStatus, String(decoding: bytes, as: UTF8.self)))
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }
}

/// Certificates that a test makes for itself.
struct CertificateFolder: ~Copyable {
    let path = NSTemporaryDirectory() + "panal-tls-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes `name.pem` and `name.key` for 127.0.0.1.
    func make(_ name: String, days: Int = 30) async throws -> (certificate: String, key: String) {
        let files = ("\(path)/\(name).pem", "\(path)/\(name).key")
        let made = try await Tool.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "\(days)", "-subj", "/CN=\(name)", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files.1, "-out",
            files.0,
        ])
        try #require(made.code == 0, "\(made.output)")
        return files
    }

    func write(_ text: String, as name: String) throws -> String {
        try Data(text.utf8).write(to: URL(filePath: "\(path)/\(name)"))
        return "\(path)/\(name)"
    }
}
