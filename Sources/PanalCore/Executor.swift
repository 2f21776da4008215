/// Number of an attempt at a job: which job, the how-manieth try, and a nonce that only this attempt's result may carry.
package struct AttemptID: Hashable, Sendable {
    package var job: JobID
    /// 1 for the first attempt.
    package var number: Int
    package var nonce: UInt64

    package init(job: JobID, number: Int, nonce: UInt64) {
        self.job = job
        self.number = number
        self.nonce = nonce
    }
}

/// What is to run. It holds nothing local: no descriptor, no process number, no path of this machine.
package struct AttemptSpec: Hashable, Sendable {
    package var id: AttemptID
    /// What the cell sees as its root: ``hostRootfs``, or the digest of an image in 64 hexadecimal digits.
    package var rootfs: String
    /// Whether the program may write to its root, which must then be an image: what it writes lies in its scratch, counts there,
    /// and goes with it unless it is copied (`Executor.copyRoot`).
    package var hasWritableRoot: Bool
    package var seccomp: String
    package var network: CellNetwork
    /// Whether refused system calls are to be told in the result. It costs time, a process of the profile's count, and an
    /// executor that was started for it.
    package var explain: Bool
    /// Whether the result is to say how far its times can be trusted.
    package var graded: Bool
    /// Whether it gets processor time only when nobody else on the host wants it.
    package var isIdle: Bool
    package var limits: CellLimits
    /// Numbers of the cores that the scheduler reserved: the cell's own for an exclusive grant, shared ones for a shared one.
    /// Never empty.
    package var cores: [Int]
    /// The program's folder, by content; it stands at `/program` inside. Nil when the command comes from the rootfs.
    package var program: ContentHash?
    /// argv, the program first. An absolute path inside the cell, or a name looked up in `PATH`. Never a shell string.
    package var arguments: [String]
    /// The exact environment, `NAME=value`.
    package var environment: [String]
    /// Blobs that stand read-only under `/input`.
    package var inputs: [InputFile]
    /// Bytes for standard input, at most ``maximumStandardInput``; nil is an empty stream.
    package var standardInput: ContentHash?

    package init(
        id: AttemptID, rootfs: String, seccomp: String, network: CellNetwork = .none, limits: CellLimits, cores: [Int],
        program: ContentHash?, arguments: [String], environment: [String], inputs: [InputFile],
        standardInput: ContentHash?, explain: Bool = false, graded: Bool = false, isIdle: Bool = false,
        hasWritableRoot: Bool = false
    ) {
        self.id = id
        self.rootfs = rootfs
        self.hasWritableRoot = hasWritableRoot
        self.seccomp = seccomp
        self.network = network
        self.explain = explain
        self.graded = graded
        self.isIdle = isIdle
        self.limits = limits
        self.cores = cores
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.inputs = inputs
        self.standardInput = standardInput
    }

    /// Bytes of a standard input: where a cell may outlive the server, they are copied into memory for as long as it runs.
    package static let maximumStandardInput = 64 << 20

    /// The root that needs no image: the host's own `/usr`.
    package static let hostRootfs = "host"

    /// What every program finds in its environment unless its manifest says otherwise.
    package static let standardEnvironment = [
        "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/work", "TMPDIR=/tmp", "LANG=C.UTF-8",
    ]
}

/// A file under `/input`: `/input/<field>/<name>`.
package struct InputFile: Hashable, Sendable {
    /// A field's id: `a-z`, `0-9`, `_`; 1 to 64 characters.
    package var field: String
    /// One path component: no `/`, no NUL, not `.` or `..`, at most 255 bytes.
    package var name: String
    package var content: ContentHash

    package init(field: String, name: String, content: ContentHash) {
        self.field = field
        self.name = name
        self.content = content
    }

    /// Where the program finds it.
    package var path: String { "/input/\(field)/\(name)" }
}

