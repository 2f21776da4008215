import PanalCore

/// An attempt as it is stored: its own names, so that a change of the vocabulary does not change what older rows mean.
struct AttemptDocument: Codable {
    private struct Limits: Codable {
        var cores: Int?
        var millicores: Int?
        /// Missing for none.
        var burstMicroseconds: Int64?
        var memory: Int
        var processes: Int
        var wallMicroseconds: Int64
        var cpuMicroseconds: Int64
        var scratchBytes: Int
        var scratchFiles: Int
        var outputBytes: Int
        var collectedFiles: Int
        var collectedBytes: Int
        var openFiles: Int
        var fileBytes: Int
        /// Missing for no limit.
        var diskRead: Int?

        init(_ limits: CellLimits) {
            switch limits.cpu {
            case .exclusive(let count): cores = count
            case .shared(let part): millicores = part
            }
            burstMicroseconds = limits.cpuBurst > .zero ? limits.cpuBurst.wholeMicroseconds : nil
            memory = limits.memory
            processes = limits.processes
            wallMicroseconds = limits.wallTime.wholeMicroseconds
            cpuMicroseconds = limits.cpuTime.wholeMicroseconds
            scratchBytes = limits.scratchBytes
            scratchFiles = limits.scratchFiles
            outputBytes = limits.outputBytes
            collectedFiles = limits.collectedFiles
            collectedBytes = limits.collectedBytes
            openFiles = limits.openFiles
            fileBytes = limits.fileBytes
            diskRead = limits.diskRead
        }

        /// As the coder writes it.
        var text: String {
            var text = ObjectText()
            text.add("burstMicroseconds", burstMicroseconds)
            text.add("collectedBytes", collectedBytes)
            text.add("collectedFiles", collectedFiles)
            text.add("cores", cores)
            text.add("cpuMicroseconds", cpuMicroseconds)
            text.add("diskRead", diskRead)
            text.add("fileBytes", fileBytes)
            text.add("memory", memory)
            text.add("millicores", millicores)
            text.add("openFiles", openFiles)
            text.add("outputBytes", outputBytes)
            text.add("processes", processes)
            text.add("scratchBytes", scratchBytes)
            text.add("scratchFiles", scratchFiles)
            text.add("wallMicroseconds", wallMicroseconds)
            return text.finished
        }

        func limits() throws -> CellLimits {
            let cpu: CPUGrant
            switch (cores, millicores) {
            case (let count?, nil): cpu = .exclusive(cores: count)
            case (nil, let part?): cpu = .shared(millicores: part)
            default: throw StoreError.damaged("an attempt grants neither whole nor shared cores")
            }
            return CellLimits(
                cpu: cpu, cpuBurst: .microseconds(burstMicroseconds ?? 0), memory: memory, processes: processes,
                wallTime: .microseconds(wallMicroseconds),
                cpuTime: .microseconds(cpuMicroseconds), scratchBytes: scratchBytes, scratchFiles: scratchFiles,
                outputBytes: outputBytes, collectedFiles: collectedFiles, collectedBytes: collectedBytes,
                openFiles: openFiles, fileBytes: fileBytes, diskRead: diskRead)
        }
    }

    private struct Input: Codable {
        var field: String
        var name: String
        var content: ContentHash
    }

    var nonce: UInt64
    private var rootfs: String
    /// Missing in rows of before there was any such thing, and for all others: false.
    private var hasWritableRoot: Bool?
    private var seccomp: String
    /// Missing in rows of before there were networks: none.
    private var network: CellNetwork?
    private var limits: Limits
    private var program: ContentHash?
    private var arguments: [String]
    private var environment: [String]
    private var inputs: [Input]
    private var standardInput: ContentHash?
    /// Missing in rows of before there were idle runs, and for all others: false.
    private var isIdle: Bool?
    /// Whether `arguments` or `environment` hold what a person submitted in confidence.
    private var hasSecrets: Bool

    init(_ attempt: AttemptSpec, hasSecrets: Bool) {
        self.hasSecrets = hasSecrets
        nonce = attempt.id.nonce
        rootfs = attempt.rootfs
        hasWritableRoot = attempt.hasWritableRoot ? true : nil
        seccomp = attempt.seccomp
        network = attempt.network == CellNetwork.none ? nil : attempt.network
        limits = Limits(attempt.limits)
        program = attempt.program
        arguments = attempt.arguments
        environment = attempt.environment
        inputs = attempt.inputs.map { Input(field: $0.field, name: $0.name, content: $0.content) }
        standardInput = attempt.standardInput
        isIdle = attempt.isIdle ? true : nil
    }

    /// As the coder writes it, in a twentieth of its time: each job is written once.
    func text() throws -> String {
        var text = ObjectText()
        try text.add("arguments", document: .array(arguments.map(JSONValue.string)))
        try text.add("environment", document: .array(environment.map(JSONValue.string)))
        text.add("hasSecrets", raw: hasSecrets ? "true" : "false")
        if let hasWritableRoot { text.add("hasWritableRoot", raw: hasWritableRoot ? "true" : "false") }
        let inputs = inputs.map { input -> JSONValue in
            ["content": .string(input.content.hex), "field": .string(input.field), "name": .string(input.name)]
        }
        try text.add("inputs", document: .array(inputs))
        if let isIdle { text.add("isIdle", raw: isIdle ? "true" : "false") }
        text.add("limits", raw: limits.text)
        if let network { text.add("network", network.rawValue) }
        text.add("nonce", nonce)
        if let program { text.add("program", program.hex) }
        try text.add("rootfs", document: .string(rootfs))
        try text.add("seccomp", document: .string(seccomp))
        if let standardInput { text.add("standardInput", standardInput.hex) }
        return text.finished
    }

    /// Removes what may hold a secret; false when there is nothing of the kind.
    mutating func forgetSecrets() -> Bool {
        guard hasSecrets else { return false }
        arguments = []
        environment = []
        hasSecrets = false
        return true
    }

    /// Cores are the scheduler's and given anew at each start.
    func attempt(job: JobID, number: Int) throws -> AttemptSpec {
        AttemptSpec(
            id: AttemptID(job: job, number: number, nonce: nonce), rootfs: rootfs, seccomp: seccomp,
            network: network ?? CellNetwork.none, limits: try limits.limits(), cores: [], program: program,
            arguments: arguments,
            environment: environment,
            inputs: inputs.map { InputFile(field: $0.field, name: $0.name, content: $0.content) },
            standardInput: standardInput, isIdle: isIdle ?? false, hasWritableRoot: hasWritableRoot ?? false)
    }
}
