// swift-tools-version: 6.2
// One target, one sentence; imports go one way, top to bottom (Tests/ArchitectureTests holds the table).
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// Test targets use `#expect` and `#require`, whose expansions are not written for strict memory safety.
let tests: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "panal",
    products: [
        .executable(name: "panal", targets: ["panal"]),
        .executable(name: "panald", targets: ["panald"]),
        .executable(name: "panal-launcher", targets: ["panal-launcher"]),
        .executable(name: "panal-hostile", targets: ["panal-hostile"]),
        .executable(name: "panal-unpack", targets: ["panal-unpack"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0",
            traits: [.defaults, "YAML", "CommandLineArguments"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The service: the only place that sees everything; `panal serve` starts it.
        .executableTarget(
            name: "panald",
            dependencies: [
                "PanalHTTP", "PanalWebhooks", "PanalStore", "PanalRootfs", "PanalArchive", "PanalSandbox",
                "PanalService",
                "PanalScheduler", "PanalManifest", "PanalProfiles", "PanalSeccomp", "PanalLinux", "PanalCore", logging,
                hummingbird,
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),
        // The command line; links neither GRDB nor Hummingbird, so that it starts in milliseconds.
        .executableTarget(
            name: "panal",
            dependencies: [
                "PanalClient", "PanalAudit", "PanalDoctor", "PanalSandbox", "PanalSimulation", "PanalScheduler",
                "PanalPublication", "PanalManifest", "PanalProfiles", "PanalRecipes", "PanalSeccomp", "PanalLinux",
                "PanalCore", argumentParser,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),
        // The programming interface as a client uses it: which server, requests, transfers that resume, what is wrong with a submission.
        .target(
            name: "PanalClient",
            dependencies: [
                "PanalManifest", "PanalCore", crypto,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
            ],
            swiftSettings: strict),
        // What `Scripts/bench` runs: cells and the server against what else there is.
        .executableTarget(
            name: "panal-bench",
            dependencies: [
                "PanalSandbox", "PanalScheduler", "PanalManifest", "PanalProfiles", "PanalSeccomp", "PanalCore",
                "CPanalSyscalls", argumentParser,
            ],
            swiftSettings: strict),
        // The privileged process: static, one thread, no network, no database, no Foundation.
        .executableTarget(
            name: "panal-launcher",
            dependencies: ["PanalLauncherProtocol", "PanalLinux"],
            swiftSettings: strict,
            // Apart by a large page, so that the code can lie in such pages whole.
            linkerSettings: [
                .unsafeFlags(["-static-executable", "-Xlinker", "-z", "-Xlinker", "max-page-size=0x200000"])
            ]),
        // The hostile programs of `panal audit`, as one static executable that runs inside a cell.
        .executableTarget(
            name: "panal-hostile", dependencies: ["CPanalHostile"], swiftSettings: strict,
            linkerSettings: [.unsafeFlags(["-static-executable"])]),
        // Unpacks one archive as the server does, for `panal audit` and `panal manifest test`.
        .executableTarget(
            name: "panal-unpack", dependencies: ["PanalArchive", "PanalCore"], swiftSettings: strict),
        // Runs the hostile programs on this host and judges what they achieved.
        .target(
            name: "PanalAudit", dependencies: ["PanalSandbox", "PanalSeccomp", "PanalLinux", "PanalCore"],
            swiftSettings: strict),
        // Routes, sessions, form and page rendering, one table from error to status.
        .target(
            name: "PanalHTTP",
            dependencies: [
                "PanalService", "PanalManifest", "PanalCore", hummingbird, logging,
                .product(name: "HummingbirdHTTP2", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "Mustache", package: "swift-mustache"),
            ],
            resources: [.embedInCode("Resources")],
            swiftSettings: strict),
        // Sends webhooks, each to the one address that was checked.
        .target(
            name: "PanalWebhooks",
            dependencies: [
                "PanalService",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),
        // SQLite, migrations, content-addressed blobs.
        .target(
            name: "PanalStore",
            dependencies: [
                "PanalArchive", "PanalCore", crypto, .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        // Unpacks an uploaded archive without trusting it.
        .target(
            name: "PanalArchive", dependencies: ["PanalCore", "CLibarchive", "CPanalSyscalls"], swiftSettings: strict),
        // The file systems that cells see: import, checks, a content-addressed store.
        .target(
            name: "PanalRootfs", dependencies: ["PanalArchive", "PanalCore", "CLibarchive", crypto],
            swiftSettings: strict),
        // Plans a cell (pure) and runs it through the launcher.
        .target(
            name: "PanalSandbox",
            dependencies: ["PanalLauncherProtocol", "PanalSeccomp", "PanalLinux", "PanalCore"],
            swiftSettings: strict),
        // The verbs: publish, submit, cancel, sign in; transactions and permission checks.
        .target(
            name: "PanalService",
            dependencies: [
                "PanalScheduler", "PanalPublication", "PanalManifest", "PanalCore", logging, crypto,
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        // What a program is held against before it is published, and its manifest's tests as runs: on a server and without one.
        .target(
            name: "PanalPublication", dependencies: ["PanalManifest", "PanalCore", crypto], swiftSettings: strict),
        // Replays a recorded load through the scheduler and measures it.
        .target(name: "PanalSimulation", dependencies: ["PanalScheduler", "PanalCore"], swiftSettings: strict),
        // Admission, packing, fairness: a pure state machine and one actor around it.
        .target(name: "PanalScheduler", dependencies: ["PanalCore"], swiftSettings: strict),
        // Hardware profiles as commented YAML: read, name a mistake with its place, say whether this host is large enough.
        .target(
            name: "PanalProfiles",
            dependencies: ["PanalCore", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),
        // How images are made of Debian's packages: recipes as commented YAML, and the one command that each becomes.
        .target(
            name: "PanalRecipes",
            dependencies: ["PanalCore", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),
        // The manifest: parse, validate a submission, JSON Schema, argv.
        .target(name: "PanalManifest", dependencies: ["PanalCore"], swiftSettings: strict),
        // What of this host a cell depends on: facts, a verdict and the command that mends it.
        .target(name: "PanalDoctor", dependencies: ["PanalLinux"], swiftSettings: strict),
        // The messages between server and launcher, as fixed layouts.
        .target(name: "PanalLauncherProtocol", swiftSettings: strict),
        // Syscall policy (OCI JSON) to BPF.
        .target(name: "PanalSeccomp", dependencies: ["PanalCore", "CLibseccomp"], swiftSettings: strict),
        // Owned descriptors, mounts, cgroup drivers, topology, pidfds.
        .target(name: "PanalLinux", dependencies: ["CPanalSyscalls"], swiftSettings: strict),
        // What Glibc hides from Swift; each shim returns -errno and has no logic.
        .target(name: "CPanalSyscalls", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        // Attacks on the cell that they run in, each a function; they link nothing of Panal's.
        .target(
            name: "CPanalHostile", cSettings: [.unsafeFlags(["-std=gnu11", "-Wall", "-Wextra", "-Werror"])]),
        .systemLibrary(name: "CLibseccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CLibarchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        // The vocabulary: values, limits, profile, job states, outcome, ports; no I/O, no clock.
        .target(name: "PanalCore", swiftSettings: strict),

        // For tests: makes one chosen system call of a launcher's processes fail, or lie.
        .executableTarget(
            name: "panal-fault", dependencies: ["CLibseccomp"], path: "Tests/FaultInjector",
            cSettings: [.unsafeFlags(["-std=gnu11", "-Wall", "-Wextra", "-Werror"])]),
        .testTarget(name: "ArchitectureTests", swiftSettings: tests),
        .testTarget(name: "PanalCoreTests", dependencies: ["PanalCore"], swiftSettings: tests),
        .testTarget(
            name: "PanalSeccompTests", dependencies: ["PanalSeccomp", "CLibseccomp"], resources: [.copy("Live")],
            swiftSettings: tests),
        .testTarget(name: "PanalProfilesTests", dependencies: ["PanalProfiles", "PanalCore"], swiftSettings: tests),
        .testTarget(name: "PanalRecipesTests", dependencies: ["PanalRecipes", "PanalCore"], swiftSettings: tests),
        .testTarget(name: "PanalDoctorTests", dependencies: ["PanalDoctor", "PanalLinux"], swiftSettings: tests),
        .testTarget(
            name: "PanalManifestTests", dependencies: ["PanalManifest", "PanalCore"],
            resources: [.copy("Rules"), .copy("Boutiques")], swiftSettings: tests),
        .testTarget(name: "PanalSchedulerTests", dependencies: ["PanalScheduler", "PanalCore"], swiftSettings: tests),
        .testTarget(
            name: "PanalSimulationTests", dependencies: ["PanalSimulation", "PanalScheduler", "PanalCore"],
            resources: [.copy("Traces"), .copy("Pictures")], swiftSettings: tests),
        .testTarget(
            name: "PanalStoreTests",
            dependencies: [
                "PanalStore", "PanalArchive", "PanalCore", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "PanalRootfsTests", dependencies: ["PanalRootfs", "PanalArchive", "PanalCore", crypto],
            swiftSettings: tests),
        .testTarget(
            name: "PanalServiceTests",
            dependencies: [
                "PanalService", "PanalStore", "PanalRootfs", "PanalScheduler", "PanalPublication", "PanalManifest",
                "PanalCore", logging,
            ],
            swiftSettings: tests),
        .testTarget(
            name: "PanalPublicationTests", dependencies: ["PanalPublication", "PanalManifest", "PanalCore"],
            swiftSettings: tests),
        .testTarget(
            name: "PanalHTTPTests",
            dependencies: [
                "PanalHTTP", "PanalService", "PanalScheduler", "PanalStore", "PanalRootfs", "PanalManifest",
                "PanalCore",
                hummingbird, logging,
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "PanalWebhooksTests",
            dependencies: [
                "PanalWebhooks", "PanalService", "PanalStore", "PanalCore", hummingbird, logging, crypto,
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "PanalClientTests", dependencies: ["PanalClient", "PanalManifest", "PanalCore"], swiftSettings: tests),
        .testTarget(name: "PanalCommandTests", dependencies: ["panal", "PanalCore"], swiftSettings: tests),
        .testTarget(name: "PanaldTests", dependencies: ["panald", "PanalHTTP", "PanalCore"], swiftSettings: tests),
        .testTarget(
            name: "PanalSandboxTests",
            dependencies: [
                "PanalSandbox", "PanalManifest", "PanalProfiles", "PanalSeccomp", "PanalLinux",
                "PanalLauncherProtocol", "PanalCore",
            ],
            resources: [.copy("Hostile")],
            swiftSettings: tests),
        .testTarget(
            name: "PanalAuditTests",
            dependencies: ["PanalAudit", "PanalSandbox", "PanalSeccomp", "PanalLinux", "PanalCore"],
            swiftSettings: tests),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "PanalCore", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: tests),
    ]
)
