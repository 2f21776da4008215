import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Testing

/// Cells for real, as root on this machine.
@Suite(.serialized) struct CellTests {
    @Test func aProgramRunsAndItsOutputComesBack() async throws {
        try await CellHarness.with { harness in
            let (result, sink) = await harness.shell("echo hello; echo oops >&2; exit 3")
            #expect(result.outcome == .exited(code: 3))
            #expect(sink.output == "hello\n")
            #expect(sink.error == "oops\n")
            #expect(result.output == StreamState(bytes: 6, truncated: false))
            #expect(sink.starts == 1)
            #expect(result.usage.wallMicroseconds > 0)
            #expect(result.usage.peakMemoryBytes > 0)
        }
    }
}
