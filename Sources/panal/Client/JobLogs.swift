import FoundationEssentials
import Glibc
import NIOCore
import NIOHTTP1
import PanalClient
import PanalCore

/// A job's two streams, copied to this process's own.
struct JobLogs: Sendable {
    let client: PanalClient
    let id: String
    var output = true
    var error = true

    private typealias Stream = (name: String, descriptor: Int32)

    private var streams: [Stream] {
        (output ? [("stdout", STDOUT_FILENO)] : []) + (error ? [("stderr", STDERR_FILENO)] : [])
    }

    func once() async throws {
        for stream in streams { _ = try await copy(stream, from: 0) }
    }

    /// As it comes, until the job has ended; answers how it ended.
    func follow() async throws -> ClientAnswer {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for stream in streams { group.addTask { try await follow(stream) } }
            try await group.waitForAll()
        }
        return try await Watch(.job, id, client, isShown: false).end()
    }

    private func follow(_ stream: Stream) async throws {
        let live = LiveStream(client: client, path: JobCommand.path(id, "/\(stream.name)"))
        let end = try await live.follow { bytes in
            try StandardOutput.write(ByteBuffer(bytes: bytes), to: stream.descriptor)
        } restarted: {
            StandardError.line("job \(id) begins again, and its \(stream.name) with it")
        }
        guard case .notLive(let bytes) = end else { return }
        StandardError.line("this server, or a proxy before it, has no live \(stream.name); asking each second instead")
        try await poll(stream, from: bytes)
    }

    private func poll(_ stream: Stream, from start: Int) async throws {
        let watch = Watch(.job, id, client, isShown: false)
        var offset = start
        while true {
            // The state is asked for first: what was written before the end is then there to be read.
            let isOver = try await watch.state(waiting: 1).document["final"]?.flag == true
            offset = try await copy(stream, from: offset)
            if isOver { return }
        }
    }

    private func copy(_ stream: Stream, from offset: Int) async throws -> Int {
        try await RangedBytes(client: client, path: JobCommand.path(id, "/\(stream.name)")).copy(from: offset) {
            piece in
            try StandardOutput.write(piece, to: stream.descriptor)
        }
    }
}
