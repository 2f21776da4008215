import Foundation
import PanalHTTP
import Testing

/// TLS and HTTP/2 as real clients speak them: curl and openssl.
@Suite("TLS") struct TLSTests {
    static func listen(
        pace: Pace = Pace(), _ body: @Sendable (Site, Int, CertificateFiles, ServerCertificate) async throws -> Void
    ) async throws {
        let folder = try CertificateFolder()
        let files = try await folder.make("first")
        let certificate = try ServerCertificate(certificate: files.certificate, key: files.key)
        let listener = Listener(host: "127.0.0.1", port: 0, certificate: certificate, pace: pace)
        let made = CertificateFiles(certificate: files.certificate, key: files.key)
        try await Site.listen(listener) { try await body($0, $1, made, certificate) }
        withExtendedLifetime(folder) {}
    }

    struct CertificateFiles: Sendable {
        var certificate: String
        var key: String
    }

    static func curl(_ port: Int, _ path: String, trusting certificate: String, _ more: [String]) async throws -> String
    {
        let answer = try await Tool.run(
            ["curl", "-sS", "--max-time", "60", "--cacert", certificate] + more + ["https://127.0.0.1:\(port)\(path)"])
        return answer.output
    }

    @Test(arguments: [("--http2", "2"), ("--http1.1", "1.1")])
    func bothVersionsAreSpoken(flag: String, version: String) async throws {
        try await Self.listen { site, port, files, _ in
            let write = ["-o", "/dev/null", "-w", "%{http_version} %{http_code}"]
            let answer = try await Self.curl(port, "/healthz", trusting: files.certificate, [flag] + write)
            #expect(answer == "\(version) 200")
            // A large upload, with a client that waits for the go-ahead; and its refusal where it is too large.
            for (bytes, status) in [(3 << 20, "202"), (6 << 20, "413")] {
                let file = files.certificate + ".upload"
                try Data(repeating: 65, count: bytes).write(to: URL(filePath: file))
                let uploaded = try await Self.curl(
                    port, "/api/v1/programs/filter/jobs", trusting: files.certificate,
                    [
                        flag, "-H", "Authorization: Bearer \(site.owner.key)", "-H", "Expect: 100-continue", "-F",
                        "imagen_de_entrada=@\(file)", "-F", "tamano_de_filtro=3",
                    ] + write)
                #expect(uploaded == "\(version) \(status)")
            }
        }
    }

    /// Many requests on one connection, among them some that wait.
    @Test func streamsRunSideBySide() async throws {
        try await Self.listen { site, port, files, _ in
            let job = try await site.job(Script(isEndless: true))
            let urls = (0..<40).flatMap { ["-o", "/dev/null", "https://127.0.0.1:\(port)/api/v1/jobs/\(job)#\($0)"] }
            let answer = try await Tool.run(
                [
                    "curl", "-sS", "--no-progress-meter", "--parallel", "--parallel-immediate", "--http2", "--cacert",
                    files.certificate, "-H",
                    "Authorization: Bearer \(site.owner.key)", "-H", "Prefer: wait=1", "-w", "%{http_code} ",
                ] + urls)
            #expect(
                answer.code == 0 && answer.output.split(separator: " ").count { $0 == "200" } == 40, "\(answer.output)")
        }
    }

    /// New connections get the new certificate; one that is wrong changes nothing.
    @Test func theCertificateIsReadAgain() async throws {
        try await Self.listen { _, port, files, certificate in
            let folder = try CertificateFolder()
            let second = try await folder.make("second")
            let old = files.certificate + ".old"
            try FileManager.default.copyItem(atPath: files.certificate, toPath: old)
            let write = ["-o", "/dev/null", "-w", "%{http_code}"]
            func replace(_ from: String, _ to: String) throws {
                try Data(contentsOf: URL(filePath: from)).write(to: URL(filePath: to), options: .atomic)
            }
            // Half of the exchange: the key does not belong to the certificate.
            try replace(second.certificate, files.certificate)
            #expect(throws: CertificateMistake.self) { try certificate.reload() }
            #expect(try await Self.curl(port, "/healthz", trusting: old, write) == "200")
            try replace(second.key, files.key)
            try certificate.reload()
            #expect(try await Self.curl(port, "/healthz", trusting: files.certificate, write) == "200")
            #expect(try await !Self.curl(port, "/healthz", trusting: old, write).hasSuffix("200"))
        }
    }

    /// What an operator hears of files that cannot be used: which one, and why.
    @Test func wrongFilesAreNamed() async throws {
        let folder = try CertificateFolder()
        let good = try await folder.make("good")
        let other = try await folder.make("other")
        let empty = try folder.write("", as: "empty")
        let text = try folder.write("hello\n", as: "text")
        let broken = try folder.write(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", as: "broken")
        let locked = folder.path + "/locked"
        _ = try await Tool.run(["openssl", "ec", "-in", good.key, "-aes128", "-passout", "pass:x", "-out", locked])
        for (certificate, key, word) in [
            ("/nonexistent.pem", good.key, "/nonexistent.pem cannot be read"),
            (good.certificate, "/nonexistent.key", "/nonexistent.key cannot be read"),
            (empty, good.key, "\(empty) holds no certificates"), (text, good.key, "\(text) holds no certificates"),
            (broken, good.key, "\(broken) holds no certificates"),
            (good.key, good.key, "\(good.key) holds no certificates"),
            (good.certificate, good.certificate, "\(good.certificate) holds no private key"),
            (good.certificate, locked, "\(locked) holds no private key in PEM form, or one with a pass phrase"),
            (good.certificate, other.key, "\(other.key) is not the one"),
        ] {
            let mistake = #expect(throws: CertificateMistake.self) {
                try ServerCertificate(certificate: certificate, key: key)
            }
            #expect(mistake?.detail.contains(word) == true, "\(mistake?.detail ?? "")")
        }
    }

    /// Old versions of the protocol are refused.
    @Test func oldVersionsAreRefused() async throws {
        try await Self.listen { _, port, _, _ in
            let old = try await Tool.run(
                ["openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-tls1_1"], input: "Q\n")
            #expect(!old.output.contains("Cipher is ECDHE"))
            let new = try await Tool.run(
                ["openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-tls1_2"], input: "Q\n")
            #expect(new.output.contains("Cipher is ECDHE"), "\(new.output)")
        }
    }

    /// A handshake that does not come, and plain HTTP where TLS is spoken.
    @Test func handshakesAreNotWaitedForLong() async throws {
        try await Self.listen(pace: Pace(handshake: .milliseconds(300))) { _, port, files, _ in
            let silent = try RawConnection(port: port)
            let plain = try RawConnection(port: port)
            try await plain.send(ConnectionTests.ask)
            #expect(try await silent.isEnded())
            #expect(try await plain.isEnded())
            #expect(!plain.text.contains("200"))
            // Whoever has shaken hands is not cut off after that time.
            let answer = try await Tool.run(
                [
                    "sh", "-c",
                    "(sleep 1; printf 'GET /healthz HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'; sleep 1)"
                        + " | openssl s_client -quiet -connect 127.0.0.1:\(port) 2>/dev/null",
                ])
            #expect(answer.output.hasPrefix("HTTP/1.1 200"), "\(answer.output)")
        }
    }
}
