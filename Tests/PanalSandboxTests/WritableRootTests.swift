import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import PanalSeccomp
import Testing

extension CellHarness {
    /// Runs `body` with a harness where roots can be writable. Where they cannot, which may be so in a virtual machine alone, a run that asks
    /// for one is refused by name.
    static func withWritableRoots(
        filters: [SeccompProgram] = [], _ body: (CellHarness) async throws -> Void
    ) async throws {
        try await with(filters: filters) { harness in
            let image = try harness.ownImage("tried")
            let outcome = await harness.shell(writing: image, "true").result.outcome
            if outcome.step == "rootfs.writable" {
                #expect(try image.isUnfit)
            } else {
                #expect(outcome == .exited(code: 0))
                try await body(harness)
            }
        }
    }

    /// Runs a script in a cell whose root is this image and can be written.
    func shell(
        writing image: TestImage, _ script: String, limits: CellLimits = .test, seccomp: String = "default",
        inputs: [InputFile] = [], program: ContentHash? = nil, isIdle: Bool = false,
        input: StandardInput = .empty, sink: MemorySink = MemorySink(), id: AttemptID? = nil
    ) async -> (result: AttemptResult, sink: MemorySink) {
        await run(
            ["/bin/sh", "-c", script], limits: limits, program: program, inputs: inputs, seccomp: seccomp,
            isIdle: isIdle, rootfs: image.name, isWritable: true, input: input, sink: sink, id: id)
    }

    /// An image whose files are its server's user's, as those are that Panal makes.
    func ownImage(_ label: String, _ change: (URL) throws -> Void = { _ in }) throws -> TestImage {
        let image = try TestImage(self, label) { tree in
            for folder in ["usr/share/d/e", "opt", "work"] {
                try FileManager.default.createDirectory(
                    at: tree.appending(path: folder), withIntermediateDirectories: true)
            }
            try Data("deep\n".utf8).write(to: tree.appending(path: "usr/share/d/e/f"))
            try Data("to be removed\n".utf8).write(to: tree.appending(path: "opt/old"))
            try Data("of an earlier run\n".utf8).write(to: tree.appending(path: "work/earlier"))
            try Data("kept\n".utf8).write(to: tree.appending(path: "work/kept"))
            try change(tree)
        }
        if Self.place != nil {
            let process = try Process.run(
                URL(filePath: "/usr/bin/chown"),
                arguments: ["-hR", "\(HandedOver.user):\(HandedOver.user)", image.folder.path])
            process.waitUntilExit()
        }
        return image
    }
}

extension TestImage {
    /// Whether it lies where no root can be written: an overlay's files cannot be shown as another user's, and before Linux 6.6 a tmpfs
    /// had no attributes of users.
    var isUnfit: Bool {
        get throws {
            if CellHarness.place == nil { return try Self.fileSystem(of: tree) == "overlayfs" }
            let version = try KernelFile.read("/proc/sys/kernel/osrelease").split(separator: ".").prefix(2)
                .map { Int($0) ?? 0 }
            return version.lexicographicallyPrecedes([6, 6])
        }
    }

    /// Each file, folder and link of the tree with all that can be seen of it.
    func listing() throws -> [String] {
        var lines: [String] = []
        let found = FileManager.default.enumerator(at: tree, includingPropertiesForKeys: nil)
        for case let url as URL in try #require(found) {
            var status = stat()
            lstat(url.path, &status)
            let content = status.st_mode & S_IFMT == S_IFREG ? try Data(contentsOf: url).hashValue : 0
            lines.append(
                "\(url.path) \(String(status.st_mode, radix: 8)) \(status.st_uid) \(status.st_size) \(status.st_nlink) "
                    + "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \(content)")
        }
        return lines.sorted()
    }
}

