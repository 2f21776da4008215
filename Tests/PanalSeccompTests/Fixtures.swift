/// Small policies of our own in the formats that are about.
enum Fixtures {
    static let policies: [String: String] = [
        "docker": docker, "podman": podman, "comparisons": comparisons, "killing": killing, "far": far,
    ]

    /// The kinds of entry that Docker's default.json has, `null` and empty lists included.
    static let docker = """
        {
          "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
          "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
            {"architecture": "SCMP_ARCH_RISCV64", "subArchitectures": null}
          ],
          "syscalls": [
            {"names": ["read", "_llseek", "mmap2", "not_a_call_yet"], "action": "SCMP_ACT_ALLOW", "args": [],
             "comment": "", "includes": {}, "excludes": {}},
            {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
            {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 38, "op": "SCMP_CMP_LT"}]},
            {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 39, "op": "SCMP_CMP_EQ"}]},
            {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_GT"}]},
            {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]},
            {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 4294967295, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]},
            {"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}},
            {"names": ["cacheflush"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm", "arm64"]}},
            {"names": ["clone", "mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 2114060288, "op": "SCMP_CMP_MASKED_EQ"}],
             "excludes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["s390", "s390x"]}},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38,
             "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"name": "write", "action": "SCMP_ACT_ALLOW"}
          ]
        }
        """

    /// Podman's policy has the default ENOSYS, errno values by name, and calls that one rule permits and another refuses.
    static let podman = """
        {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "defaultErrno": "ENOSYS",
         "archMap": [
           {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
           {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}], "flags": null,
         "syscalls": [
           {"names": ["setns", "read"], "action": "SCMP_ACT_ALLOW"},
           {"names": ["setns", "vmsplice"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "errno": "EPERM"},
           {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errno": "EINVAL", "args": [
             {"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}, {"index": 2, "value": 9, "op": "SCMP_CMP_EQ"}]},
           {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 2, "value": 9, "op": "SCMP_CMP_NE"}]},
           {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_AUDIT_WRITE"]},
            "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_NE"}]}
         ]}
        """

    /// Each comparison, with values in both halves, alone and together.
    static let comparisons = """
        {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
          {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 5, "op": "SCMP_CMP_EQ"}]},
          {"names": ["write"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 1, "value": 21474836485, "op": "SCMP_CMP_NE"}]},
          {"names": ["lseek"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 2, "value": 8589934592, "op": "SCMP_CMP_LT"}]},
          {"names": ["mmap"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 3, "value": 8589934597, "op": "SCMP_CMP_LE"}]},
          {"names": ["munmap"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 4, "value": 4294967296, "op": "SCMP_CMP_GE"}]},
          {"names": ["mremap"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 5, "value": 4294967295, "op": "SCMP_CMP_GT"}]},
          {"names": ["ioctl"], "action": "SCMP_ACT_LOG",
           "args": [{"index": 1, "value": 240, "valueTwo": 48, "op": "SCMP_CMP_MASKED_EQ"}]},
          {"names": ["fcntl"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 1, "value": 1030792151295, "valueTwo": 1030792151040, "op": "SCMP_CMP_MASKED_EQ"}]},
          {"names": ["futex"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 1, "value": 64, "valueTwo": 64, "op": "SCMP_CMP_MASKED_EQ"}]},
          {"names": ["prctl"], "action": "SCMP_ACT_ALLOW", "args": [
            {"index": 0, "value": 7, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 9, "op": "SCMP_CMP_EQ"},
            {"index": 0, "value": 4294967306, "op": "SCMP_CMP_EQ"}]},
          {"names": ["madvise"], "action": "SCMP_ACT_TRAP", "args": [
            {"index": 1, "value": 100, "op": "SCMP_CMP_GE"},
            {"index": 2, "value": 4294967295, "valueTwo": 4, "op": "SCMP_CMP_MASKED_EQ"},
            {"index": 0, "value": 4096, "op": "SCMP_CMP_LT"}]},
          {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [
            {"index": 0, "value": 4294967295, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"},
            {"index": 1, "value": 15, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}]},
          {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [
            {"index": 0, "value": 4294967295, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"},
            {"index": 2, "value": 6, "op": "SCMP_CMP_EQ"}]}
        ]}
        """

    static let killing = """
        {"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [
          {"names": ["read", "exit_group"], "action": "SCMP_ACT_ALLOW"},
          {"names": ["openat"], "action": "SCMP_ACT_KILL_THREAD"},
          {"names": ["write"], "action": "SCMP_ACT_TRAP"},
          {"names": ["close"], "action": "SCMP_ACT_ERRNO", "errnoRet": 133}
        ]}
        """

    /// Makes jumps of more than 255 instructions.
    static let far: String = {
        let rules = ["ioctl", "fcntl", "prctl", "read"].enumerated().flatMap { place, name in
            (0..<120).map { value in
                """
                {"names": ["\(name)"], "action": "SCMP_ACT_\(value % 3 == 0 ? "LOG" : "ALLOW")",
                 "args": [{"index": \(place), "value": \(value * 7_000_000_011), "op": "SCMP_CMP_EQ"}]}
                """
            }
        }
        return #"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [\#(rules.joined(separator: ","))]}"#
    }()
}
