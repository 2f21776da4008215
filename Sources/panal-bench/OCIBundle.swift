import FoundationEssentials
import Glibc
import PanalCore

/// A container for crun with what a cell has: the same namespaces, the host's /usr read-only, no capabilities, limits on
/// memory and processes.
struct OCIBundle {
    let folder: String
    /// Of this process and this worker alone, so that nobody else's groups are touched.
    private let name: String

    init(arguments: [String], worker: Int) throws {
        name = "panal-bench-crun-\(getpid())-\(worker)"
        folder = FileManager.default.temporaryDirectory.appending(path: "panal-bench-\(getpid())-\(worker)").path
        try FileManager.default.createDirectory(atPath: "\(folder)/rootfs", withIntermediateDirectories: true)
        for link in ["bin", "lib", "lib64", "sbin"] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/rootfs/\(link)", withDestinationPath: "usr/\(link)")
        }
        try configuration(arguments).serialized().write(to: URL(filePath: "\(folder)/config.json"))
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// What runs it once.
    var command: PreparedCommand {
        PreparedCommand(
            "/usr/bin/crun",
            ["--cgroup-manager=cgroupfs", "--root", "\(folder)/state", "run", "--bundle", folder, name])
    }

    private func configuration(_ arguments: [String]) -> JSONValue {
        [
            "ociVersion": "1.0.0",
            "process": [
                "terminal": false, "user": ["uid": 65_534, "gid": 65_534], "cwd": "/", "noNewPrivileges": true,
                "args": .array(arguments.map { .string($0) }), "env": ["PATH=/usr/bin:/bin"],
                "capabilities": ["bounding": [], "effective": [], "permitted": [], "inheritable": [], "ambient": []],
            ],
            "root": ["path": "rootfs", "readonly": true], "hostname": "cell",
            "mounts": [
                mount("/proc", "proc", ["nosuid", "noexec", "nodev"]),
                mount("/dev", "tmpfs", ["nosuid", "mode=755", "size=64k"]),
                mount("/tmp", "tmpfs", ["nosuid", "nodev", "size=64m"]),
                mount("/work", "tmpfs", ["nosuid", "nodev", "size=64m"]),
                [
                    "destination": "/usr", "type": "bind", "source": "/usr",
                    "options": ["bind", "ro", "nosuid", "nodev"],
                ],
            ],
            "linux": [
                "cgroupsPath": .string("/\(name)"),
                "resources": [
                    "memory": ["limit": 1_073_741_824], "pids": ["limit": 64],
                    "cpu": ["quota": 100_000, "period": 100_000],
                ],
                "namespaces": .array(
                    ["pid", "network", "ipc", "uts", "mount", "cgroup"].map { ["type": .string($0)] }),
            ],
        ]
    }

    private func mount(_ path: String, _ type: String, _ options: [String]) -> JSONValue {
        [
            "destination": .string(path), "type": .string(type), "source": .string(type),
            "options": .array(options.map { .string($0) }),
        ]
    }
}
