import Foundation
import PanalHTTP
import Testing

@testable import panald

@Suite("Settings") struct SettingsTests {
    static func read(
        _ arguments: [String], environment: [String: String] = [:], file: String? = nil
    ) async throws -> Settings {
        var arguments = arguments
        let path = NSTemporaryDirectory() + "panal-settings-" + UUID().uuidString + ".yaml"
        defer { unlink(path) }
        if let file {
            try Data(file.utf8).write(to: URL(fileURLWithPath: path))
            arguments += ["--config", path]
        }
        let reader = try await SettingsReader(arguments: arguments, environment: environment)
        return try Settings(reader, executable: "/opt/panal/panald")
    }

    @Test func nothingSetIsTheDefaults() async throws {
        let settings = try await Self.read([])
        #expect(settings.listeners.map(\.url) == ["http://127.0.0.1:8080/"] && settings.user == "panal")
        #expect(settings.data == "/var/lib/panal" && settings.launcher == "/opt/panal/panal-launcher")
        #expect(settings.maximumUploadBytes == 1 << 30 && settings.demos.isEmpty && !settings.secureCookies)
        #expect(settings.cellUsers == 2_000_000_000..<2_000_008_192)
    }

    @Test func flagsWinOverVariablesAndVariablesOverTheFile() async throws {
        let file = "port: 1\nhost: file\ninstance: file\nsecure-cookies: true\nmax-upload: 2MiB\n"
        let settings = try await Self.read(
            ["serve", "--port", "3"], environment: ["PANAL_PORT": "2", "PANAL_HOST": "variable"], file: file)
        #expect(settings.listeners.map(\.url) == ["http://variable:3/"] && settings.instance == "file")
        #expect(settings.secureCookies && settings.maximumUploadBytes == 2 << 20)
    }

    /// Both ways to write a flag, and a flag without a value.
    @Test(arguments: [["--secure-cookies"], ["--secure-cookies=true"], ["--secure-cookies", "--port", "1"]])
    func flagsAreWrittenInSeveralWays(arguments: [String]) async throws {
        #expect(try await Self.read(arguments).secureCookies)
    }

    /// What is refused, and a word of what is said.
    @Test(arguments: [
        (["--prot", "1"], "did you mean --port"), (["--port"], "needs a value"),
        (["--port", "--host"], "needs a value"),
        (["--port", "x"], "--port: ‘x’ is not a whole number from 0 to 65535"),
        (["--port", "-1"], "needs a value|whole"),
        (["--port=70000"], "‘70000’"), (["--port", "1", "--port", "2"], "twice"), (["8080"], "no setting"),
        (["--max-upload", "1GB"], "1GiB"), (["--log-level", "loud"], "one of trace"), (["--instance", "A B"], "a-z"),
        (["--cell-users", "0-100"], "two ids"), (["--cell-users", "5000-4000"], "two ids"),
        (["--secure-cookies", "perhaps"], "true or false"), (["--config", "/nonexistent.yaml"], "cannot be read"),
    ]) func mistakesAreNamed(arguments: [String], words: String) async throws {
        let mistake = try await #require(throws: SettingsMistake.self) { try await Self.read(arguments) }
        #expect(words.split(separator: "|").contains { mistake.detail.contains($0) }, "\(mistake.detail)")
    }

    /// Mistakes of the file are named with their place.
    @Test(arguments: [
        ("queue-limt: 3\n", ":1:1: there is no setting ‘queue-limt’; did you mean queue-limit?"),
        ("host: a\n\nprot: 3\n", ":3:1"), ("- a\n", "key: value"), ("host: [", "YAML"),
        ("port: many\n", "port: ‘many’"),
    ]) func mistakesOfTheFileAreNamed(file: String, word: String) async throws {
        let mistake = try await #require(throws: SettingsMistake.self) { try await Self.read([], file: file) }
        #expect(mistake.detail.contains(word), "\(mistake.detail)")
    }

