import Hummingbird
import NIOCore
import PanalCore
import PanalManifest
import PanalService

/// A form as it was sent: texts and files by field name, in order.
struct Form: Sendable {
    private(set) var values: [String: [SubmittedValue]] = [:]

    /// The one text of a field; nil when it was not sent. Throws `malformed` when it was sent twice or as a file.
    func text(_ name: String) throws -> String? {
        guard let all = values[name] else { return nil }
        guard all.count == 1 else { throw ServiceError(.malformed, "the field ‘\(name)’ was sent \(all.count) times") }
        guard case .text(let text) = all[0] else {
            throw ServiceError(.malformed, "the field ‘\(name)’ was sent as a file")
        }
        return text
    }

    /// All texts of a field, and of each the words in it.
    func words(_ name: String) -> [String] {
        (values[name] ?? []).flatMap { value -> [String] in
            guard case .text(let text) = value else { return [] }
            return text.split(separator: " ").map(String.init)
        }
    }

    /// The one file of a field; nil when it was not sent or no file was chosen.
    func file(_ name: String) throws -> SubmittedFile? {
        guard let all = values[name] else { return nil }
        guard all.count == 1 else { throw ServiceError(.malformed, "the field ‘\(name)’ was sent \(all.count) times") }
        guard case .file(let file) = all[0] else {
            throw ServiceError(.malformed, "the field ‘\(name)’ was sent as text; send it with a file name")
        }
        return file
    }

    /// The form without the fields of these names.
    func without(_ names: Set<String>) -> Form {
        var form = self
        for name in names { form.values[name] = nil }
        return form
    }

    mutating func append(_ value: SubmittedValue, to name: String) {
        values[name, default: []].append(value)
    }

    /// What was sent for the program's own fields: those that Panal's forms carry beside them begin with `_`, which no
    /// id of a manifest does.
    var submission: Submission { Submission(values: values.filter { !$0.key.hasPrefix("_") }) }
}

/// Reads forms of both kinds from a request, files straight into blobs.
struct FormReader: Sendable {
    let panal: Panal
    /// With whose end the files go; nil for those that stay.
    var held: HeldBlobs?

    /// Bytes of one text field, and of all of them together; a manifest is the largest text that comes this way.
    static let textLimit = 1 << 20
    static let textsLimit = 4 << 20
    /// Files of one form, and as many of the largest ones as they may be together: each is written before anybody knows what it is for.
    static let filesLimit = 200
    static let largestFiles = 4

    /// Reads the whole form. `admit` sees the fields read so far before the first file is taken, and at the end:
    /// whatever must hold before a byte is stored (the form's token) is checked there. Parts named in `texts` are read
    /// as text even where the client gives them a file name.
    func read(
        _ request: Request, as principal: Principal, texts: Set<String> = [],
        admit: @Sendable (Form) throws -> Void = { _ in }
    ) async throws -> Form {
        let contentType = request.headers[.contentType]
        switch HeaderValues.mediaType(contentType) {
        case "application/x-www-form-urlencoded":
            let form = try await Self.readURLEncoded(request)
            try admit(form)
            return form
        case "multipart/form-data":
            guard let boundary = contentType.flatMap({ HeaderValues.parameter("boundary", of: $0) }) else {
                throw ServiceError(.malformed, "Content-Type has no boundary")
            }
            var parser = try MultipartParser(boundary: boundary)
            return try await readMultipart(request, parser: &parser, as: principal, asText: texts, admit: admit)
        default: throw WebError.mediaType(contentType, takes: "multipart/form-data")
        }
    }

    /// A small form without files.
    static func readURLEncoded(_ request: Request) async throws -> Form {
        let contentType = request.headers[.contentType]
        guard HeaderValues.mediaType(contentType) == "application/x-www-form-urlencoded" else {
            throw WebError.mediaType(contentType, takes: "application/x-www-form-urlencoded")
        }
        let body = try await request.body.collect(upTo: textLimit)
        guard let text = String(validating: body.readableBytesView, as: UTF8.self),
            let pairs = PercentCoding.pairs(text)
        else { throw ServiceError(.malformed, "the form's fields cannot be decoded as UTF-8") }
        guard pairs.count <= 1_000 else { throw ServiceError(.malformed, "the form has more than 1000 fields") }
        var form = Form()
        for (name, value) in pairs { form.append(.text(value), to: name) }
        return form
    }

