package import PanalCore

/// What a run of a test left, as far as its test asks for it.
package struct TestEvidence: Hashable, Sendable {
    package struct File: Hashable, Sendable {
        /// Relative to the work folder.
        package var path: String
        package var bytes: Int
        package var content: ContentHash
        /// Which of `ManifestTest.wantedTexts` it contains.
        package var texts: Set<String>

        package init(path: String, bytes: Int, content: ContentHash, texts: Set<String>) {
            self.path = path
            self.bytes = bytes
            self.content = content
            self.texts = texts
        }
    }

    package struct Stream: Hashable, Sendable {
        /// Whether it contains what the test wants of it; true where it wants nothing.
        package var isAsWanted: Bool
        /// Its last bytes, as text for people.
        package var tail: String

        package init(isAsWanted: Bool, tail: String) {
            self.isAsWanted = isAsWanted
            self.tail = tail
        }
    }

    package var outcome: Outcome
    package var files: [File]
    /// What of the work folder could not be taken, and why.
    package var skipped: [String]
    package var output: Stream
    package var error: Stream

    package init(outcome: Outcome, files: [File], skipped: [String], output: Stream, error: Stream) {
        self.outcome = outcome
        self.files = files
        self.skipped = skipped
        self.output = output
        self.error = error
    }

    /// Bytes of a stream's end that are told.
    package static let tailBytes = 1_000
}

extension ManifestTest {
    /// What result files have to be searched for.
    package var wantedTexts: Set<String> { Set(outputs.compactMap(\.contains)) }

    /// The profile to run under; nil for the server's own choice.
    package func profile(of manifest: Manifest) -> String? {
        profile ?? manifest.resources.profile ?? manifest.resources.smallest
    }

    /// What is not as the test says, each with its place in the manifest; empty where it has passed. `number` is its place in the list,
    /// `longest` how long it was let run.
    ///
    /// A run that has not ended as it should is told of once: what it would have left is not looked for.
    package func mistakes(
        in evidence: TestEvidence, number: Int, of manifest: Manifest, longest: Duration
    ) -> [Mistake] {
        let place = ["tests", String(number)]
        let tail: Remark.Value =
            evidence.error.tail.isEmpty ? .nothing : .remark(Remark(.testTail, .text(evidence.error.tail)))
        func mistake(_ below: [String], _ expected: Remark, _ came: Remark) -> Mistake {
            Mistake(place + below, Remark(.testFailed, .text(name), .remark(expected), .remark(came), tail))
        }
        let code: Int? = if case .exited(let code) = evidence.outcome { code } else { nil }
        let isAsExpected = code.map { code in exitCode.map { $0 == code } ?? manifest.isSuccess(code) } ?? false
        guard isAsExpected else {
            let isLate = evidence.outcome == .wallTimeExceeded && time != nil
            let expected =
                isLate
                ? Remark(.testWantsTime, .text(Quantity.text(longest)))
                : exitCode.map { Remark(.testWantsCode, .number($0)) } ?? Remark(.testWantsSuccess)
            let below = isLate ? ["time"] : exitCode == nil ? [] : ["exitCode"]
            return [mistake(below, expected, Self.end(evidence.outcome, manifest, longest))]
        }
        var mistakes: [Mistake] = []
        for (index, output) in outputs.enumerated() {
            guard let (key, expected, came) = output.fault(in: evidence) else { continue }
            mistakes.append(mistake(["outputs", String(index)] + (key.map { [$0] } ?? []), expected, came))
        }
        for (key, wanted, stream) in [
            ("stdout", standardOutput, evidence.output), ("stderr", standardError, evidence.error),
        ] {
            guard let wanted, !stream.isAsWanted else { continue }
            let came = stream.tail.isEmpty ? Remark(.testWroteNothing) : Remark(.testWrote, .text(stream.tail))
            mistakes.append(
                Mistake(
                    place + [key],
                    Remark(
                        .testFailed, .text(name), .remark(Remark(.testWantsText, .text(Shown.text(wanted)))),
                        .remark(came), key == "stderr" ? .nothing : tail)))
        }
        return mistakes
    }

