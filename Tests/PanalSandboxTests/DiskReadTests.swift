import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Testing

/// Runs that are held to a rate of reading.
extension LiveCells {
    @Suite(.serialized) struct DiskReadTests {
        private static let rate = 4 << 20
        private static let fileBytes = 16 << 20

        /// A harness whose data folder and images are on a disk of their own, an image there, and a file that has never been read.
        private func with(
            _ body: (CellHarness, TestDisk, TestImage, InputFile) async throws -> Void
        ) async throws {
            let disk = try TestDisk(mebibytes: 64)
            defer { disk.remove() }
            try await CellHarness.with(limitsReading: true, parent: disk.folder) { harness in
                let image = try TestImage(harness, "limited")
                let bytes = Data(
                    (0..<Self.fileBytes / 4_096).flatMap { [UInt8](repeating: UInt8($0 & 255), count: 4_096) })
                let content = try harness.blob(bytes, called: "large")
                try TestDisk.forget(harness.folder.appending(path: ContentLayout.blob(content)))
                try await body(harness, disk, image, InputFile(field: "file", name: "large", content: content))
            }
        }

        private static let limited = CellLimits.test.with(\.diskRead, rate)

        /// What groups of the instance say of reading, each line of it.
        private func limits(_ harness: CellHarness) throws -> [String] {
            var found: [String] = []
            for mount in try CgroupMount.list() {
                let root = harness.group(mount)
                guard FileManager.default.fileExists(atPath: root) else { continue }
                for group in try Folders.children(of: root) {
                    for file in ["blkio.throttle.read_bps_device", "io.max"] {
                        guard let text = try? KernelFile.read("\(root)/\(group)/\(file)") else { continue }
                        found += text.split(separator: "\n").map(String.init)
                    }
                }
            }
            return found
        }

        private func read(
            _ harness: CellHarness, _ image: TestImage, _ input: InputFile, _ limits: CellLimits,
            sink: MemorySink = MemorySink()
        ) async -> AttemptResult {
            await harness.shell(
                in: image, "cat /input/file/large > /dev/null", sink: sink, limits: limits, inputs: [input]
            ).result
        }

        /// Through the overlay that each cell has of its input, from the disk below it. The limit stands in the run's group while it
        /// lasts, and is gone with it: the next run in the slot reads as fast as the disk is.
        private func aRateHolds() async throws {
            try await with { harness, disk, image, input in
                let sink = MemorySink()
                async let run = read(harness, image, input, Self.limited, sink: sink)
                while sink.starts == 0, !Task.isCancelled { try await Task.sleep(for: .milliseconds(5)) }
                let found = try limits(harness)
                let number = try disk.number
                #expect(
                    found == ["\(number) \(Self.rate)"]
                        || found == ["\(number) rbps=\(Self.rate) wbps=max riops=max wiops=max"], "\(found)")
                let result = await run
                #expect(result.outcome == .exited(code: 0), "\(result)")
                // 16 MiB at 4 MiB/s are four seconds, and no less than three whatever is read ahead.
                #expect(result.usage.wallMicroseconds > 3_000_000, "\(result.usage)")
                if let bytes = result.usage.bytesRead { #expect(bytes >= Self.fileBytes) }
                let free = await read(harness, image, input, .test)
                #expect(free.outcome == .exited(code: 0))
                #expect(try limits(harness) == [])
            }
        }

        @Test(.timeLimit(.minutes(5))) func aRateHoldsAndIsGoneAfterwards() async throws { try await aRateHolds() }

        @Test(.timeLimit(.minutes(5))) func aRateHoldsWithoutRoot() async throws {
            try await HandedOver.with(reading: true) { try await aRateHolds() }
        }

