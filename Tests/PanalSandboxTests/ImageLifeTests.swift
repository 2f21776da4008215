import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Synchronization
import Testing

/// Images that come and go while a launcher runs.
extension LiveCells {
    @Suite(.serialized) struct ImageLifeTests {
        /// The launcher's spawners: its children's children that are no init of a cell.
        private func spawners() -> [HostProcess] {
            HostProcess.all.filter { process in
                process.text("cmdline").contains("panal-launcher") && process.field("NSpid").count == 1
                    && !viewNamespaces(of: process).isEmpty
            }
        }

        /// Whether a process sees a view of an image.
        private func isInView(_ process: HostProcess) -> Bool {
            process.text("mountinfo").contains("lowerdir=/skeleton")
        }

        /// Mount namespaces that a process has open.
        private func viewNamespaces(of process: HostProcess) -> Set<String> {
            let folder = "/proc/\(process.id)/fd"
            let numbers = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            return Set(
                numbers.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)") }
                    .filter { $0.hasPrefix("mnt:") })
        }

        /// Each run sees the root that it asked for, whatever the last one in its slot had.
        @Test func rootsChangeFromRunToRun() async throws {
            try await CellHarness.with { harness in
                let images = try (0..<3).map { number in
                    try TestImage(harness, "root \(number)") {
                        try Data("\(number)\n".utf8).write(to: $0.appending(path: "which"))
                    }
                }
                for round in 0..<30 {
                    let number = round * 7 % 4
                    if number == 3 {
                        #expect(await harness.shell("cat /which || echo host").sink.output == "host\n")
                    } else {
                        let (result, sink) = await harness.shell(
                            in: images[number], "cat /which; test -e /usr && echo usr")
                        #expect(sink.output == "\(number)\n", "\(result.outcome) \(sink.error)")
                    }
                }
            }
        }

        /// Many at once with several roots on one core: each gets its own and none waits for ever.
        @Test func runsWithSeveralRootsWaitTogether() async throws {
            try await CellHarness.with { harness in
                let images = try (0..<6).map { number in
                    try TestImage(harness, "together \(number)") {
                        try Data("\(number)\n".utf8).write(to: $0.appending(path: "which"))
                    }
                }
                await withTaskGroup { group in
                    for number in 0..<36 {
                        group.addTask {
                            let image = images[number % 6]
                            let (result, sink) = await harness.shell(
                                in: image, "cat /which",
                                id: AttemptID(
                                    job: .make(at: Timestamp(microseconds: Int64(number))), number: 1, nonce: 1),
                                limits: .beside)
                            #expect(sink.output == "\(number % 6)\n", "\(result.outcome) \(sink.error)")
                        }
                    }
                }
            }
        }

        /// Two hundred images one after the other: no more views are kept than the bound, and none after the launcher.
        @Test func viewsAreKeptToABound() async throws {
            try await CellHarness.with { harness in
                let first = try TestImage(harness, "image 0")
                _ = await harness.shell(in: first, "true")
                var most = 0
                for number in 1...200 {
                    // The same files under another name, as a store never has them.
                    let name = try harness.hash(of: "image \(number)")
                    let folder = harness.folder.appending(path: ContentLayout.rootfs(name))
                    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                    try FileManager.default.createDirectory(
                        at: folder.appending(path: "tree/bin"), withIntermediateDirectories: true)
                    try FileManager.default.linkItem(
                        at: first.tree.appending(path: "bin/busybox"), to: folder.appending(path: "tree/bin/sh"))
                    let (result, _) = await harness.run(["/bin/sh", "-c", "true"], rootfs: name.hex)
                    #expect(result.outcome == .exited(code: 0), "\(result.outcome)")
                    if number % 20 == 0 {
                        most = max(most, spawners().map { viewNamespaces(of: $0).count }.max() ?? 0)
                    }
                }
                // The stage, the host's view, four images', and the last cell's.
                #expect((3...7).contains(most), "\(most)")
            }
        }

