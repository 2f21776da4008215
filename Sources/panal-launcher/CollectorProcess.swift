internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// Collects the results of a run that has left many files, in a process of its own beside the launcher: to look through a
/// hundred thousand entries takes half a second, for which no other cell's start, deadline or end may wait. The process has
/// nothing but the run's scratch and a line to the launcher, on which each finding comes as a message.
final class CollectorProcess {
    let end: RunEnd
    let line: Descriptor
    private let process: Int32
    /// What has come so far; the descriptors are this object's.
    private var found: [(report: Report, file: Int32?)] = []
    /// Why the results are not whole.
    private(set) var failure: StepFailure?

    private static let step = "collect.process"
    /// More entries than that are not looked through by the launcher itself: they take about a millisecond.
    private static let many: Int64 = 256

    static func isWanted(for scratch: borrowing Descriptor) -> Bool { panal_used_inodes(scratch.raw) > many }

    init(_ end: RunEnd, _ scratch: borrowing Descriptor) throws(StepFailure) {
        self.end = end
        let ends = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            try Descriptor.messageSockets()
        }
        line = Descriptor(owning: ends.first)
        let theirs = Descriptor(owning: ends.second)
        var pidfd: Int32 = -1
        process = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_fork(0, -1, &pidfd), "clone3")
        }
        if process == 0 { Self.serve(theirs.release(), end.request, scratch) }
        close(pidfd)
        close(theirs.release())
    }

    deinit {
        // Whatever it is at, nobody wants to know any more.
        kill(process, SIGKILL)
        var status: Int32 = 0
        _ = unsafe panal_wait(process, &status)
        for finding in found { if let file = finding.file { close(file) } }
    }

    // MARK: The launcher's side

    /// Takes what has come, a moment's worth at a time; true when there is no more.
    func take() -> Bool {
        let until = panal_monotonic_ns() + 2_000_000
        do throws(StepFailure) {
            repeat {
                let message = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
                    try MessageSocket.receive(line)
                }
                guard let message else { return false }
                if try take(message.bytes, message.descriptors) { return true }
            } while panal_monotonic_ns() < until
            return false
        } catch {
            failure = error
            return true
        }
    }

    /// The findings, each with a descriptor that becomes the caller's, or none.
    func takeFindings() -> [(report: Report, file: Int32?)] {
        defer { found = [] }
        return found
    }

    private func take(_ bytes: [UInt8], _ descriptors: [Int32]) throws(StepFailure) -> Bool {
        let answer: Answer?
        do throws(ProtocolError) {
            answer = bytes.isEmpty ? nil : try Answer(decoding: bytes)
        } catch {
            for number in descriptors { close(number) }
            throw .mismatch(Self.step, "the answer is not readable: \(error)")
        }
        switch answer {
        case nil: throw .mismatch(Self.step, "the process that looks for results has ended before it was done")
        case .done: return true
        case .failed(let step): throw StepFailure(step: step.step, detail: step.detail, errno: step.errno)
        case .found(let report):
            found.append((report, descriptors.first))
            if case .file = report, descriptors.count != 1 {
                throw .mismatch(Self.step, "a result came without its file")
            }
            return false
        }
    }

    // MARK: The process

    private enum Answer {
        case found(Report)
        case failed(StepReport)
        case done

        func encoded() -> [UInt8] {
            var writer = ByteWriter()
            switch self {
            case .found(let report): return [1] + report.encoded()
            case .failed(let step):
                writer.put(UInt8(2))
                step.write(to: &writer)
            case .done: writer.put(UInt8(3))
            }
            return writer.bytes
        }

        init(decoding bytes: [UInt8]) throws(ProtocolError) {
            if bytes.first == 1 {
                self = .found(try Report(decoding: Array(bytes.dropFirst())))
                return
            }
            var reader = ByteReader(bytes)
            switch try reader.number(UInt8.self) {
            case 2: self = .failed(try StepReport(from: &reader))
            case 3: self = .done
            default: throw .unknownKind
            }
            guard reader.isAtEnd else { throw .trailingBytes }
        }
    }

    private static func serve(_ number: Int32, _ request: RunRequest, _ scratch: borrowing Descriptor) -> Never {
        let line = Descriptor(owning: number)
        guard (try? Processes.closeAll(but: [0, 1, 2, number, scratch.raw])) != nil else { panal_exit(1) }
        _ = panal_set_parent_death_signal(SIGKILL)
        var collector = Collector(
            request,
            take: { path, bytes, file in
                send(.found(.file(id: request.id, path: path, bytes: bytes)), file, line)
                close(file)
            },
            skip: { send(.found(Collector.skipped($0, $1, of: request)), nil, line) })
        do throws(StepFailure) {
            try collector.collect(scratch: scratch)
            send(.done, nil, line)
        } catch {
            send(.failed(StepReport(step: error.step, errno: error.errno, detail: error.detail)), nil, line)
        }
        panal_exit(0)
    }

    private static func send(_ answer: Answer, _ file: Int32?, _ line: borrowing Descriptor) {
        while true {
            switch MessageSocket.send(line, answer.encoded(), descriptors: file.map { [$0] } ?? [], waiting: true) {
            case .sent: return
            // Too many descriptors are on their way: the launcher takes them.
            case .full: usleep(1_000)
            case .closed: panal_exit(1)
            }
        }
    }
}
