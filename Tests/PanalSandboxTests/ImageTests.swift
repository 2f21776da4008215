import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Testing

/// Cells whose root is an image of the store.
extension LiveCells {
    @Suite(.serialized) struct ImageTests {
        @Test func anImageIsTheRoot() async throws {
            try await CellHarness.with { harness in
                let image = try TestImage(harness, "plain")
                let program = try harness.program("it", "#!/bin/sh\necho program $1\n")
                let input = InputFile(field: "file", name: "a b", content: try harness.blob("given"))
                let script = """
                    cat /etc/own; whoami; id -u; hostname; head -1 /etc/passwd; pwd; cat '/input/file/a b'; echo
                    /program/it here; ls -A / | tr '\\n' ' '; echo; echo result > /work/out; echo x > /var/tmp/y; ls /tmp
                    for f in /x /etc/x /bin/x /etc/own /var/x; do (echo x > $f) 2>/dev/null && echo wrote $f; done; true
                    """
                let (result, sink) = await harness.shell(
                    in: image, script.replacing("tr '\\n' ' '", with: "sort | while read n; do echo -n \"$n \"; done"),
                    inputs: [input], program: program)
                #expect(result.outcome == .exited(code: 0), "\(sink.error)")
                let lines = sink.output.split(separator: "\n").map(String.init)
                #expect(lines.count == 10, "\(sink.output)")
                guard lines.count == 10 else { return }
                #expect(lines[0] == "of the image")
                #expect(lines[1] == "cell" && (Int(lines[2]) ?? 0) > 0)
                #expect(lines[3] == "cell")
                #expect(lines[4] == "root:x:0:0:root:/:/usr/sbin/nologin")
                #expect(lines[5...7] == ["/work", "given", "program here"])
                #expect(lines[8] == "bin dev etc input proc program tmp var work ")
                #expect(lines[9] == "y")
                #expect(result.files.map(\.path) == ["out"])
            }
        }

        /// What the kernel and the shell say of a cell is the same in an image as in the host's root, but for what differs on purpose.
        @Test func aCellOfAnImageIsAsProtectedAsTheHosts() async throws {
            try await CellHarness.with { harness in
                let image = try TestImage(harness, "protected")
                let tools = TestImage.tools.map { "\($0)() { busybox \($0) \"$@\"; }" }.joined(separator: "\n")
                let probe = "\(tools)\n" + Protection.probe.replacing("/proc/self/mountinfo ", with: "")
                func look(_ rootfs: String) async -> String {
                    let (result, sink) = await harness.run(["busybox", "sh", "-c", probe], rootfs: rootfs)
                    #expect(result.outcome == .exited(code: 0), "\(sink.error)")
                    return Protection.normal(sink.output)
                }
                let host = await look("host").split(separator: "\n").map(String.init)
                let inside = await look(image.name).split(separator: "\n").map(String.init)
                // The entries of `/` that each of them has alone.
                let own = Set(
                    [
                        "bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr", "run", "etc", "input", "program",
                        "proc", "var",
                    ])
                func rest(_ lines: [String]) -> [String] {
                    lines.filter { line in !own.contains { line.contains(" \($0)") } }
                }
                #expect(rest(host) == rest(inside))
                #expect(rest(inside).count > 40, "\(inside)")
                let (_, mounts) = await harness.shell(in: image, "cut -d' ' -f4-6 /proc/self/mountinfo | sort")
                #expect(
                    mounts.output.split(separator: "\n").map { $0.split(separator: ",noatime")[0] } == [
                        "/ / ro,nosuid,nodev,relatime", "/ /dev ro,nosuid,noexec,relatime",
                        "/ /proc rw,nosuid,nodev,noexec,relatime", "/ /tmp rw,nosuid,nodev,relatime",
                        "/tmp /tmp rw,nosuid,nodev,relatime", "/work /work rw,nosuid,nodev,relatime",
                    ], "\(mounts.output)")
            }
        }

        /// What an image may have where a cell mounts something or has files of its own.
        enum Shape: String, CaseIterable {
            case missing, file, fifo, node, linkToRoot, linkUp, linkToEtc, linkToItself, dangling, folderOfLinks

            func make(_ path: String) {
                let name = URL(filePath: path).lastPathComponent
                unlink(path)
                _ = try? FileManager.default.removeItem(atPath: path)
                switch self {
                case .missing: break
                case .file: _ = FileManager.default.createFile(atPath: path, contents: Data("a file\n".utf8))
                case .fifo: mkfifo(path, 0o666)
                case .node: mknod(path, S_IFCHR | 0o666, 0x0103)
                case .linkToRoot: symlink("/", path)
                case .linkUp: symlink("../../../../../..", path)
                case .linkToEtc: symlink("/etc", path)
                case .linkToItself: symlink(name, path)
                case .dangling: symlink("/nowhere/\(name)", path)
                case .folderOfLinks:
                    mkdir(path, 0o777)
                    for entry in ["self", "null", "passwd", "group", "resolv.conf", "tmp", "x", "1"] {
                        symlink("/etc/own", "\(path)/\(entry)")
                    }
                }
            }
        }