/// Cells whose root can be written.
extension LiveCells {
    @Suite(.serialized) struct WritableRootTests {
        private static let changes = """
            set -e
            mkdir -p /usr/local/lib /new/folder; echo one > /usr/local/lib/one; echo two > /etc/two; echo three > /opt/three
            echo changed > /etc/own; rm /opt/old; busybox rm -r /usr/share/d/e; mkdir /usr/share/d/e; echo me >> /etc/passwd
            chmod 700 /opt; busybox ln -s /opt/three /new/link; busybox ln /opt/three /new/folder/hard
            busybox mv /bin/busybox /bin/busybox2; busybox2 cp /bin/busybox2 /bin/busybox; busybox2 rm /bin/busybox2
            echo result > /work/out; mkdir /work/d; echo deep > /work/d/e; rm /work/earlier; echo x > /var/tmp/y
            cat /tmp/y /usr/local/lib/one /new/link /work/kept; tail -n 1 /etc/passwd; whoami; pwd
            """.replacing("rm /opt", with: "busybox rm /opt").replacing("rm /work", with: "busybox rm /work")

        @Test func aProgramWritesWhereItLikesAndNobodyElseSeesIt() async throws {
            try await CellHarness.withWritableRoots { harness in
                let image = try harness.ownImage("written")
                let before = try image.listing()
                for _ in 0..<2 {
                    let (result, sink) = await harness.shell(writing: image, Self.changes)
                    #expect(result.outcome == .exited(code: 0), "\(result.outcome) \(sink.error)")
                    #expect(sink.output == "x\none\nthree\nkept\nme\ncell\n/work\n", "\(sink.output)")
                    // What this run has written, and not what the image had there, nor a mark of what it has removed.
                    #expect(result.files.map(\.path) == ["d/e", "out"])
                    #expect(result.files.map { sink.file($0.content) } == ["deep\n", "result\n"])
                    #expect(result.skipped == [])
                    #expect(try image.listing() == before)
                }
                let script = """
                    ls -A /usr /etc /opt /work /bin / | sort | grep -E '^(local|two|three|new|box|out|old)$'
                    cat /etc/own /usr/share/d/e/f; for f in /x /etc/x /opt/x; do (echo x > $f) 2>/dev/null && echo wrote $f; done
                    true
                    """
                let (_, sealed) = await harness.shell(in: image, script)
                #expect(sealed.output == "old\nof the image\ndeep\n", "\(sealed.output) \(sealed.error)")
                let (_, again) = await harness.shell(writing: image, script)
                #expect(
                    again.output == "old\nof the image\ndeep\nwrote /x\nwrote /etc/x\nwrote /opt/x\n",
                    "\(again.output) \(again.error)")
            }
        }

        /// Two at once in the same image, beside one that cannot write.
        @Test func runsSideBySideDoNotMeetInTheirRoots() async throws {
            try await CellHarness.withWritableRoots { harness in
                let image = try harness.ownImage("beside")
                func script(_ word: String) -> String {
                    "echo \(word) > /etc/own; echo > /\(word); sleep 1; cat /etc/own; ls /"
                }
                async let first = harness.shell(writing: image, script("first"), limits: .beside)
                async let second = harness.shell(writing: image, script("second"), limits: .beside)
                async let third = harness.shell(
                    in: image, "sleep 0.5; cat /etc/own; ls /", limits: .beside)
                for (output, words) in [
                    (await first.sink.output, ["first"]), (await second.sink.output, ["second"]),
                    (await third.sink.output, ["of the image", ""]),
                ] {
                    let own = words.count == 1 ? words[0] : ""
                    let names = [
                        "bin", "dev", "etc", own, "input", "opt", "proc", "program", "tmp", "usr", "var", "work",
                    ]
                    let lines = [words[0]] + names.filter { !$0.isEmpty }.sorted()
                    #expect(output.split(separator: "\n").map(String.init) == lines, "\(output)")
                }
            }
        }

