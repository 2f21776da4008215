import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import PanalCore
import PanalManifest
import PanalService

/// How the programming interface shows what the service knows: times in RFC 3339, sizes in bytes, spans in seconds.
enum Documents {
    static let base = "/api/v1"

    static func program(_ entry: ProgramEntry) -> JSONValue {
        let path = "\(base)/programs/\(entry.program.name)"
        return object([
            "name": .string(entry.program.name), "label": .string(entry.manifest.name),
            "description": entry.manifest.description.map(JSONValue.string), "owner": .string(entry.ownerName),
            "public": .boolean(entry.program.isPublic), "created": time(entry.program.created),
            "latest": .integer(entry.program.latest), "version": .integer(entry.version.number),
            "sha256": .string(entry.version.content.hex), "bytes": .integer(entry.version.size),
            "entry": .string(entry.version.entry), "published": time(entry.version.published), "url": .string(path),
            "schema": .string("\(path)/schema?version=\(entry.version.number)"), "jobs": .string("\(path)/jobs"),
            "tests": entry.version.tests.map(tests),
        ])
    }

    private static func tests(_ record: TestRecord) -> JSONValue {
        .object([
            "passed": .boolean(record.hasPassed), "at": time(record.at),
            "failures": .array(
                record.failures.map {
                    .object(["pointer": .string($0.pointer), "detail": .string($0.detail)])
                }),
        ])
    }

    static func job(_ job: Job) -> JSONValue {
        let path = "\(base)/jobs/\(job.id)"
        return object([
            "id": .string(job.id.text), "program": .string(job.programName), "version": .integer(job.version),
            "owner": .string(job.owner.text), "profile": .string(job.profile),
            "priority": .string(job.priority.rawValue), "batch": job.batch.map { .string($0.text) },
            "attempt": .integer(job.attempt), "state": .string(job.state.rawValue),
            "final": .boolean(job.state.isFinal),
            "estimatedStart": job.estimatedStart.map(time),
            "ahead": job.ahead.map(JSONValue.integer),
            "standsStillFor": job.standstill.map { .string($0.rawValue) },
            "submitted": time(job.submitted), "started": job.started.map(time), "ended": job.ended.map(time),
            "message": job.message.map(JSONValue.string), "outcome": job.outcome.map { outcome($0, job.meaning) },
            "usage": job.usage.map(usage), "cores": job.cores.map { .array($0.map(JSONValue.integer)) },
            "fields": .array(
                job.fields.map {
                    .object(["id": .string($0.id), "label": .string($0.label), "value": .string($0.value)])
                }),
            "stdout": stream(job.output, path: "\(path)/stdout"), "stderr": stream(job.error, path: "\(path)/stderr"),
            "files": .array(job.files.map { file($0, job: job.id) }), "url": .string(path),
            "charge": job.charge.map(CreditDocuments.charge), "kept": .boolean(job.keeping.isKept),
            "outputsExpireAt": job.outputsExpire.map(time), "rootfs": job.rootfs.map(JSONValue.string),
            "writable": job.hasWritableRoot == true ? .boolean(true) : nil,
            "copies": job.copies.isEmpty ? nil : .array(job.copies.map { .string($0.text) }),
            "outputsRemoved": job.keeping.removal.flatMap { $0.isEmpty ? nil : removal($0) },
        ])
    }

    static func removal(_ removal: OutputRemoval) -> JSONValue {
        .object([
            "at": time(removal.at), "cause": .string(removal.cause.rawValue), "bytes": .integer(removal.bytes),
            "files": .integer(removal.files),
        ])
    }

    static func file(_ file: JobFile, job: JobID) -> JSONValue {
        .object([
            "path": .string(file.path), "bytes": .integer(file.bytes), "sha256": .string(file.content.hex),
            "url": .string("\(base)/jobs/\(job)/files/\(PercentCoding.encoded(file.path, also: "/"))"),
        ])
    }

    private static func stream(_ state: StreamState, path: String) -> JSONValue {
        .object(["bytes": .integer(state.bytes), "truncated": .boolean(state.truncated), "url": .string(path)])
    }

