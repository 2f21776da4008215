import Testing

@testable import PanalLinux

/// Reading what the kernel's small files say.
@Suite struct KernelHandleTests {
    @Test(
        arguments: [
            ("oom_kill", 32, "oom_kill_disable 0\nunder_oom 0\noom_kill 3", 3),
            ("oom_kill", 32, "oom_kill 12\noom_kill_disable 1", 12),
            ("throttled_time", 32, "nr_periods 0\nnr_throttled 0\nthrottled_time 9223372036854775807", Int64.max),
            ("total", 61, "some avg10=0.00 avg60=1.50 total=77\nfull avg10=0.00 avg60=0.00 total=5", 77),
            ("oom", 32, "oom_kill 3", nil), ("oom_kill", 32, "oom_kill", nil), ("oom_kill", 32, "oom_kill ", nil),
            ("oom_kill", 32, "oom_kill x", nil), ("total", 61, "", nil),
        ] as [(String, UInt8, String, Int64?)])
    func entries(key: String, mark: UInt8, text: String, expected: Int64?) {
        #expect(KernelHandle.entry(key, mark: mark, in: Array(text.utf8)) == expected)
    }

    @Test(
        arguments: [
            ("0", 0), ("4096", 4_096), ("-1", -1), ("9223372036854775807", .max), ("9223372036854775808", nil),
            ("", nil), ("-", nil), ("max", nil), ("1 2", nil), ("99999999999999999999", nil),
        ] as [(String, Int64?)])
    func numbers(text: String, expected: Int64?) {
        #expect(KernelHandle.number(Array(text.utf8)[...]) == expected)
    }
}
