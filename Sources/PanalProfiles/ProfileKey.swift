import PanalCore

/// The settings of a profile, and what each may be.
enum ProfileKey: String, CaseIterable {
    case summary, cores, memory, processes, time
    case cpuTime = "cpu-time"
    case cpuBurst = "cpu-burst"
    case scratch
    case scratchFiles = "scratch-files"
    case output
    case resultFiles = "result-files"
    case results
    case openFiles = "open-files"
    case fileSize = "file-size"
    case diskRead = "disk-read"
    case seccomp, network, price
    case memoryPrice = "memory-price"
    case opportunisticPrice = "opportunistic-price"

    /// What a value is.
    enum Kind {
        case text
        case cores
        case bytes(ClosedRange<Int>)
        /// Bytes in each second.
        case rate(ClosedRange<Int>)
        case count(ClosedRange<Int>)
        /// Seconds.
        case time(ClosedRange<Int>)
        /// Credits for an hour or a second.
        case price
    }

    /// A week.
    static let longestTime = 604_800

    /// Within what the launcher takes: a profile beyond would be refused at each run.
    var kind: Kind {
        let mebibyte = 1 << 20
        return switch self {
        case .summary, .seccomp, .network: .text
        case .cores: .cores
        case .memory: .bytes(4 * mebibyte...(1 << 44))
        case .scratch: .bytes(mebibyte...(1 << 40))
        case .output: .bytes(1_024...(1 << 34))
        case .results: .bytes(0...(1 << 40))
        case .fileSize: .bytes(mebibyte...(1 << 40))
        case .diskRead: .rate(mebibyte...(1 << 44))
        case .processes: .count(2...32_768)
        case .scratchFiles: .count(16...10_000_000)
        case .resultFiles: .count(0...10_000)
        case .openFiles: .count(16...65_536)
        case .time, .cpuBurst: .time(1...Self.longestTime)
        // Of all cores together.
        case .cpuTime: .time(1...4_096 * Self.longestTime)
        case .price, .memoryPrice, .opportunisticPrice: .price
        }
    }

    /// An example of a right value.
    var example: String {
        switch self {
        case .summary: "for quick tasks"
        case .cores: "1"
        case .memory: "1GiB"
        case .processes: "256"
        case .time, .cpuTime: "10min"
        case .cpuBurst: "20ms"
        case .scratch: "512MiB"
        case .scratchFiles: "10000"
        case .output: "16MiB"
        case .resultFiles: "1000"
        case .results: "256MiB"
        case .openFiles: "1024"
        case .fileSize: "256MiB"
        case .diskRead: "50MiB/s"
        case .seccomp: "default"
        case .network: "none"
        case .price: "0.04/h"
        case .memoryPrice: "0.005/h"
        case .opportunisticPrice: "0.01/h"
        }
    }

    /// Whether a profile may leave it out, its defaults too; what then holds is the least, and of `disk-read` no limit.
    var isOptional: Bool {
        switch self {
        case .summary, .network, .cpuBurst, .diskRead, .price, .memoryPrice, .opportunisticPrice: true
        default: false
        }
    }

    /// A whole host may be one profile: this many cores at most.
    static let maximumCores = 4_096

    /// What is probably meant by another word.
    static let synonyms: [String: ProfileKey] = [
        "cpu": .cores, "cpus": .cores, "core": .cores, "ram": .memory, "mem": .memory, "pids": .processes,
        "process": .processes, "threads": .processes, "walltime": .time, "wall-time": .time, "timeout": .time,
        "cputime": .cpuTime, "cpu_time": .cpuTime,
        "burst": .cpuBurst, "cpu_burst": .cpuBurst, "disk": .scratch, "tmp": .scratch, "scratch_files": .scratchFiles,
        "inodes": .scratchFiles, "stdout": .output, "output-bytes": .output, "files": .resultFiles,
        "result_files": .resultFiles, "open_files": .openFiles, "nofile": .openFiles, "file_size": .fileSize,
        "fsize": .fileSize, "disk_read": .diskRead, "diskRead": .diskRead, "read": .diskRead, "bandwidth": .diskRead,
        "io": .diskRead, "description": .summary, "policy": .seccomp,
        "net": .network, "networks": .network, "loopback": .network,
        "cost": .price, "credits": .price, "core-price": .price, "cpu-price": .price, "memory_price": .memoryPrice,
        "ram-price": .memoryPrice, "opportunistic_price": .opportunisticPrice, "idle-price": .opportunisticPrice,
    ]
}