    static func outcome(_ outcome: Outcome, _ meaning: JobMeaning? = nil) -> JSONValue {
        var fields: [String: JSONValue?] = [
            "type": .string(outcome.word), "sentence": .string(outcome.sentence),
            "success": .boolean(meaning?.isSuccess ?? outcome.isSuccess),
            "message": meaning.map { .string($0.message) },
        ]
        switch outcome {
        case .exited(let code): fields["code"] = .integer(code)
        case .signalled(let signal): fields["signal"] = .integer(signal)
        case .notStarted(let reason): fields["reason"] = .string(reason)
        case .systemError(let error):
            fields["step"] = .string(error.step)
            fields["errno"] = .integer(error.errno)
            fields["detail"] = .string(error.detail)
        case .cpuTimeExceeded, .wallTimeExceeded, .memoryExceeded, .outputExceeded, .syscallDenied, .cancelled: break
        }
        return object(fields)
    }

    static func usage(_ usage: ResourceUsage) -> JSONValue {
        object([
            "cpuUserSeconds": seconds(usage.cpuUserMicroseconds),
            "cpuSystemSeconds": seconds(usage.cpuSystemMicroseconds),
            "wallSeconds": seconds(usage.wallMicroseconds), "peakMemoryBytes": .integer(Int(usage.peakMemoryBytes)),
            "peakProcesses": usage.peakProcesses.map(JSONValue.integer),
            "voluntaryContextSwitches": .integer(Int(usage.voluntaryContextSwitches)),
            "forcedContextSwitches": .integer(Int(usage.forcedContextSwitches)),
            "throttledSeconds": seconds(usage.throttledMicroseconds),
            "frozenSeconds": usage.frozenMicroseconds.map(seconds),
            "bytesRead": usage.bytesRead.map { .integer(Int($0)) },
            "bytesWritten": usage.bytesWritten.map { .integer(Int($0)) },
            "maxResidentBytes": usage.maxResidentBytes.map { .integer(Int($0)) },
            "outOfMemoryKills": usage.outOfMemoryKills.map(JSONValue.integer),
            "cpuPressureSeconds": usage.pressure.map { seconds($0.cpuMicroseconds) },
            "memoryPressureSeconds": usage.pressure.map { seconds($0.memoryMicroseconds) },
            "ioPressureSeconds": usage.pressure.map { seconds($0.ioMicroseconds) },
        ])
    }

    static func event(_ event: JobEvent) -> JSONValue {
        object([
            "at": time(event.at), "state": .string(event.state.rawValue),
            "message": event.message.map(JSONValue.string),
        ])
    }

    static func profile(_ availability: ProfileAvailability) -> JSONValue {
        let limits = availability.profile.limits
        var fields: [String: JSONValue?] = [
            "name": .string(availability.profile.name), "summary": .string(availability.profile.summary),
            "available": .boolean(availability.refusal == nil), "reason": availability.refusal.map(JSONValue.string),
            "memoryBytes": .integer(limits.memory), "processes": .integer(limits.processes),
            "wallSeconds": .number(limits.wallTime.inSeconds), "cpuSeconds": .number(limits.cpuTime.inSeconds),
            "scratchBytes": .integer(limits.scratchBytes), "scratchFiles": .integer(limits.scratchFiles),
            "outputBytes": .integer(limits.outputBytes), "collectedFiles": .integer(limits.collectedFiles),
            "collectedBytes": .integer(limits.collectedBytes), "seccomp": .string(availability.profile.seccomp),
            "network": .string(availability.profile.network.rawValue),
            "diskReadBytesPerSecond": limits.diskRead.map(JSONValue.integer),
            "price": CreditDocuments.price(availability.profile),
        ]
        switch limits.cpu {
        case .exclusive(let cores):
            fields["cores"] = .integer(cores)
            fields["exclusive"] = .boolean(true)
        case .shared(let millicores):
            fields["cores"] = .number(Double(millicores) / 1_000)
            fields["exclusive"] = .boolean(false)
            fields["burstSeconds"] = .number(limits.cpuBurst.inSeconds)
        }
        return object(fields)
    }

    static func user(_ user: User) -> JSONValue {
        .object([
            "id": .string(user.id.text), "name": .string(user.name), "role": .string(user.role.rawValue),
            "status": .string(user.status.rawValue), "created": time(user.created),
        ])
    }