        static let places = [
            "proc", "dev", "etc", "tmp", "work", "program", "input", "var", "etc/passwd", "etc/resolv.conf",
        ]

        /// Class C: whatever an image has there, the cell is the same.
        @Test func anImageDecidesNothingAboutWhatIsMounted() async throws {
            try await CellHarness.with { harness in
                let script = """
                    cut -d' ' -f4-9 /proc/self/mountinfo | grep -v overlay | sort
                    cut -d' ' -f4-8 /proc/self/mountinfo | grep overlay | sort
                    ls -nA /dev; stat -c '%n %F %a %u' / /etc /tmp /work /proc /dev /var/tmp /etc/passwd /etc/group /etc/resolv.conf
                    id -un; cat /etc/hosts /etc/hostname /etc/resolv.conf; grep -c ^cell: /etc/passwd
                    echo x > /tmp/x; echo x > /work/x; echo x > /dev/null; cat /tmp/x /work/x; ls -A /tmp /work /program /input
                    readlink /proc/self/exe; ls /proc | grep -v '^[0-9]' | sort; head -c 4 /dev/zero | wc -c
                    for f in /proc/x /dev/x /etc/x /program/x /input/x /var/x; do (echo x > $f) 2>/dev/null && echo wrote $f; done
                    true
                    """
                func look(_ image: TestImage) async -> String {
                    let (result, sink) = await harness.shell(in: image, script)
                    #expect(result.outcome == .exited(code: 0), "\(result.outcome) \(sink.error)")
                    return sink.output.replacing(/\d\d:\d\d|20000\d{5}|size=\w+,nr_inodes=\w+/, with: "")
                }
                let expected = await look(try TestImage(harness, "as it should be"))
                #expect(expected.split(separator: "\n").count > 40, "\(expected)")
                for place in Self.places {
                    for shape in Shape.allCases {
                        let image = try TestImage(harness, "\(place) \(shape)") { tree in
                            shape.make(tree.appending(path: place).path)
                        }
                        // What an image has in folders of these two names shows, where no program and no inputs come.
                        var found = await look(image)
                        if shape == .folderOfLinks, ["program", "input"].contains(place) {
                            #expect(found.contains("/\(place):\n1\n"), "\(found)")
                            let names = ["1", "group", "null", "passwd", "resolv.conf", "self", "tmp", "x"]
                            found = found.replacing(
                                "/\(place):\n\(names.joined(separator: "\n"))\n", with: "/\(place):\n")
                        }
                        #expect(found == expected, "\(place) \(shape)")
                        try FileManager.default.removeItem(at: image.folder)
                    }
                }
            }
        }

        private func expect(_ step: String, _ run: (result: AttemptResult, sink: MemorySink), _ label: String = "") {
            guard case .systemError(let error) = run.result.outcome else {
                Issue.record("\(label): \(run.result.outcome)")
                return
            }
            #expect(error.step == step, "\(label): \(error)")
            #expect(run.sink.starts == 0)
        }

        /// Images that are not there, or only by half, or lead elsewhere. Nobody else's run is refused for them.
        @Test func whatIsNoImageIsRefusedByName() async throws {
            try await CellHarness.with { harness in
                let names = ["missing", "half", "file", "link", "linked tree", "linked store"]
                let images = try names.map { name in try TestImage(harness, name) }
                let files = FileManager.default
                try files.removeItem(at: images[0].folder)
                try files.removeItem(at: images[1].tree)
                try files.removeItem(at: images[2].tree)
                _ = files.createFile(atPath: images[2].tree.path, contents: Data())
                try files.removeItem(at: images[3].folder)
                try files.createSymbolicLink(atPath: images[3].folder.path, withDestinationPath: "/")
                try files.removeItem(at: images[4].tree)
                try files.createSymbolicLink(atPath: images[4].tree.path, withDestinationPath: "/")
                let good = try TestImage(harness, "good")
                for (name, image) in zip(names, images).dropLast() {
                    async let other = harness.shell(in: good, "echo good", limits: .beside)
                    async let host = harness.shell("echo host", limits: .beside)
                    expect("rootfs.open", await harness.shell(in: image, "echo ran", limits: .beside), name)
                    #expect(await other.sink.output == "good\n")
                    #expect(await host.sink.output == "host\n")
                }
                // The whole store led elsewhere, by a server that was taken over.
                let store = harness.folder.appending(path: "rootfs")
                try files.moveItem(at: store, to: harness.folder.appending(path: "elsewhere"))
                try files.createSymbolicLink(atPath: store.path, withDestinationPath: "elsewhere")
                expect("rootfs.open", await harness.shell(in: good, "echo ran"))
                for name in ["", "HOST", "../host", "plain", String(repeating: "A", count: 64), good.name + "/.."] {
                    expect("plan.rootfs", await harness.run(["/bin/true"], rootfs: name), name)
                }
                #expect(await harness.shell("echo host").sink.output == "host\n")
            }
        }

