import FoundationEssentials
import Glibc
import Logging
import NIOCore
import NIOPosix
import PanalArchive
import PanalCore
import PanalLinux
import PanalProfiles
import PanalSeccomp
import PanalStore

/// The service. This file only reads what was typed, has the service put together, and says why it did not start.
@main
struct Panald {
    static func main() async {
        shareThreads()
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.contains("--help") || arguments.contains("-h") {
            print(Setting.helpText)
            return
        }
        do {
            if arguments.first == "backup" {
                return try await BackupRun.run(
                    Array(arguments.dropFirst()), environment: ProcessInfo.processInfo.environment)
            }
            let reader = try await SettingsReader(
                arguments: arguments, environment: ProcessInfo.processInfo.environment)
            let settings = try Settings(reader, executable: Host.executable())
            LoggingSystem.bootstrap { label in
                var handler = StreamLogHandler.standardError(label: label)
                handler.logLevel = settings.logLevel
                return handler
            }
            let logger = Logger(label: "panald")
            let service = try Service.build(settings, logger: logger)
            try await service.run(settings, logger: logger)
        } catch {
            refuse(error)
        }
    }

    /// Swift's tasks run on the event loops' threads, so that a request goes from its socket through the store and back without
    /// waking another thread, which costs more than most of its steps do. What takes long is on threads of its own all the same:
    /// passwords, files, archives. Where the runtime does not offer this, tasks have their own threads, and everything works as well.
    private static func shareThreads() {
        _ = NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor()
    }

    /// One reason on standard error, with the command that mends it where there is one, and a code that says which kind
    /// it is: 64 for what was typed (sysexits' EX_USAGE), 1 for everything else.
    private static func refuse(_ error: any Error) -> Never {
        let lines: [String]
        switch error {
        case let error as SettingsMistake: lines = [error.detail]
        case let error as StartRefusal: lines = [error.reason] + (error.mend.map { ["to mend it: \($0)"] } ?? [])
        case let error as ProfileMistakes: lines = error.mistakes.map(\.description)
        case let error as SeccompMistake: lines = [error.description]
        case let error as SystemError: lines = ["the launcher did not start: \(error.sentence)"]
        case let error as StepFailure: lines = ["the privileges cannot be given up: \(error.step): \(error.detail)"]
        case let error as FileError: lines = [error.debugDescription]
        default: lines = ["\(error)"]
        }
        for line in lines {
            let text = Array("panald: \(line)\n".utf8)
            _ = unsafe text.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
        }
        exit(error is SettingsMistake ? 64 : 1)
    }
}