    static func key(_ key: APIKey) -> JSONValue {
        object([
            "id": .string(key.id.text), "label": .string(key.label), "created": time(key.created),
            "expires": key.expires.map(time),
            "scopes": .array(KeyScope.allCases.filter(key.scopes.contains).map { .string($0.rawValue) }),
            "lastUsed": key.lastUsed.map(time), "previousHoldsUntil": key.previousHoldsUntil.map(time),
        ])
    }

    /// An object without the members that are nil.
    static func object(_ members: [String: JSONValue?]) -> JSONValue { .object(members.compactMapValues { $0 }) }

    static func time(_ moment: Timestamp) -> JSONValue { .string(moment.rfc3339) }

    private static func seconds(_ microseconds: Int64) -> JSONValue { .number(Double(microseconds) / 1_000_000) }
}

/// What comes in as JSON.
enum JSONBody {
    static let limit = 1 << 20

    /// The request's body as an object. Throws `unsupported` for another media type, `malformed` for what is no object.
    static func read(_ request: Request) async throws -> [String: JSONValue] {
        let type = request.headers[.contentType]
        guard HeaderValues.mediaType(type) == "application/json" else {
            throw WebError.mediaType(type, takes: "application/json")
        }
        let body = try await request.body.collect(upTo: limit)
        let value: JSONValue
        do {
            // Not by a general decoder, which tries each value as every kind: deep nesting would take it minutes.
            value = try JSONReader.read(Array(body.readableBytesView))
        } catch {
            throw ServiceError(.malformed, "the body is not JSON: \(error.detail)")
        }
        guard case .object(let members) = value else {
            throw ServiceError(.malformed, "the body is \(value.kind), not an object")
        }
        return members
    }

    /// Refuses members that nobody would read.
    static func expect(_ names: Set<String>, in members: [String: JSONValue]) throws {
        let unknown = members.keys.filter { !names.contains($0) }.sorted()
        guard unknown.isEmpty else {
            let known = names.sorted().joined(separator: ", ")
            throw ServiceError(
                .invalid, "there are members that this request does not have",
                mistakes: unknown.map { Mistake(pointer: "/\($0)", detail: "unknown; known are \(known)") })
        }
    }

    static func text(_ name: String, in members: [String: JSONValue]) throws -> String? {
        switch members[name] {
        case nil, .null: nil
        case .string(let text): text
        case let other?: throw wrong(name, "a text", other)
        }
    }

    static func integer(_ name: String, in members: [String: JSONValue]) throws -> Int? {
        switch members[name] {
        case nil, .null: nil
        case .integer(let value): value
        case .number(let value) where Int(exactly: value) != nil: Int(exactly: value)
        case let other?: throw wrong(name, "a whole number", other)
        }
    }

    static func number(_ name: String, in members: [String: JSONValue]) throws -> Double? {
        switch members[name] {
        case nil, .null: nil
        case .integer(let value): Double(value)
        case .number(let value): value
        case let other?: throw wrong(name, "a number", other)
        }
    }

    static func texts(_ name: String, in members: [String: JSONValue]) throws -> [String]? {
        guard let value = members[name], value != .null else { return nil }
        guard case .array(let list) = value else { throw wrong(name, "a list of texts", value) }
        return try list.map { element in
            guard case .string(let text) = element else { throw wrong(name, "a list of texts", element) }
            return text
        }
    }

    static func list(_ name: String, in members: [String: JSONValue]) throws -> [JSONValue]? {
        switch members[name] {
        case nil, .null: nil
        case .array(let list): list
        case let other?: throw wrong(name, "a list", other)
        }
    }

    static func boolean(_ name: String, in members: [String: JSONValue]) throws -> Bool? {
        switch members[name] {
        case nil, .null: nil
        case .boolean(let value): value
        case let other?: throw wrong(name, "true or false", other)
        }
    }

    private static func wrong(_ name: String, _ expected: String, _ found: JSONValue) -> ServiceError {
        ServiceError(
            .invalid, "a member is of another kind",
            mistakes: [Mistake(pointer: "/\(name)", detail: "expected \(expected), found \(found.kind)")])
    }

    static func required(_ name: String) -> ServiceError {
        ServiceError(
            .invalid, "a member is missing", mistakes: [Mistake(pointer: "/\(name)", detail: "is required")])
    }
}