        /// A program that the machine or the image cannot start is its author's to mend.
        @Test func foreignProgramsAndMissingLoadersAreTold() async throws {
            try await CellHarness.with { harness in
                let image = try TestImage(harness, "foreign") { tree in
                    // An ELF header of another architecture; a program of the host's without its loader; no script.
                    var header = try Data(contentsOf: URL(filePath: "/bin/busybox")).prefix(4_096)
                    header[18] = 8
                    try header.write(to: tree.appending(path: "bin/foreign"))
                    let real = URL(filePath: "/usr/bin/env").resolvingSymlinksInPath().path
                    try FileManager.default.copyItem(atPath: real, toPath: tree.appending(path: "bin/loaderless").path)
                    try Data("#!/usr/bin/nothing\n".utf8).write(to: tree.appending(path: "bin/script"))
                    for name in ["foreign", "script"] { chmod(tree.appending(path: "bin/\(name)").path, 0o755) }
                }
                for (command, words) in [
                    ("foreign", "architecture"), ("loaderless", "interpreter"), ("script", "interpreter"),
                    ("none", "no ‘none’"),
                ] {
                    let (result, sink) = await harness.run([command], rootfs: image.name)
                    guard case .notStarted(let reason) = result.outcome else {
                        Issue.record("\(command): \(result.outcome)")
                        continue
                    }
                    #expect(reason.contains(words), "\(reason)")
                    #expect(sink.output == "")
                }
            }
        }

        /// Set-id files have no effect and nodes cannot be opened, though an import should have let neither in; and an overlay's own
        /// marks mean nothing in an image.
        @Test func whatAnImportShouldHaveRefusedHasNoEffect() async throws {
            try await CellHarness.with { harness in
                var marks: [(String, String, String)] = []
                let image = try TestImage(harness, "marked") { tree in
                    func path(_ name: String) -> String { tree.appending(path: name).path }
                    try TestImage.copy("/usr/bin/id", to: tree, as: "bin/rooted")
                    chmod(path("bin/rooted"), 0o6755)
                    mknod(path("disk"), S_IFBLK | 0o666, 0xfe00)
                    mknod(path("null"), S_IFCHR | 0o666, 0x0103)
                    // What an overlay would take for a whiteout.
                    mknod(path("white"), S_IFCHR, 0)
                    for name in ["a", "b"] {
                        mkdir(path(name), 0o755)
                        try Data("\(name)\n".utf8).write(to: tree.appending(path: "\(name)/which"))
                        mkdir(path("etc/\(name)"), 0o755)
                        try Data("\(name)\n".utf8).write(to: tree.appending(path: "etc/\(name)/which"))
                    }
                    for space in ["trusted", "user"] {
                        for (name, mark, value) in [
                            ("a", "redirect", "/b"), ("etc/a", "redirect", "b"), ("etc", "opaque", "y"),
                            ("b", "opaque", "x"),
                            ("etc/b", "whiteouts", "y"), ("etc", "redirect", "/b"), ("a/which", "redirect", "/etc/own"),
                        ] {
                            marks.append((path(name), "\(space).overlay.\(mark)", value))
                        }
                    }
                }
                try Self.set(marks, hasMarks: TestImage.fileSystem(of: image.tree) == "ext2/ext3")
                let script = """
                    rooted -u; cat /a/which /b/which /etc/a/which /etc/b/which /etc/own; whoami
                    for f in /disk /null; do (cat $f > /dev/null) 2>/dev/null && echo opened $f; done; true
                    """
                let (result, sink) = await harness.shell(in: image, script)
                #expect(result.outcome == .exited(code: 0), "\(sink.error)")
                let lines = sink.output.split(separator: "\n").map(String.init)
                #expect(Int(lines.first ?? "").map { $0 > 1_000 } == true, "\(lines)")
                #expect(lines.dropFirst() == ["a", "b", "a", "b", "of the image", "cell"], "\(lines)")
            }
        }

        /// Extended attributes, which Swift's Glibc lacks. Where the images lie on an overlay there are none of these.
        private static func set(_ marks: [(String, String, String)], hasMarks: Bool) throws {
            let script = """
                import os, sys
                for place in range(1, len(sys.argv), 3):
                    path, name, value = sys.argv[place:place + 3]
                    os.setxattr(path, name, value.encode())
                """
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/python3")
            process.arguments = ["-c", script] + marks.flatMap { [$0.0, $0.1, $0.2] }
            if !hasMarks { process.standardError = FileHandle.nullDevice }
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0 || !hasMarks)
        }
    }
}
