import ArgumentParser
import FoundationEssentials
import Glibc
import PanalClient
import PanalCore
import PanalProfiles
import PanalSandbox
import PanalSeccomp

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run one command in a cell of its own, without a server.",
        discussion: """
            The cell sees the machine's /usr read-only, an /etc of Panal's making, an empty private /work and /tmp, and nothing \
            else, or an image instead of /usr: no network unless it is given a loopback of its own, no other processes, no environment. Standard streams are \
            connected; what the command leaves in /work is gone afterwards. An ordinary user needs a control group that was \
            handed over, as the cell's limits are real ones: ‘panal doctor’ says how.

            A name that is no command here, but a program on the server that you are signed in to, is run there, as by ‘panal program run’; \
            that is said on standard error. A file of this folder is run by its path in the cell: --program . /program/NAME

            \(ExitStatus.explanation)
            """)

    @Option(help: "Hardware profile: what the command gets and is held to.")
    var profile = "small"

    @Option(help: ArgumentHelp("File system that the cell sees: host, or an image's digest.", valueName: "host|digest"))
    var rootfs = AttemptSpec.hostRootfs

    @OptionGroup var place: CellPlace

    @Option(
        help: "System call policy, a file of Profiles/seccomp without its ending; the profile's own when not given.")
    var seccomp: String?

    @Option(
        help: ArgumentHelp(
            "none, or loopback: 127.0.0.1 and ::1 of the command's own, then with the policy ‘loopback’ unless another is "
                + "given; the profile's own when not given.", valueName: "none|loopback"))
    var network: CellNetwork?

    @Option(help: "Folder that stands read-only at /program.")
    var program: String?

    @Flag(
        help: "Say which system calls the policy refused, and why. Slower where many are, and takes one process more.")
    var explain = false

    @Flag(
        help: ArgumentHelp(
            "Run on the least busy core and grade the times: A, B or C, with the reasons.",
            discussion: "Waits up to 5 s for a core that is quiet."))
    var quiet = false

    @Flag(help: "Print outcome and usage as JSON on standard error.")
    var report = false

    @Option(help: ArgumentHelp("Write outcome and usage as JSON to a file.", valueName: "file"))
    var reportTo: String?

    @Argument(
        parsing: .captureForPassthrough,
        help: "The command and its arguments; ‘--’ before it when options of panal could be meant.")
    var command: [String]

    /// Options that are not known end up in `command`, `--help` among them.
    func validate() throws {
        switch command.first {
        case "--help", "-h": throw CleanExit.helpRequest(self)
        case "--": break
        case let word? where word.hasPrefix("-"): throw ValidationError("Unknown option ‘\(word)’")
        default: break
        }
        guard !words.isEmpty else { throw ValidationError("Which command?") }
    }

    private var words: [String] {
        command.first == "--" ? Array(command.dropFirst()) : command
    }

    func run() async throws {
        let call: ProgramRunCommand?
        do {
            call = try await callOfServer()
        } catch let failure as CommandFailure {
            StandardError.line("\(failure)")
            throw ExitCode(ExitStatus.systemError)
        }
        if let call { return try await call.run() }
        // A reader that is gone is to show as EPIPE: the cell has to be taken down in good order.
        signal(SIGPIPE, SIG_IGN)
        do {
            let result = try await runCell()
            throw ExitCode(result)
        } catch let code as ExitCode {
            throw code
        } catch let failure as SystemError {
            StandardError.line(failure.sentence)
            throw ExitCode(ExitStatus.systemError)
        } catch {
            StandardError.line("\(error)")
            throw ExitCode(ExitStatus.systemError)
        }
    }

    /// The run of a server's program, where the first word is no command that a cell has, nothing was said that is about a cell, and
    /// somebody is signed in to a server that has a program of that name. Nothing but the name is sent before that is known.
    private func callOfServer() async throws -> ProgramRunCommand? {
        let isPlain = program == nil && seccomp == nil && network == nil && !explain && !quiet && !report
        guard isPlain, rootfs == AttemptSpec.hostRootfs, reportTo == nil, command.first != "--", let name = words.first,
            !name.contains("/"),
            !["/usr/local/bin", "/usr/bin", "/bin"].contains(where: { unsafe access("\($0)/\(name)", X_OK) == 0 }),
            let servers = try? ServerListFile(environment: ServerOptions.environment).read(),
            let choice = try? ServerChoice.make(option: nil, environment: ServerOptions.environment, list: servers)
        else { return nil }
        let client = PanalClient(address: choice.address, key: choice.key, patience: .zero)
        do {
            _ = try await client.get(ProgramCommand.path(name, ""))
        } catch let failure as ClientFailure where failure.kind == .refused(status: 404) {
            let shown = TextWidth.harmless(name)
            throw CommandFailure(
                "‘\(shown)’ is no command here, and no program on \(choice.address). A file of this folder is run by its path in the "
                    + "cell, ‘panal run --program . /program/\(shown)’; ‘panal program list’ names the server's programs, "
                    + "‘panal program run NAME’ runs one")
        }
        StandardError.line(
            "‘\(name)’ is no command here; running the program of that name on \(choice.address), as ‘panal program run \(name)’ does"
        )
        return try await ProgramRunCommand.asyncParse((profile == "small" ? [] : ["--profile", profile]) + words)
    }

    private func runCell() async throws -> Int32 {
        let folder = try place.folder()
        let profile = try CellPlace.profile(profile, of: try ProfileCatalog.load(folder: folder))
        let isWidened = network == .loopback && profile.network == .none
        let policy = seccomp ?? (isWidened ? "loopback" : profile.seccomp)
        let filters = try SeccompPolicies.load(folder: "\(folder)/seccomp")
        guard filters.contains(where: { $0.name == policy }) else {
            let names = filters.map(\.name).joined(separator: ", ")
            throw CommandFailure("there is no system call policy ‘\(policy)’; there are \(names)")
        }
        let explained =
            explain ? [try SeccompPolicies.read(file: "\(folder)/seccomp/\(policy).json", name: policy)] : []
        let executor = try OrdinaryUser.start(
            LauncherSettings(
                executable: try Installation.companion("panal-launcher"), instance: "run-\(getpid())",
                dataFolder: try programFolder(),
                seccomp: filters, preparedCells: 0, explained: explained,
                imageFolder: rootfs == AttemptSpec.hostRootfs ? nil : try CellPlace.real(place.images),
                limitsReading: profile.limits.diskRead != nil))
        if let refusal = executor.capacity.refusal(of: profile.limits) {
            await executor.stop()
            throw CommandFailure("profile ‘\(profile.name)’ \(refusal)")
        }
        let attempt = await attempt(profile: profile, policy: policy, capacity: executor.capacity)
        let cancel: @Sendable () -> Void = { Task { await executor.cancel(attempt.id) } }
        let interruption = Interruptions { _ in cancel() }
        let sink = TerminalSink(abandoned: cancel)
        let result = await executor.run(
            attempt, programFolder: program == nil ? nil : ".", input: .descriptor(0), sink: sink, started: {})
        interruption.end()
        await executor.stop()
        guard !sink.isAbandoned else { return ExitStatus.abandoned }
        try tell(result, profile: profile.name, cores: attempt.cores)
        return ExitStatus.of(result.outcome)
    }

    /// Absolute: the launcher works from another folder than this one.
    private func programFolder() throws -> String? { try program.map(CellPlace.real) }

    private func attempt(profile: Profile, policy: String, capacity: HostCapacity) async -> AttemptSpec {
        var limits = profile.limits
        limits.collectedFiles = 0
        limits.collectedBytes = 0
        // A shared grant too is kept to as many cores as it can keep busy.
        let count = limits.cpu.parallelism
        let cores =
            quiet ? await CoreWatch.quietest(count, of: capacity.cores) : Array(capacity.cores.prefix(count))
        return AttemptSpec(
            id: AttemptID(job: .make(at: Timestamp(Date())), number: 1, nonce: .random(in: .min ... .max)),
            rootfs: rootfs, seccomp: policy, network: network ?? profile.network, limits: limits, cores: cores,
            program: nil, arguments: words, environment: AttemptSpec.standardEnvironment, inputs: [],
            standardInput: nil, explain: explain, graded: quiet)
    }

    private func tell(_ result: AttemptResult, profile: String, cores: [Int]) throws {
        if case .exited = result.outcome {
        } else {
            StandardError.line(result.outcome.sentence)
        }
        if let timing = result.timing { StandardError.line("timing \(timing.sentence)") }
        for sentence in result.explained { StandardError.line(sentence) }
        if report || reportTo != nil {
            try RunReport(result, profile: profile, cores: cores, isExplained: explain).write(to: reportTo)
        }
    }
}

extension CellNetwork: ExpressibleByArgument {}
