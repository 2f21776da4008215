import Glibc

// Fuzzes what the launcher reads of a server that may be anybody's by then, and what the server reads of the launcher. Built by
// `Scripts/fuzz` together with the sources of PanalLauncherProtocol as one module; it is no target of the package.

/// The first byte chooses what the rest is taken for.
enum Subject: UInt8, CaseIterable {
    case command, table, report
    /// A table and then, behind its length, a command that is held against it.
    case pair
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = bytes.first else { return 0 }
    let rest = Array(bytes.dropFirst())
    switch Subject(rawValue: first % UInt8(Subject.allCases.count)) {
    case .command: tryCommand(rest, by: Seeds.table)
    case .table: _ = tryTable(rest)
    case .report: tryReport(rest)
    case .pair, nil: tryPair(rest)
    }
    return 0
}

/// Before anything is tried: writes the seeds into the folder that `PANAL_FUZZ_SEEDS` names, and ends.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>?,
    _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>>>?
) -> CInt {
    guard let folder = getenv("PANAL_FUZZ_SEEDS") else { return 0 }
    for (number, seed) in Seeds.all.enumerated() {
        let file = fopen("\(String(cString: folder))/seed-\(number)", "w")
        precondition(file != nil, "the seed cannot be written")
        fwrite(seed, 1, seed.count, file)
        fclose(file)
    }
    exit(0)
}

private func tryCommand(_ bytes: [UInt8], by table: LauncherTable) {
    guard let command = try? Command(decoding: bytes) else { return }
    precondition((try? Command(decoding: command.encoded())) == command, "a command changes on its way")
    guard case .run(let request) = command else { return }
    if RequestCheck.refusal(of: request, by: table) == nil { holdAgainst(table, request) }
}

/// What must be true of every request that is carried out, said in other words than `RequestCheck` says it.
private func holdAgainst(_ table: LauncherTable, _ request: RunRequest) {
    if case .image(let digest) = request.rootfs {
        precondition(!table.imageFolder.isEmpty, "there are no images")
        precondition(digest.path.utf8.count == 76 && isInside(digest.path), "\(digest.path) leads elsewhere")
    }
    precondition(table.seccomp.indices.contains(Int(request.seccomp)))
    precondition(!request.cores.isEmpty && request.cores.allSatisfy(table.cores.contains))
    precondition(Set(request.cores).count == request.cores.count)
    precondition(request.memory <= table.memory && request.memory >= 4 << 20 && request.memory % 4_096 == 0)
    precondition(request.processes <= table.processes && request.processes > 1)
    precondition(request.wallMicroseconds <= table.wallMicroseconds && request.wallMicroseconds > 0)
    precondition(request.cpuMicroseconds / UInt64(request.cores.count) <= table.wallMicroseconds)
    precondition(request.exclusive == (request.quota == 0))
    precondition(!request.hasWritableRoot || request.rootfs != .host)
    precondition(request.scratchBytes > 0 && request.scratchFiles > 0 && request.openFiles > 2)
    precondition(request.arguments.first?.isEmpty == false)
    precondition(request.diskRead == 0 || table.limitsReading && request.diskRead >= 1 << 20)
    for path in [request.program] + request.inputs.map(\.source) where !path.isEmpty {
        precondition(!table.dataFolder.isEmpty, "there is no data folder for \(path)")
        precondition(isInside(path), "\(path) leads elsewhere")
    }
    for input in request.inputs {
        for name in [input.field, input.name] {
            precondition(!name.isEmpty && !name.contains("/") && name != "." && name != "..", "‘\(name)’ is no name")
        }
    }
    for text in request.arguments + request.environment + [request.program] {
        precondition(!text.utf8.contains(0), "a text ends before its end")
    }
}

/// Walks a path by its parts: never above where it starts, never from the root.
private func isInside(_ path: String) -> Bool {
    path.utf8.first != 47 && !path.split(separator: "/").contains("..")
}

private func tryTable(_ bytes: [UInt8]) -> LauncherTable? {
    guard let table = try? LauncherTable(decoding: bytes) else { return nil }
    precondition((try? LauncherTable(decoding: table.encoded())) == table, "a table changes on its way")
    precondition(table.firstUser > 0 && table.firstUser < table.lastUser, "root is among the cells' users")
    precondition(!table.instance.isEmpty && !table.instance.contains("/") && !table.instance.contains("."))
    return table
}