        /// From this machine's own disks: `/usr`, and a data folder in the usual place. Where these are on none whose reading the
        /// kernel limits, the run is refused, and says so.
        @Test(.timeLimit(.minutes(5))) func ofTheHostsOwnDisks() async throws {
            try await CellHarness.with(limitsReading: true) { harness in
                let bytes = Data(repeating: 7, count: Self.fileBytes)
                let content = try harness.blob(bytes, called: "large")
                try TestDisk.forget(harness.folder.appending(path: ContentLayout.blob(content)))
                let (result, _) = await harness.run(
                    ["/bin/cat", "/input/file/large"], limits: Self.limited.with(\.outputBytes, 32 << 20),
                    inputs: [InputFile(field: "file", name: "large", content: content)])
                let finder = DiskFinder()
                if let disks = try? finder.disks(behind: "/usr") + finder.disks(behind: harness.folder.path) {
                    #expect(result.outcome == .exited(code: 0), "\(result)")
                    if !disks.isEmpty { #expect(result.usage.wallMicroseconds > 3_000_000, "\(result.usage)") }
                } else {
                    let error = try #require(Self.systemError(result))
                    #expect(error.step == "cgroup.disk-read" && error.detail.contains("/usr"), "\(error)")
                }
                // Nothing is wrong with any other run.
                #expect(await harness.run(["/bin/true"]).result.outcome == .exited(code: 0))
            }
        }

        private static func systemError(_ result: AttemptResult) -> SystemError? {
            if case .systemError(let error) = result.outcome { error } else { nil }
        }

        /// A run that waits for what it wants to read ends when it is ended, and so does what the kernel holds back for it.
        @Test(.timeLimit(.minutes(5))) func aRunThatWaitsForItsDiskIsEnded() async throws {
            try await with { harness, _, image, input in
                let slow = Self.limited.with(\.diskRead, 1 << 20).with(\.wallTime, .seconds(2))
                let result = await read(harness, image, input, slow)
                #expect(result.outcome == .wallTimeExceeded)
                #expect(result.usage.wallMicroseconds < 10_000_000, "\(result.usage)")
                let next = await read(harness, image, input, .test)
                #expect(next.outcome == .exited(code: 0))
            }
        }

        /// Without the controller the run is refused, with the reason and what helps; others are as ever.
        @Test func withoutTheControllerARunIsRefused() async throws {
            try await HandedOver.with(reading: false) {
                try await CellHarness.with(limitsReading: true) { harness in
                    let (result, sink) = await harness.run(["/bin/true"], limits: Self.limited)
                    let error = try #require(Self.systemError(result), "\(result.outcome)")
                    #expect(error.step == "cgroup.disk-read" && sink.starts == 0, "\(error)")
                    #expect(error.detail.contains("panal doctor"), "\(error)")
                    // Who asks first hears the same.
                    let capacity = harness.executor.capacity
                    #expect(capacity.refusal(of: .test) == nil)
                    #expect(capacity.refusal(of: Self.limited)?.hasSuffix(error.detail) == true)
                    #expect(await harness.run(["/bin/true"]).result.outcome == .exited(code: 0))
                }
            }
        }

        /// Where no profile asks for it there is no group of it, and no run is held to a rate that nothing would hold it to.
        @Test func withoutAProfileThereIsNothingOfIt() async throws {
            try await CellHarness.with { harness in
                let error = try #require(
                    Self.systemError(await harness.run(["/bin/true"], limits: Self.limited).result))
                #expect(error.step == "plan.disk-read", "\(error)")
                #expect(await harness.run(["/bin/true"]).result.outcome == .exited(code: 0))
                for mount in try CgroupMount.list() where mount.controllers.contains("blkio") {
                    #expect(!FileManager.default.fileExists(atPath: harness.group(mount)))
                }
            }
        }

        /// A launcher that does without sweeps what one that did not has left.
        @Test func anEarlierLaunchersGroupsAreSwept() throws {
            let (instance, mounts) = ("test-\(getpid())-reading", try CgroupMount.list())
            let earlier = try CgroupLayout.driver(instance: instance, mounts: mounts, limitsReading: true)
            try earlier.prepare()
            try earlier.create("a")
            #expect(earlier.readingRefusal == nil)
            let later = try CgroupLayout.driver(instance: instance, mounts: mounts)
            try later.prepare()
            #expect(later.readingRefusal?.step == "cgroup.disk-read")
            try later.sweep()
            for mount in mounts { #expect(!FileManager.default.fileExists(atPath: "\(mount.path)/panal-\(instance)")) }
        }
    }
}
