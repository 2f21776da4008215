import Foundation
import Testing

@Suite struct ArchitectureTests {
    /// Module → what it may import. Imports go one way, top to bottom; `PanalCore` stands at the bottom and is
    /// vocabulary only.
    static let table: [(module: String, own: Set<String>, libraries: Set<String>)] = [
        (
            "panald",
            [
                "PanalHTTP", "PanalWebhooks", "PanalStore", "PanalRootfs", "PanalArchive", "PanalSandbox",
                "PanalService",
                "PanalScheduler",
                "PanalManifest", "PanalProfiles", "PanalSeccomp", "PanalLinux", "PanalCore",
            ],
            [
                "Configuration", "FoundationEssentials", "Hummingbird", "Logging", "NIOCore", "NIOPosix",
                "ServiceLifecycle", "SystemPackage", "UnixSignals", "Yams",
            ]
        ),
        (
            "panal",
            [
                "PanalClient", "PanalAudit", "PanalDoctor", "PanalSandbox", "PanalSimulation", "PanalScheduler",
                "PanalPublication", "PanalManifest", "PanalProfiles", "PanalRecipes", "PanalSeccomp", "PanalLinux",
                "PanalCore",
            ],
            ["ArgumentParser", "Dispatch", "FoundationEssentials", "NIOCore", "NIOHTTP1", "Synchronization"]
        ),
        (
            "PanalClient", ["PanalManifest", "PanalCore"],
            [
                "AsyncHTTPClient", "Crypto", "FoundationEssentials", "NIOCore", "NIOFoundationCompat", "NIOHTTP1",
                "NIOPosix", "Synchronization",
            ]
        ),
        (
            "panal-bench",
            [
                "PanalSandbox", "PanalScheduler", "PanalManifest", "PanalProfiles", "PanalSeccomp", "PanalCore",
                "CPanalSyscalls",
            ],
            ["ArgumentParser", "Dispatch", "FoundationEssentials", "Synchronization"]
        ),
        ("panal-launcher", ["PanalLauncherProtocol", "PanalLinux", "CPanalSyscalls"], []),
        ("panal-hostile", ["CPanalHostile"], []),
        ("panal-unpack", ["PanalArchive", "PanalCore"], []),
        (
            "PanalHTTP", ["PanalService", "PanalManifest", "PanalCore"],
            [
                "FoundationEssentials", "HTTPTypes", "Hummingbird", "HummingbirdCore", "HummingbirdHTTP2", "Logging",
                "Mustache", "NIOCore", "NIOHTTP1", "NIOHTTPTypes", "NIOSSL", "NIOTLS", "Synchronization",
            ]
        ),
        (
            "PanalWebhooks", ["PanalService"],
            ["AsyncHTTPClient", "Dispatch", "NIOCore", "NIOHTTP1"]
        ),
        (
            "PanalStore", ["PanalArchive", "PanalCore"],
            ["Crypto", "Dispatch", "FoundationEssentials", "GRDB", "GRDBSQLite", "Synchronization"]
        ),
        (
            "PanalRootfs", ["PanalArchive", "PanalCore", "CLibarchive"],
            ["Crypto", "Dispatch", "FoundationEssentials", "Synchronization"]
        ),
        ("PanalArchive", ["PanalCore", "CLibarchive", "CPanalSyscalls"], []),
        (
            "PanalAudit", ["PanalSandbox", "PanalSeccomp", "PanalLinux", "PanalCore"],
            ["FoundationEssentials", "Synchronization"]
        ),
        (
            "PanalSandbox", ["PanalLauncherProtocol", "PanalSeccomp", "PanalLinux", "PanalCore"],
            ["Synchronization"]
        ),
        (
            "PanalService", ["PanalScheduler", "PanalPublication", "PanalManifest", "PanalCore"],
            ["Crypto", "CryptoExtras", "Dispatch", "FoundationEssentials", "Logging", "Synchronization"]
        ),
        (
            "PanalPublication", ["PanalManifest", "PanalCore"],
            ["Crypto", "FoundationEssentials", "Synchronization"]
        ),
        ("PanalSimulation", ["PanalScheduler", "PanalCore"], ["FoundationEssentials"]),
        ("PanalScheduler", ["PanalCore"], []),
        ("PanalProfiles", ["PanalCore"], ["FoundationEssentials", "Yams"]),
        ("PanalRecipes", ["PanalCore"], ["Yams"]),
        ("PanalManifest", ["PanalCore"], ["FoundationEssentials"]),
        ("PanalDoctor", ["PanalLinux"], ["FoundationEssentials"]),
        ("PanalLauncherProtocol", [], []),
        ("PanalSeccomp", ["PanalCore", "CLibseccomp"], ["FoundationEssentials"]),
        ("PanalLinux", ["CPanalSyscalls"], []),
        ("PanalCore", [], ["FoundationEssentials"]),
    ]

