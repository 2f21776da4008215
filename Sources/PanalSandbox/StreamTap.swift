internal import Glibc
internal import PanalCore
internal import PanalLauncherProtocol
internal import PanalLinux

/// The reading end of one of a program's streams: passes on at most the limit, then counts as truncated.
struct StreamTap {
    private(set) var descriptor: Int32
    private(set) var state: StreamState
    private let patience: DiskPatience
    /// Until when nothing is taken, since the disk is full.
    private var pause: ContinuousClock.Instant?
    /// Whether the program may have had to wait for a full disk.
    private(set) var hasWaited = false

    /// `bytes`: what has been passed on before, by an earlier process.
    init(descriptor: Int32, bytes: Int, patience: DiskPatience) {
        self.descriptor = descriptor
        self.patience = patience
        state = StreamState(bytes: bytes)
    }

    var isClosed: Bool { descriptor < 0 }

    var isPaused: Bool { pause.map { ContinuousClock.now < $0 } ?? false }

    /// What to wait for until there are bytes to be taken.
    var awaited: Int32 { isPaused ? -1 : descriptor }

    mutating func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Takes at most 64 KiB. Answers `.output` at the moment at which the limit is first passed.
    mutating func drain(
        limit: Int, to sink: any AttemptSink, _ stream: OutputStream, isKept: Bool
    ) throws -> KillCause? {
        do {
            if isKept { return try drainKept(limit: limit, to: sink, stream) }
            return try drain(limit: limit) { try sink.append($0, to: stream) }
        } catch {
            state.truncated = true
            if isKept { close() }
            throw error
        }
    }

    /// The launcher holds the pipe too: what is not taken out of it stays there for the next process, and that there was more
    /// than the limit must be seen there again. So nothing is taken that is not passed on.
    private mutating func drainKept(limit: Int, to sink: any AttemptSink, _ stream: OutputStream) throws -> KillCause? {
        let room = min(65_536, limit - state.bytes)
        guard room > 0 else {
            switch PipeReading.look(at: descriptor) {
            case .nothingNow: return nil
            case .ended:
                close()
                return nil
            case .moved:
                state.truncated = true
                close()
                return .output
            }
        }
        pause = nil
        // No file is made for a program that writes nothing.
        if state.bytes == 0 {
            switch PipeReading.look(at: descriptor) {
            case .nothingNow: return nil
            case .ended:
                close()
                return nil
            case .moved: break
            }
        }
        do {
            guard let file = try sink.file(of: stream) else {
                return try drain(limit: limit, atMost: room) { try sink.append($0, to: stream) }
            }
            switch try PipeReading.move(from: descriptor, to: file, atMost: room) {
            case .nothingNow: break
            case .ended: close()
            case .moved(let count):
                state.bytes += count
                sink.noteMoved(count, to: stream)
            }
        } catch  where patience.bears(error) {
            // The bytes stay in the pipe, and the program waits when that is full.
            hasWaited = true
            pause = .now + DiskPatience.pause
        }
        return nil
    }

    private mutating func drain(
        limit: Int, atMost size: Int = 65_536, _ keep: (borrowing RawSpan) throws -> Void
    ) throws -> KillCause? {
        var failed = false
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let got = unsafe read(descriptor, buffer.baseAddress, size)
            count = max(0, got)
            failed = got < 0 && (errno == EAGAIN || errno == EINTR)
        }
        if failed { return nil }
        guard !bytes.isEmpty else {
            close()
            return nil
        }
        guard !state.truncated else { return nil }
        let room = min(bytes.count, limit - state.bytes)
        if room > 0 {
            state.bytes += room
            try keep(unsafe bytes.span.bytes.extracting(first: room))
        }
        guard room < bytes.count else { return nil }
        state.truncated = true
        return .output
    }
}