    /// The part that is being read.
    private enum Target {
        case text(name: String, bytes: [UInt8])
        /// The writer is nil where no file was chosen: browsers then send an empty part without a name.
        case file(part: MultipartPart, name: String, writer: (any BlobWriter)?)
    }

    private func readMultipart(
        _ request: Request, parser: inout MultipartParser, as principal: Principal, asText names: Set<String>,
        admit: @Sendable (Form) throws -> Void
    ) async throws -> Form {
        var form = Form()
        var target: Target?
        var (texts, files, bytesOfFiles) = (0, 0, 0)
        let mostBytes = panal.largestUpload.multipliedReportingOverflow(by: Self.largestFiles).partialValue
        do {
            for try await bytes in request.body {
                parser.feed(bytes)
                while let event = try parser.next() {
                    switch event {
                    case .began(let part):
                        if part.fileName == nil || names.contains(part.name) {
                            target = .text(name: part.name, bytes: [])
                        } else {
                            try admit(form)
                            files += 1
                            guard files <= Self.filesLimit else {
                                throw ServiceError(.tooLarge, "the form has more than \(Self.filesLimit) files")
                            }
                            target = try await begin(part, as: principal)
                        }
                    case .bytes(let bytes):
                        if case .file? = target { bytesOfFiles += bytes.readableBytes }
                        guard bytesOfFiles <= mostBytes else {
                            throw ServiceError(
                                .tooLarge,
                                "the files of the form are larger than \(ByteCount.text(mostBytes)) together: send them one by one "
                                    + "to \(Documents.base)/uploads")
                        }
                        texts += try await add(bytes, to: &target)
                        guard texts <= Self.textsLimit else {
                            throw ServiceError(.tooLarge, "the texts of the form are larger than 4 MiB together")
                        }
                    case .ended:
                        try await end(&target, in: &form)
                    }
                }
            }
            try parser.finish()
        } catch {
            if case .file(_, _, let writer?)? = target { await writer.discard() }
            throw error
        }
        try admit(form)
        return form
    }

    private func begin(_ part: MultipartPart, as principal: Principal) async throws -> Target {
        let fileName = part.fileName ?? ""
        let writer = fileName.isEmpty ? nil : try await panal.upload(principal, limit: nil, for: held)
        return .file(part: part, name: fileName, writer: writer)
    }

    /// Answers how many bytes went into texts.
    private func add(_ bytes: ByteBuffer, to target: inout Target?) async throws -> Int {
        switch target {
        case .text(let name, var collected):
            // The copy that stays in `target` would make each append a copy of all.
            target = nil
            collected += bytes.readableBytesView
            guard collected.count <= Self.textLimit else {
                throw ServiceError(.tooLarge, "the field ‘\(name)’ is larger than 1 MiB")
            }
            target = .text(name: name, bytes: collected)
            return bytes.readableBytes
        case .file(let part, _, let writer):
            guard let writer else {
                throw ServiceError(.malformed, "the file of the field ‘\(part.name)’ has no name")
            }
            try await writer.append(Array(bytes.readableBytesView))
            return 0
        case nil: return 0
        }
    }

    private func end(_ target: inout Target?, in form: inout Form) async throws {
        switch target {
        case .text(let name, let bytes):
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw ServiceError(.malformed, "the field ‘\(name)’ is not UTF-8")
            }
            form.append(.text(text), to: name)
        case .file(let part, let name, let writer?):
            let (content, size) = try await writer.finish()
            held?.note(content)
            form.append(
                .file(SubmittedFile(name: name, content: content, bytes: size, mediaType: part.mediaType)),
                to: part.name)
        case .file, nil: break
        }
        target = nil
    }
}