private func tryReport(_ bytes: [UInt8]) {
    guard let report = try? Report(decoding: bytes) else { return }
    precondition((try? Report(decoding: report.encoded())) == report, "a report changes on its way")
}

private func tryPair(_ bytes: [UInt8]) {
    guard bytes.count > 2 else { return }
    let length = Int(bytes[0]) << 8 | Int(bytes[1])
    guard let table = tryTable(Array(bytes.dropFirst(2).prefix(length))) else { return }
    tryCommand(Array(bytes.dropFirst(2 + length)), by: table)
}

enum Seeds {
    static let table = LauncherTable(
        instance: "fuzz", dataFolder: "/data", imageFolder: "/data",
        seccomp: [LauncherTable.Filter(instructions: [UInt8](repeating: 6, count: 8), makesSockets: false)],
        firstUser: 2_000_000_000, lastUser: 2_000_000_128, cores: [0, 1, 2, 3], memory: 1 << 32,
        wallMicroseconds: 1 << 40, processes: 32_768, prepared: 2, keepSeconds: 600, limitsReading: true)

    static let request = RunRequest(
        id: 7, label: [1, 2, 3], rootfs: .host, seccomp: 0, cores: [1, 2], exclusive: true, quota: 0, memory: 1 << 30,
        processes: 64,
        wallMicroseconds: 1_000_000, cpuMicroseconds: 1_000_000, scratchBytes: 1 << 20, scratchFiles: 100,
        collectedFiles: 10, collectedBytes: 1 << 20, openFiles: 64, fileBytes: 1 << 20, program: "programs/ab",
        inputs: [.init(field: "image", name: "a b.png", source: "blobs/ab/cd")], arguments: ["/program/x", "-v"],
        environment: ["PATH=/bin"])

    /// Each kind of message at least once, correct, and a few that are nearly so.
    static var all: [[UInt8]] {
        var shared = request
        (shared.exclusive, shared.quota, shared.inputs, shared.program) = (false, 50_000, [], "")
        var upwards = request
        upwards.program = "../etc"
        var imaged = request
        if let digest = ImageDigest(hex: String(repeating: "0f", count: 32)) { imaged.rootfs = .image(digest) }
        var writable = imaged
        writable.hasWritableRoot = true
        var hosts = request
        hosts.hasWritableRoot = true
        var slow = request
        slow.diskRead = 50 << 20
        let commands: [Command] = [
            .run(request), .run(shared), .run(upwards), .run(imaged), .run(writable), .run(hosts), .run(slow),
            .kill(id: 7, cause: .cancelled), .stop, .claim,
            .resume(id: 7), .forget(id: 7), .freeze(id: 7), .thaw(id: 7), .sample(id: 7),
            .copyChanges(id: 7, maximumBytes: 1 << 30),
        ]
        let step = StepReport(step: "mount.proc", errno: 1, detail: "mount(proc): Operation not permitted")
        let endings: [FinishReport.Ending] = [
            .exited(0), .signalled(9), .notExecuted(errno: 2, isThere: true), .killed, .failed(step),
        ]
        let reports: [Report] =
            [
                .ready(
                    cores: [0, 1], memory: 1 << 30, freezes: true, writesRoots: true,
                    readingRefusal: "the controller io"),
                .unusable(step), .started(id: 1, at: 5),
                .held(
                    HeldReport(
                        id: 1, label: [1, 2], cores: [0], memory: 1 << 20, started: 5, isFinished: true,
                        isFrozen: false)), .taken, .otherTable, .freezing(id: 1, isFrozen: false, step),
                .sampled(id: 1, SampleReport(wallTime: 5, cpuTime: 4, memory: 3, processes: 2)),
                .copied(id: 1, .done(bytes: 1_024, skipped: ["a: it is a socket"])), .copied(id: 1, .failed(step)),
                .file(id: 1, path: "a/b", bytes: 3), .skipped(id: 1, path: "c", reason: "it is a symbolic link"),
            ] + endings.map { .finished(id: 1, FinishReport(ending: $0, cause: .memory, userTime: -1)) }
        let known = table.encoded()
        let length = [UInt8(known.count >> 8), UInt8(known.count & 0xff)]
        var all: [[UInt8]] = [[Subject.table.rawValue] + known]
        for command in commands {
            let bytes = command.encoded()
            all.append([Subject.command.rawValue] + bytes)
            all.append([Subject.pair.rawValue] + length + known + bytes)
        }
        for report in reports { all.append([Subject.report.rawValue] + report.encoded()) }
        return all
    }
}