    @Test func variablesAreNamedInMistakes() async throws {
        let mistake = try await #require(throws: SettingsMistake.self) {
            try await Self.read([], environment: ["PANAL_QUEUE_LIMIT": "0"])
        }
        #expect(mistake.detail.contains("PANAL_QUEUE_LIMIT"))
    }

    /// A command of the host's alone is a demo too: its archive holds something.
    @Test func aDemoMayBeAManifestAlone() throws {
        let folder = NSTemporaryDirectory() + "panal-demos-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder + "/list", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let manifest = Data(#"{"name": "list", "command": ["ls"]}"#.utf8)
        try manifest.write(to: URL(fileURLWithPath: folder + "/list/manifest.json"))
        let demos = try Demo.load(folder: folder)
        #expect(demos.map(\.name) == ["list"])
        #expect(demos[0].archive.starts(with: Array("manifest.json".utf8)) && demos[0].archive.count > 1_024)
    }

    @Test func demosMayLieInSeveralFolders() async throws {
        #expect(try await Self.read(["--demos", "/opt/a:/opt/b:"]).demos == ["/opt/a", "/opt/b"])
    }

    @Test func helpExplainsEverySetting() {
        for setting in Setting.all {
            #expect(Setting.helpText.contains(setting.flag) && Setting.helpText.contains(setting.variable))
            #expect(!setting.help.isEmpty)
        }
    }

    @Test func archivesOfDemosAreTar() throws {
        var writer = TarWriter()
        try writer.add("bin/run.sh", isExecutable: true, bytes: Array("hello".utf8))
        try writer.add("empty", isExecutable: false, bytes: [])
        let path = NSTemporaryDirectory() + "panal-tar-" + UUID().uuidString
        defer { unlink(path) }
        try Data(writer.finish()).write(to: URL(fileURLWithPath: path))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/tar")
        process.arguments = ["-tvf", path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let listing = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(listing.contains("-rwxr-xr-x") && listing.contains("bin/run.sh") && listing.contains("-rw-r--r--"))
        #expect(throws: StartRefusal.self) {
            try writer.add(String(repeating: "x", count: 100), isExecutable: false, bytes: [])
        }
    }
}

@Suite("Listeners") struct ListenerSettingsTests {
    private static let tls = ["--tls-certificate", "/c.pem", "--tls-key", "/k.pem"]

    @Test(arguments: [
        ([], ["http://127.0.0.1:8080/ interface operations pages"]),
        (["--operations", "off"], ["http://127.0.0.1:8080/ interface pages"]),
        (
            ["--operations", "127.0.0.1:9090"],
            ["http://127.0.0.1:8080/ interface pages", "http://127.0.0.1:9090/ operations"]
        ),
        (
            ["--api", "[::1]:1", "--operations", "[::1]:1"],
            ["http://127.0.0.1:8080/ pages", "http://[::1]:1/ interface operations"]
        ),
        (["--pages", "off", "--operations", "off"], ["http://127.0.0.1:8080/ interface"]),
        (
            ["--port", "0", "--operations", "127.0.0.1:0"],
            ["http://127.0.0.1:0/ interface pages", "http://127.0.0.1:0/ operations"]
        ),
        (tls, ["https://127.0.0.1:8080/ interface operations pages"]),
        (
            tls + ["--operations", "http://127.0.0.1:9090/", "--api", "https://0.0.0.0:443"],
            [
                "https://127.0.0.1:8080/ pages", "https://0.0.0.0:443/ interface", "http://127.0.0.1:9090/ operations",
            ]
        ),
    ]) func facesAreWhereTheyArePut(arguments: [String], expected: [String]) async throws {
        let settings = try await SettingsTests.read(arguments)
        let found = settings.listeners.map { "\($0.url) \($0.faces.map(\.rawValue).sorted().joined(separator: " "))" }
        #expect(found == expected)
        #expect(settings.web.secureCookies == found.contains { $0.hasPrefix("https") && $0.contains("pages") })
    }

    @Test(arguments: [
        (["--pages", "off", "--api", "off", "--operations", "off"], "all off"), (["--api", "9090"], "--api: ‘9090’"),
        (["--api", "::1:9090"], "an address such as"), (["--api", "a:70000"], "an address such as"),
        (["--api", ":80"], "an address such as"), (["--api", "http://a/b:80"], "an address such as"),
        (["--api", "https://127.0.0.1:1"], "needs --tls-certificate"),
        (["--tls-key", "/k.pem"], "--tls-certificate is not set"),
        (["--tls-certificate", "/c.pem"], "--tls-key is not set"),
        (tls + ["--api", "http://127.0.0.1:8080"], "both http:// and https://"),
    ]) func mistakesAreNamed(arguments: [String], words: String) async throws {
        let mistake = try await #require(throws: SettingsMistake.self) { try await SettingsTests.read(arguments) }
        #expect(mistake.detail.contains(words), "\(mistake.detail)")
    }
}