/// What one attempt came to.
package struct AttemptResult: Hashable, Sendable {
    package var outcome: Outcome
    package var usage: ResourceUsage
    package var files: [JobFile]
    /// What of the work folder could not be taken, and why (`huge.bin: over the limit of 64 MiB`), at most 20 lines.
    package var skipped: [String]
    package var output: StreamState
    package var error: StreamState
    /// What of system calls was refused and why, a sentence for each kind in the order of the first, at most 100 of them;
    /// empty for attempts that did not ask.
    package var explained: [String]
    /// Nil for attempts that did not ask.
    package var timing: TimingGrade?

    package init(
        outcome: Outcome, usage: ResourceUsage, files: [JobFile] = [], skipped: [String] = [], explained: [String] = [],
        output: StreamState = StreamState(),
        error: StreamState = StreamState()
    ) {
        self.outcome = outcome
        self.usage = usage
        self.files = files
        self.skipped = skipped
        self.explained = explained
        self.output = output
        self.error = error
    }
}

/// Carries attempts out. It kills what overruns its limits by itself; states, retries, quotas and files live above it and never
/// ask which executor it is.
package protocol Executor: Sendable {
    /// What this executor can give to cells.
    var capacity: HostCapacity { get }

    /// False once it can run nothing any more; what waits must then go on waiting for another.
    var isUsable: Bool { get }

    /// Runs one attempt to its end. It never throws: what Panal did wrong is a `systemError` in the result.
    ///
    /// `started` is called once, when the program begins to run; not at all when it never did.
    func run(_ attempt: AttemptSpec, sink: any AttemptSink, started: @escaping @Sendable () -> Void) async
        -> AttemptResult

    /// Ends an attempt; it then comes back as `cancelled`. Unknown attempts are ignored: cancelling twice is no error.
    func cancel(_ attempt: AttemptID) async

    // MARK: What outlives the caller

    /// Attempts that an earlier process gave to this executor and that are still here, running or ended, until `recover`.
    func held() async -> Set<AttemptID>

    /// Of `attempts` those that are held; each is then to be taken up by `resume`. All others that are held are ended where they
    /// run, and their results discarded: they are nobody's any more. To be called once, before anything else.
    func recover(_ attempts: [AttemptID]) async -> Set<AttemptID>

    /// Takes up an attempt that is held: comes back as `run` would have, with what was written and used before counted in.
    /// The sink continues what an earlier one began (`AttemptSink.bytes`). `started` is called once the program has been
    /// started, at once where it had been, with how long ago that was. A system error where the attempt is not held.
    func resume(
        _ attempt: AttemptSpec, sink: any AttemptSink, started: @escaping @Sendable (Duration) -> Void
    ) async -> AttemptResult

    /// The result of an attempt has been stored: until this is called it is held for the next process. Unknown attempts are
    /// ignored.
    func settle(_ attempt: AttemptID) async

    /// What a running program has used so far; nil where it does not run, stands still, or nobody knows. Asked at a low rate.
    func sample(_ attempt: AttemptID) async -> UsageSample?

    // MARK: Standing still

    /// Whether this executor can freeze what runs.
    var canFreeze: Bool { get }

    /// Makes a running program stand still where it is, until `thaw` or its end. Its cores are free for others meanwhile, its
    /// memory is not; its time limits stand still too. Returns once nothing of it runs; throws where it cannot be frozen, has not
    /// begun or has ended. Freezing twice is no error, nor is thawing what is not frozen.
    func freeze(_ attempt: AttemptID) async throws(SystemError)

    /// Lets a frozen program go on. Throws, and leaves it frozen, while others are on its cores.
    func thaw(_ attempt: AttemptID) async throws(SystemError)

    // MARK: Copies of a root

    /// Whether this executor can run programs with a writable root, and copy what they have written.
    var canCopyRoots: Bool { get }

    /// Writes all that a frozen program has changed in its writable root into `file`, from its offset on: a layer of an OCI image as a
    /// plain tar archive, its deletions as `.wh.` marks, owners as the image has them. `/work` is part of it, what is mounted elsewhere
    /// is not. `file` stays the caller's and is open for writing. At most `maximumBytes` are written: more is an error. Throws where the
    /// program is not frozen, has no writable root, has ended, or a second copy is asked for before the first is done.
    func copyRoot(
        of attempt: AttemptID, into file: Int32, maximumBytes: Int
    ) async throws(SystemError) -> CopiedRoot
}