    /// The C library is everywhere below the services; `PanalCore` has no I/O, and the pure modules need none.
    static let withoutLibc: Set<String> = [
        "PanalCore", "PanalScheduler", "PanalSimulation", "PanalManifest", "PanalHTTP",
    ]

    @Test(arguments: table) func importsKeepToTheTable(module: String, own: Set<String>, libraries: Set<String>) throws
    {
        let files = try Repository().swiftFiles(below: "Sources/\(module)")
        var allowed = own.union(libraries).union(["Swift", "_Concurrency"])
        if !Self.withoutLibc.contains(module) { allowed.formUnion(["Glibc"]) }
        for file in files {
            for (index, line) in file.lines.enumerated() {
                guard let name = line.importedModule, !allowed.contains(name) else { continue }
                Issue.record("\(file.path):\(index + 1): \(module) may not import \(name)")
            }
        }
    }

    /// What nobody imports any more is not allowed either, so that the table says what is.
    @Test(arguments: table) func nothingIsAllowedThatNobodyUses(
        module: String, own: Set<String>, libraries: Set<String>
    ) throws {
        let used = try Set(
            Repository().swiftFiles(below: "Sources/\(module)").flatMap { $0.lines.compactMap(\.importedModule) })
        let unused = own.union(libraries).subtracting(used)
        #expect(unused.isEmpty, "\(module) imports \(unused.sorted().joined(separator: ", ")) nowhere")
    }

    @Test func everyModuleIsInTheTable() throws {
        let sources = Repository().root.appendingPathComponent("Sources").resolvingSymlinksInPath()
        let folders = try FileManager.default.contentsOfDirectory(atPath: sources.path).filter { !$0.hasPrefix(".") }
        let swift = Set(Self.table.map(\.module))
        let c = Set(folders.filter { $0.hasPrefix("C") })
        #expect(Set(folders) == swift.union(c))
    }

    /// The table itself: whoever stands above is imported by nobody below.
    @Test func importsGoOneWay() {
        let order = Self.table.map(\.module)
        for (module, own, _) in Self.table {
            guard let place = order.firstIndex(of: module) else { continue }
            let later = Set(order[(place + 1)...]).union([
                "CPanalSyscalls", "CPanalHostile", "CLibseccomp", "CLibarchive",
            ])
            #expect(own.isSubset(of: later), "\(module) imports upwards: \(own.subtracting(later).sorted())")
        }
    }

    /// `Package.swift` gives no target a module that the table does not.
    @Test func thePackageDependsAsTheTableSays() throws {
        let text = try Repository().text("Package.swift")
        let own = Set(Self.table.map(\.module))
        for (module, allowed, _) in Self.table {
            guard
                let start = text.range(of: "name: \"\(module)\", dependencies: [")
                    ?? text.range(of: "name: \"\(module)\",\n            dependencies: ["),
                let end = text[start.upperBound...].firstIndex(of: "]")
            else { continue }
            let named = text[start.upperBound..<end].split(separator: "\"").filter { own.contains(String($0)) }
            let extra = Set(named.map(String.init)).subtracting(allowed)
            #expect(extra.isEmpty, "\(module) depends on \(extra.sorted())")
        }
    }

    @Test func theTopLevelIsShort() throws {
        let allowed: Set<String> = [
            "Package.swift", "Package.resolved", "Sources", "Tests", "Profiles", "Rootfs", "Scripts", "Demos",
            "Examples",
            "README.md", "LICENSE",
        ]
        let found = try FileManager.default.contentsOfDirectory(atPath: Repository().root.path)
        let extra = Set(found.filter { !$0.hasPrefix(".") }).subtracting(allowed)
        #expect(extra.isEmpty, "does not belong there: \(extra.sorted())")
    }

    @Test(arguments: ["Sources", "Tests"]) func filesAreReadInOneSitting(folder: String) throws {
        for file in try Repository().swiftFiles(below: folder) where file.lines.count > 450 {
            Issue.record("\(file.path) has \(file.lines.count) lines; 450 is the most")
        }
    }

    @Test func nothingIsForced() throws {
        for file in try Repository().swiftFiles(below: "Sources") {
            for (index, line) in file.lines.enumerated() {
                let code = line.trimmingCharacters(in: .whitespaces)
                if code.hasPrefix("//") { continue }
                for forced in ["try! ", " as! "] where code.contains(forced) {
                    Issue.record("\(file.path):\(index + 1): \(forced.trimmingCharacters(in: .whitespaces))")
                }
            }
        }
    }

    @Test func importLinesAreRecognised() {
        let cases: [(Substring, String?)] = [
            ("import PanalCore", "PanalCore"), ("package import GRDB", "GRDB"), ("@testable import A", "A"),
            ("@preconcurrency internal import B", "B"), ("import struct Foundation.Date", "Foundation"),
            ("import Glibc.stdio", "Glibc"), ("// import C", nil), ("let import = 3", nil), ("important C", nil),
        ]
        for (line, module) in cases { #expect(line.importedModule == module) }
    }
}