        /// Locks, and what is opened, in one slot's view of an image say nothing in another's.
        @Test func runsSideBySideDoNotMeetInAnImage() async throws {
            try await CellHarness.with { harness in
                let image = try TestImage(harness, "shared") { tree in
                    try Data("x".utf8).write(to: tree.appending(path: "lock"))
                    try TestImage.copy("/usr/bin/flock", to: tree, as: "bin/flock")
                }
                let holder = MemorySink()
                let id = AttemptID(job: .make(at: Timestamp(microseconds: 5)), number: 1, nonce: 5)
                async let held = harness.shell(
                    in: image, "exec 9</lock; flock -x 9 && echo held; sleep 60", id: id, sink: holder, limits: .beside)
                while holder.output.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
                let (result, sink) = await harness.shell(
                    in: image, "exec 9</lock; flock -n -x 9 && echo free; exec 8</lock; flock -n -x 8 || echo mine",
                    limits: .beside)
                #expect(sink.output == "free\nmine\n", "\(result.outcome) \(sink.error)")
                await harness.executor.cancel(id)
                #expect(await held.result.outcome == .cancelled)
            }
        }

        /// Removed while a program runs in it, and imported again under the same name: nothing of the old one is ever seen again.
        @Test func anImageIsRemovedWhileItIsMounted() async throws {
            try await CellHarness.with { harness in
                let old = try TestImage(harness, "replaced") {
                    try Data("old\n".utf8).write(to: $0.appending(path: "which"))
                }
                #expect(await harness.shell(in: old, "cat /which").sink.output == "old\n")
                let sink = MemorySink()
                let ends = try Descriptor.pipe()
                let input = ends.first
                async let run = harness.run(
                    ["/bin/sh", "-c", "echo up; read line; echo down"], rootfs: old.name, input: .descriptor(input),
                    sink: sink)
                while sink.output.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
                try FileManager.default.removeItem(at: old.folder)
                close(ends.second)
                #expect(await run.result.outcome == .exited(code: 0))
                close(ends.first)
                #expect(sink.output == "up\ndown\n")
                for _ in 0..<3 {
                    let (result, _) = await harness.shell(in: old, "cat /which")
                    guard case .systemError(let error) = result.outcome else {
                        Issue.record("\(result.outcome)")
                        continue
                    }
                    #expect(error.step == "rootfs.open")
                }
                let new = try TestImage(harness, "replaced") {
                    try Data("new\n".utf8).write(to: $0.appending(path: "which"))
                }
                #expect(new.name == old.name)
                for _ in 0..<6 { #expect(await harness.shell(in: new, "cat /which").sink.output == "new\n") }
            }
        }

        /// Views of images that are gone are let go of without a run, since their files would stay on the disk as long.
        @Test func viewsOfRemovedImagesAreLetGoOf() async throws {
            try await CellHarness.with { harness in
                let image = try TestImage(harness, "let go")
                #expect(await harness.shell(in: image, "true").result.outcome == .exited(code: 0))
                func views() -> Bool { HostProcess(id: getpid()).descendants.contains(where: isInView) }
                // The cell that is made for the next run.
                let limit = ContinuousClock.now + .seconds(60)
                while !views(), ContinuousClock.now < limit { try await Task.sleep(for: .milliseconds(5)) }
                #expect(views())
                try FileManager.default.removeItem(at: image.folder)
                while views(), ContinuousClock.now < limit { try await Task.sleep(for: .milliseconds(100)) }
                #expect(!views())
                #expect(await harness.shell("echo host").sink.output == "host\n")
            }
        }

        /// Files of the server's user show as root's, where the kernel can do that.
        @Test func filesShowAsRoots() async throws {
            let owner: uid_t = 54_321
            try await CellHarness.with(owner: owner) { harness in
                let image = try TestImage(harness, "owned")
                for path in [image.folder, image.tree] { chown(path.path, owner, owner) }
                for name in try FileManager.default.subpathsOfDirectory(atPath: image.tree.path) {
                    lchown(image.tree.appending(path: name).path, owner, owner)
                }
                // One that somebody else has put there.
                try image.write("x", to: "foreign")
                let (_, sink) = await harness.shell(
                    in: image,
                    "stat -c %u:%g / /bin /bin/busybox /etc/own /etc/passwd /foreign; ls /proc/self/fd | wc -l")
                // ext4 can on each kernel that is served; an overlay, which the virtual machine has, on none.
                let kernelCan = try TestImage.fileSystem(of: image.tree) == "ext2/ext3"
                let own = kernelCan ? "0:0" : "\(owner):\(owner)"
                let foreign = kernelCan ? "65534:65534" : "0:0"
                #expect(
                    sink.output == ["0:0", own, own, own, "0:0", foreign, "4", ""].joined(separator: "\n"),
                    "\(sink.output) \(sink.error)")
            }
        }