/// What a copy of a root came to.
package struct CopiedRoot: Hashable, Sendable {
    /// Of the archive.
    package var bytes: Int
    /// What of the root could not be taken, and why (`var/run/x: it is a socket`), at most 20 lines.
    package var skipped: [String]

    package init(bytes: Int, skipped: [String] = []) {
        self.bytes = bytes
        self.skipped = skipped
    }
}

/// Executors whose attempts end with this process, and go through without a halt.
extension Executor {
    package func held() async -> Set<AttemptID> { [] }
    package func recover(_ attempts: [AttemptID]) async -> Set<AttemptID> { [] }
    package func settle(_ attempt: AttemptID) async {}
    package func sample(_ attempt: AttemptID) async -> UsageSample? { nil }
    package var canFreeze: Bool { false }

    package func resume(
        _ attempt: AttemptSpec, sink: any AttemptSink, started: @escaping @Sendable (Duration) -> Void
    ) async -> AttemptResult {
        let lost = SystemError(step: "launcher.lost", detail: "this executor does not hold the attempt")
        return AttemptResult(outcome: .systemError(lost), usage: ResourceUsage())
    }

    package func freeze(_ attempt: AttemptID) async throws(SystemError) {
        throw SystemError(step: "cell.freeze", detail: "this executor cannot freeze programs")
    }

    package func thaw(_ attempt: AttemptID) async throws(SystemError) {
        throw SystemError(step: "cell.freeze", detail: "this executor cannot freeze programs")
    }

    package var canCopyRoots: Bool { false }

    package func copyRoot(
        of attempt: AttemptID, into file: Int32, maximumBytes: Int
    ) async throws(SystemError) -> CopiedRoot {
        throw SystemError(step: "cell.copy", detail: "this executor cannot copy what programs write")
    }
}

package enum OutputStream: String, Hashable, Sendable, Codable {
    case output = "stdout"
    case error = "stderr"
}

/// Where an attempt's bytes come from and go to. Its calls may block on a disk and come from one thread of the executor's own.
package protocol AttemptSink: Sendable {
    /// Takes the next bytes that the program wrote.
    func append(_ bytes: borrowing RawSpan, to stream: OutputStream) throws

    /// The descriptor of a file, at whose offset the kernel is to put a stream's bytes itself: then none is lost where this
    /// process is killed on the way. It stays the sink's, is not open for appending, and is asked for when there are bytes. Nil
    /// where they are to come by `append`.
    func file(of stream: OutputStream) throws -> Int32?

    /// So many bytes have been put into the stream's file.
    func noteMoved(_ bytes: Int, to stream: OutputStream)

    /// Bytes that the stream has already, of an earlier process's.
    func bytes(of stream: OutputStream) -> Int

    /// Whether `store` does more than to write the file down: then it is asked on a thread apart, and nobody else's results wait for it.
    var takesItsTime: Bool { get }

    /// Stores a result file whose bytes are read from `descriptor`, which stays the caller's; at most `limit` bytes are taken.
    /// Throws `FileTooLong` when there are more. `DiskFull`, here and where a file is made, is to be waited for.
    func store(descriptor: Int32, limit: Int) throws -> (content: ContentHash, bytes: Int)
}

/// Sinks that are only ever appended to.
extension AttemptSink {
    package var takesItsTime: Bool { false }
    package func file(of stream: OutputStream) throws -> Int32? { nil }
    package func noteMoved(_ bytes: Int, to stream: OutputStream) {}
    package func bytes(of stream: OutputStream) -> Int { 0 }
}

/// A result file holds more bytes than may be taken.
package struct FileTooLong: Error, Hashable, Sendable {
    package var limit: Int

    package init(limit: Int) {
        self.limit = limit
    }
}

/// Where a local executor finds content by its hash, relative to the data folder that the launcher was given at start:
/// the one place that both the store and the sandbox read.
package enum ContentLayout {
    /// A blob: a file of mode 0444.
    package static func blob(_ hash: ContentHash) -> String { "blobs/\(hash.hex.prefix(2))/\(hash.hex)" }
    /// A program version's folder, read-only: folders 0555, files 0444 or 0555.
    package static func program(_ hash: ContentHash) -> String { "programs/\(hash.hex)" }
    /// An image's folder: `tree`, which a cell sees as its root, and `image.json` with what it is.
    package static func rootfs(_ hash: ContentHash) -> String { "rootfs/\(hash.hex)" }
}