        /// What is mounted, and how, reads from inside as it does from the list that each cell's is held against.
        @Test func protectionsStay() async throws {
            try await CellHarness.withWritableRoots { harness in
                let input = InputFile(field: "file", name: "a b", content: try harness.blob("given"))
                let program = try harness.program("it", "#!/bin/sh\necho program $1\n")
                let image = try harness.ownImage("protected") { tree in
                    try TestImage.copy("/usr/bin/id", to: tree, as: "bin/ident")
                }
                let (result, sink) = await harness.shell(
                    writing: image,
                    """
                    cut -d' ' -f5,6 /proc/self/mountinfo | sort | grep -v /dev/; cat '/input/file/a b'; echo; /program/it x
                    cp() { busybox cp "$@"; }; cp /bin/ident /bin/rooted; chmod 6755 /bin/rooted; stat -c %a /bin/rooted
                    [ $(rooted -u) = $(ident -u) ] && [ $(rooted -g) = $(ident -g) ] && echo no rights
                    for n in 'c 1 3' 'b 254 0' 'c 0 0'; do busybox mknod /etc/n $n 2>/dev/null && echo made $n; done
                    for f in /proc/x /dev/x /program/x /input/x /input/file/x; do (echo x > $f) 2>/dev/null && echo wrote $f; done
                    for f in /proc /dev /tmp /input /program; do
                        busybox rmdir $f 2>/dev/null && echo removed $f; busybox mv $f /moved 2>/dev/null && echo moved $f
                        busybox ln -s /etc $f/x 2>/dev/null && [ $f != /tmp ] && echo linked $f
                    done
                    echo end
                    """, inputs: [input], program: program)
                #expect(result.outcome == .exited(code: 0), "\(sink.error)")
                let lines = sink.output.split(separator: "\n").map { String($0.split(separator: ",noatime")[0]) }
                #expect(
                    lines == [
                        "/ rw,nosuid,nodev,relatime", "/dev ro,nosuid,noexec,relatime",
                        "/input ro,nosuid,nodev,noexec,relatime", "/input/file/a\\040b ro,nosuid,nodev,relatime",
                        "/proc rw,nosuid,nodev,noexec,relatime", "/program ro,nosuid,nodev,relatime",
                        "/tmp rw,nosuid,nodev,relatime", "given", "program x", "6755", "no rights", "end",
                    ], "\(sink.output) \(sink.error)")
            }
        }

        /// The scratch's bounds are the root's; and after a run that has filled it, and one that has left all it can, the next is as ever.
        @Test func theScratchBoundsTheRoot() async throws {
            try await CellHarness.withWritableRoots { harness in
                let image = try harness.ownImage("bounded")
                let (bytes, sink) = await harness.shell(
                    writing: image,
                    "for f in /a /etc/b /work/c; do head -c 4000000 /dev/zero > $f; done; stat -f -c '%b %S' /"
                )
                #expect(bytes.outcome == .exited(code: 0))
                #expect(
                    sink.error == "head: standard output: I/O error\n" || sink.error.contains("No space left"),
                    "\(sink.error)")
                #expect(sink.output == "2048 4096\n", "\(sink.output)")
                let (files, other) = await harness.shell(
                    writing: image, "mkdir /m; i=0; while echo > /m/$i; do i=$((i+1)); done 2>/dev/null; ls /m | wc -l")
                #expect(files.outcome == .exited(code: 0) || files.outcome == .exited(code: 1), "\(files.outcome)")
                let made = Int(other.output.dropLast()) ?? 0
                #expect((200..<256).contains(made), "\(other.output)")
                let (_, last) = await harness.shell(
                    writing: image, "stat -f -c '%b %f' /; ls -A /",
                    limits: .test.with(\.scratchBytes, 1 << 20))
                #expect(
                    last.output == "256 256\nbin\ndev\netc\ninput\nopt\nproc\nprogram\ntmp\nusr\nvar\nwork\n",
                    "\(last.output)")
            }
        }

        /// Whatever a program makes of its work folder, nothing is taken that it did not write.
        @Test(
            arguments: [
                ("busybox rm -r /work", [String]()), ("busybox rm -r /work; echo x > /work", []),
                ("busybox rm -r /work; busybox ln -s /etc /work", []), ("busybox mv /work /other; true", []),
                ("busybox rm -r /work; mkdir /work; echo x > /work/x", ["x"]),
                ("busybox rm /work/kept; mkdir /work/kept; echo x > /work/kept/x", ["kept/x"]),
                ("chmod 0 /work/kept; chmod 0 /work", ["kept"]), ("touch /work/kept", ["kept"]), ("true", []),
            ] as [(String, [String])])
        func aWorkFolderThatIsNone(script: String, files: [String]) async throws {
            try await CellHarness.withWritableRoots { harness in
                let image = try harness.ownImage("odd")
                let (result, sink) = await harness.shell(writing: image, "cd /; \(script)")
                #expect(result.outcome == .exited(code: 0), "\(result.outcome) \(sink.error)")
                #expect(result.files.map(\.path) == files, "\(result.files) \(result.skipped)")
                #expect(result.skipped == [])
            }
        }

        /// Under a policy that refuses nothing too, a program gets nowhere else by its root.
        @Test func whatStandsThereCannotBeReplaced() async throws {
            let all = SeccompProgram(name: "everything", instructions: [6, 0, 0, 0, 0, 0, 0xff, 0x7f])
            try await CellHarness.withWritableRoots(filters: [all]) { harness in
                let image = try harness.ownImage("stubborn")
                let before = try image.listing()
                let script = """
                    for f in proc dev tmp; do
                        busybox umount /$f 2>/dev/null && echo unmounted $f; busybox rmdir /$f 2>/dev/null && echo removed $f
                        busybox mount -t tmpfs x /$f 2>/dev/null && echo mounted $f; busybox mv /$f /x 2>/dev/null && echo moved $f
                    done
                    for n in 'c 1 3' 'b 254 0' 'c 0 0'; do busybox mknod /etc/n $n 2>/dev/null && echo made $n; done
                    busybox mount -o remount,suid,dev / 2>/dev/null && echo remounted; busybox chroot / true 2>/dev/null && echo root
                    echo evil > /etc/passwd; busybox rm -rf /bin/sh /etc/hosts /program /input /var 2>/dev/null
                    busybox ln -s /proc/self/exe /bin/sh; busybox ln -s / /program; echo end
                    """
                let (result, sink) = await harness.shell(writing: image, script, seccomp: "everything")
                #expect(result.outcome == .exited(code: 0))
                #expect(sink.output == "end\n", "\(sink.output) \(sink.error)")
                #expect(try image.listing() == before)
                let (next, other) = await harness.shell(
                    writing: image, "whoami; ls -A /program /input; cat /etc/hosts | wc -l")
                #expect(next.outcome == .exited(code: 0))
                #expect(
                    other.output == "cell\n/input:\n\n/program:\n2\n" || other.output.hasPrefix("cell\n"),
                    "\(other.output)")
            }
        }

        /// An overlay's own marks mean nothing in an image, nor as a program's attributes.
        @Test func marksOfImagesMeanNothing() async throws {
            try await CellHarness.withWritableRoots { harness in
                let image = try harness.ownImage("marked") { tree in
                    for (name, kind) in [("white", "c 0 0"), ("null", "c 1 3")] where getuid() == 0 {
                        let node = try Process.run(
                            URL(filePath: "/usr/bin/mknod"),
                            arguments: [tree.appending(path: "opt/\(name)").path]
                                + kind.split(separator: " ").map(String.init))
                        node.waitUntilExit()
                    }
                }
                let (result, sink) = await harness.shell(
                    writing: image,
                    "cat /opt/null 2>/dev/null && echo read; echo x > /opt/white; cat /opt/white; ls /opt; true")
                #expect(result.outcome == .exited(code: 0), "\(sink.error)")
                #expect(!sink.output.contains("read"))
            }
        }

        @Test func onlyAnImageCanBeWritten() async throws {
            try await CellHarness.with { harness in
                let (result, _) = await harness.run(["/bin/true"], isWritable: true)
                #expect(result.outcome.step == "plan.rootfs", "\(result.outcome)")
            }
        }

        /// Sealed and writable ones in turn, of two images and of the host, ordinary and idle: each is what was asked for.
        @Test func rootsChangeFromRunToRun() async throws {
            try await CellHarness.withWritableRoots { harness in
                let images = [try harness.ownImage("turn a"), try harness.ownImage("turn b")]
                var generator = SeededGenerator(state: 7)
                let script = "(echo x > /etc/own) 2>/dev/null && echo wrote; cat /etc/own 2>/dev/null; true"
                for round in 0..<24 {
                    let image = images[Int.random(in: 0...1, using: &generator)]
                    switch Int.random(in: 0...3, using: &generator) {
                    case 0:
                        #expect(await harness.shell(in: image, script).sink.output == "of the image\n", "\(round)")
                    case 1: #expect(await harness.shell("echo host").sink.output == "host\n", "\(round)")
                    case let kind:
                        let (result, sink) = await harness.shell(
                            writing: image, script, isIdle: kind == 3 && round % 4 == 0)
                        #expect(result.outcome == .exited(code: 0), "\(result.outcome)")
                        #expect(sink.output == "wrote\nx\n", "\(round) \(sink.output)")
                    }
                }
            }
        }
    }
}