        /// A server that was taken over changes its images all the time: a run has the image, or is refused, and never has anything
        /// that a link led to.
        @Test func whoeverSwapsATreeGetsNothingElse() async throws {
            try await CellHarness.with { harness in
                let image = try TestImage(harness, "swapped") {
                    try Data("image\n".utf8).write(to: $0.appending(path: "which"))
                }
                let link = image.folder.appending(path: "link").path
                symlink("/", link)
                let (tree, aside) = (image.tree.path, image.folder.appending(path: "aside").path)
                let isOver = Atomic<Bool>(false)
                let swaps = Task.detached {
                    var count = 0
                    while !isOver.load(ordering: .relaxed) {
                        // The tree, for a moment nothing, the link, nothing, the tree.
                        for (from, to) in [(tree, aside), (link, tree), (tree, link), (aside, tree)] {
                            rename(from, to)
                            usleep(count % 7 == 0 ? 500 : 0)
                        }
                        count += 1
                    }
                    return count
                }
                var seen = (image: 0, refused: 0)
                for _ in 0..<150 {
                    let (result, sink) = await harness.shell(in: image, "cat /which; ls /home /root 2>/dev/null")
                    switch result.outcome {
                    case .exited(code: _):
                        #expect(sink.output == "image\n")
                        seen.image += 1
                    case .systemError(let error):
                        #expect(error.step.hasPrefix("rootfs."), "\(error)")
                        #expect(sink.starts == 0)
                        seen.refused += 1
                    default: Issue.record("\(result.outcome)")
                    }
                }
                isOver.store(true, ordering: .relaxed)
                #expect(await swaps.value > 100)
                print("swapped: \(seen)")
                #expect(seen.image + seen.refused == 150)
                #expect(await harness.shell("echo host").sink.output == "host\n")
            }
        }

        /// The launcher killed: no process and no mount namespace with a view of the image is left.
        @Test func theLaunchersDeathTakesTheViews() async throws {
            let harness = try CellHarness()
            let image = try TestImage(harness, "killed")
            let sink = MemorySink()
            async let run = harness.shell(in: image, "echo up; sleep 60", sink: sink)
            while sink.output.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            let launchers = HostProcess.all.filter {
                $0.text("cmdline").contains("panal-launcher") && $0.parent?.id == getpid()
            }
            #expect(launchers.count == 1)
            let viewers = launchers.flatMap(\.descendants).filter(isInView)
            #expect(!viewers.isEmpty)
            for process in launchers { kill(process.id, SIGKILL) }
            guard case .systemError(let error) = await run.result.outcome else {
                Issue.record("a lost launcher must be a system error")
                return
            }
            #expect(error.step == "launcher.lost")
            let end = ContinuousClock.now + .seconds(30)
            while viewers.contains(where: isInView), ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(viewers.filter(isInView) == [])
            await harness.stop()
            try await CellHarness.with(instance: harness.instance) { next in
                let image = try TestImage(next, "after")
                #expect(await next.shell(in: image, "echo up").sink.output == "up\n")
            }
        }
    }
}