    private static func end(_ outcome: Outcome, _ manifest: Manifest, _ longest: Duration) -> Remark {
        switch outcome {
        case .exited(let code):
            Remark(
                .testCameCode, .number(code), .optional(.testInBrackets, manifest.exitCodes[code]?.message))
        case .signalled(let signal): Remark(.testCameSignal, .text(SignalName.text(signal)))
        case .notStarted(let reason): Remark(.testCameNotStarted, .text(reason))
        case .cpuTimeExceeded: Remark(.testCameProcessor)
        case .wallTimeExceeded: Remark(.testCameLate, .text(Quantity.text(longest)))
        case .memoryExceeded: Remark(.testCameMemory)
        case .outputExceeded: Remark(.testCameOutput)
        case .syscallDenied: Remark(.testCameCall)
        case .cancelled, .systemError: Remark(.testCameNotStarted, .text(outcome.sentence))
        }
    }

    /// A file of a test that the upload does not hold.
    package static func missingFile(_ path: String, number: Int, field: String) -> Mistake {
        Mistake(["tests", String(number), "inputs", field], Remark(.testFileMissing, .text(path)))
    }

    /// All tests of a publication have taken longer than they may.
    package static func overdue(number: Int, limit: Duration) -> Mistake {
        Mistake(["tests", String(number)], Remark(.testsTakeLong, .text(Quantity.text(limit))))
    }
}

extension ManifestTest.Output {
    /// The key that is not kept, what was expected and what came; nil where some file is as it should be.
    fileprivate func fault(in evidence: TestEvidence) -> (key: String?, expected: Remark, came: Remark)? {
        let pattern = Glob(path)
        let found = evidence.files.filter { pattern.matches($0.path) }
        guard let first = found.first else {
            let names = evidence.files.prefix(10).map(\.path).map { Shown.text($0) }
            let more = evidence.files.count > names.count ? ", …" : ""
            var came =
                names.isEmpty
                ? Remark(.testCameNoFile) : Remark(.testCameFiles, .text(names.joined(separator: ", ") + more))
            if !evidence.skipped.isEmpty {
                came = Remark(
                    .testSkipped, .remark(came), .text(evidence.skipped.map { Shown.text($0) }.joined(separator: "; ")))
            }
            return ("path", Remark(.testWantsFile, .text(path)), came)
        }
        guard !found.contains(where: { fault(of: $0) == nil }), let (key, expected, came) = fault(of: first) else {
            return nil
        }
        return (key, expected, came)
    }

    private func fault(of file: TestEvidence.File) -> (key: String, expected: Remark, came: Remark)? {
        let name = Remark.Value.text(Shown.text(file.path))
        let size = Remark(.testCameBytes, .number(file.bytes))
        if file.bytes < minimumBytes {
            return ("minBytes", Remark(.testWantsAtLeast, name, .number(minimumBytes)), size)
        }
        if let maximumBytes, file.bytes > maximumBytes {
            return ("maxBytes", Remark(.testWantsAtMost, name, .number(maximumBytes)), size)
        }
        if let sha256, sha256 != file.content.hex {
            return (
                "sha256", Remark(.testWantsHash, name, .text(sha256)), Remark(.testCameHash, .text(file.content.hex))
            )
        }
        if let contains, !file.texts.contains(contains) {
            return (
                "contains", Remark(.testWantsFileText, name, .text(Shown.text(contains))),
                Remark(.testCameNoText, .number(file.bytes))
            )
        }
        return nil
    }
}

extension Manifest {
    /// Whether a run that ends with this code counts as a success.
    package func isSuccess(_ code: Int) -> Bool { exitCodes[code]?.isSuccess ?? (code == 0) }
}

extension Shown {
    /// The end of what a program wrote, without what could make a terminal or a page show something else.
    package static func tail(_ bytes: some Sequence<UInt8>) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control where scalar == "\n": shown.append(scalar)
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: shown.append(" ")
            default: shown.append(scalar)
            }
        }
        return String(shown).trimmingWhitespace()
    }
}
