import Foundation
import PanalCore
import PanalLinux
import PanalSandbox
import PanalSeccomp
import Testing

/// Reading of a `mountinfo` what is not as it must be.
@Suite struct MountListTests {
    static let expected = [
        ExpectedMount("/", system: "overlay ", flags: ["ro", "nosuid"], below: nil),
        ExpectedMount("/tmp", system: "tmpfs ", flags: ["nosuid"]),
        ExpectedMount("/tmp", folder: "/tmp", system: "tmpfs none rw", flags: ["nosuid"], below: 1, same: 1),
    ]
    static let lines = [
        "7 1 0:5 / / ro,nosuid - overlay panal ro", "8 7 0:6 / /tmp rw,nosuid,nodev - tmpfs none rw",
        "9 8 0:6 /tmp /tmp rw,nosuid - tmpfs none rw",
    ]

    @Test func whatIsAsItMustBe() {
        #expect(MountList.difference(of: Array(Self.lines.joined(separator: "\n").utf8), from: Self.expected) == nil)
        #expect(
            MountList.difference(of: Array(Self.lines.reversed().joined(separator: "\n").utf8), from: Self.expected)
                == nil)
    }

    /// A line and what it becomes; nil where it is missing.
    @Test(
        arguments: [
            (0, nil), (1, nil), (2, nil), (0, "7 1 0:5 / / rw,nosuid - overlay panal ro"),
            (0, "7 1 0:5 /usr / ro,nosuid - overlay panal ro"), (0, "7 1 0:5 / / ro,nosuid - tmpfs panal ro"),
            (0, "7 9 0:5 / / ro,nosuid - overlay panal ro"),
            (0, "7 1 0:5 / / ro,nosuid shared:3 - overlay panal ro"),
            (0, "7 1 0:5 / / ro,nosuid master:3 - overlay panal ro"), (0, "7 1 0:5 / / ro,nosuid"),
            (1, "8 9 0:6 / /tmp rw,nosuid - tmpfs none rw"), (1, "8 7 0:6 / /work rw,nosuid - tmpfs none rw"),
            (2, "9 7 0:6 /tmp /tmp rw,nosuid - tmpfs none rw"), (2, "9 8 0:7 /tmp /tmp rw,nosuid - tmpfs none rw"),
            (2, "9 8 0:6 /work /tmp rw,nosuid - tmpfs none rw"), (2, "9 8 0:6 / /tmp rw,nosuid - tmpfs none rw"),
            (2, "9 8 0:6 /tmp /tmp rw,nodev - tmpfs none rw"),
            (2, "9 8 0:6 /tmp /tmp rw,nosuid - tmpfs none rw,size=1"),
            (2, "9 8 0:6 /tmp /tmp rw,nosuid - tmpfs none rw\n10 9 0:6 /tmp /tmp rw,nosuid - tmpfs none rw"),
        ] as [(Int, String?)])
    func whatIsNot(line: Int, text: String?) {
        var lines = Self.lines
        lines[line] = text ?? ""
        #expect(MountList.difference(of: Array(lines.joined(separator: "\n").utf8), from: Self.expected) != nil)
    }
}

extension LiveCells {
    /// The whole scratch, which its own `tmp` covers in a cell of root's.
    @Suite(.serialized) struct MountTests {
        /// It holds nothing but what `/tmp` and `/work` are; but no way leads there, not even under a policy that refuses nothing.
        @Test(arguments: ["default", "everything"])
        func nothingLeadsToWhatIsCovered(policy: String) async throws {
            // One instruction, in the order of bytes of both machines that there are: return SECCOMP_RET_ALLOW.
            let all = SeccompProgram(name: "everything", instructions: [6, 0, 0, 0, 0, 0, 0xff, 0x7f])
            try await CellHarness.with(filters: [all]) { harness in
                let (result, sink) = await harness.run(["/usr/bin/python3", "-c", Self.script], seccomp: policy)
                #expect(result.outcome == .exited(code: 0), "\(sink.output) \(sink.error)")
                let lines = sink.output.split(separator: "\n").map(String.init)
                #expect(lines.first == "['/', '/tmp'] ['/work'] True", "\(sink.output)")
                #expect(lines.last == "end", "\(sink.output) \(sink.error)")
                #expect(lines.filter { $0.hasPrefix("reached") } == ["reached what is there"])
                // Nothing else may be the reason: neither a mistake in the script (status 256) nor a crash.
                #expect(lines.filter { $0.hasPrefix("tried") && $0.hasSuffix(" 256") } == [])
                let hasOwn = policy == "everything" && !lines.contains { $0.hasPrefix("no namespaces") }
                #expect(lines.filter { $0.hasPrefix("tried") }.count == (hasOwn ? 75 : 38), "\(sink.output)")
            }
        }

        /// Tries each way in the cell's namespaces, and then, where the policy lets it make them, in namespaces of its own in which
        /// it has every right.
        private static let script = """
            import ctypes, os, struct
            libc = ctypes.CDLL(None, use_errno=True)
            mounts = [line.split() for line in open('/proc/self/mountinfo')]
            at = lambda place: sorted(words[3] for words in mounts if words[4] == place)
            device = {words[2] for words in mounts if words[4] in ('/tmp', '/work')}
            print(at('/tmp'), at('/work'), len(device) == 1)
            tmp, work = os.stat('/tmp'), os.stat('/work')
            def look(name, get):
                child = os.fork()
                if child:
                    print('tried', name, os.waitpid(child, 0)[1], flush=True)
                    return
                try:
                    found = get()
                    if found.st_dev == tmp.st_dev and found.st_ino not in (tmp.st_ino, work.st_ino):
                        print('reached', name, flush=True)
                    os._exit(0)
                except OSError:
                    os._exit(2)
            def call(number, *arguments):
                answer = libc.syscall(ctypes.c_long(number), *arguments)
                if answer < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
                return answer
            def openat2(folder, path, resolve):
                how = struct.pack('QQQ', os.O_PATH | os.O_DIRECTORY, 0, resolve)
                return os.fstat(call(437, folder, path, how, len(how)))
            def moved(path, *steps):
                os.chdir(path)
                for step in steps: os.chdir(step)
                return os.stat('.')
            def after(action, path='/tmp'):
                action()
                return os.stat(path)
            def by_handle(change):
                handle = bytearray(struct.pack('Ii', 120, 0) + bytes(120))
                buffer = (ctypes.c_char * len(handle)).from_buffer(handle)
                number = ctypes.c_int()
                call(303, -100, b'/tmp', buffer, ctypes.byref(number), 0)
                if change: handle[12:20] = struct.pack('Q', 1)
                return os.fstat(call(304, top, buffer, os.O_PATH))
            top, root = os.open('/tmp', os.O_PATH), os.open('/', os.O_PATH)
            def ways(prefix):
                for path in ['/tmp', '/tmp/.', '/tmp/..', '/tmp/../tmp', '/work/..', '/work/../tmp', '/dev/shm/..',
                    '/dev/shm/../tmp', '/proc/self/root/tmp', '/proc/self/root/tmp/..', '/proc/self/fd/%d/..' % top,
                    '/proc/self/fd/%d/tmp' % root, '/var/tmp/..']:
                    look(prefix + path, lambda: os.stat(path))
                look(prefix + 'opened ..', lambda: os.stat('..', dir_fd=top))
                look(prefix + 'cwd', lambda: moved('/tmp', '..'))
                look(prefix + 'cwd and back', lambda: moved('/tmp', '..', 'tmp'))
                look(prefix + 'cwd by proc', lambda: (os.chdir('/tmp'), os.stat('/proc/self/cwd/..'))[1])
                for resolve in (0, 1, 8, 16):
                    look(prefix + 'openat2 .. %d' % resolve, lambda: openat2(top, b'..', resolve))
                    look(prefix + 'openat2 tmp %d' % resolve, lambda: openat2(root, b'tmp', resolve))
                look(prefix + 'handle', lambda: by_handle(False))
                look(prefix + 'handle of the first', lambda: by_handle(True))
                look(prefix + 'chroot', lambda: after(lambda: call(161, b'/tmp'), '/..'))
                for flags in (0, 2, 8):
                    look(prefix + 'umount %d' % flags, lambda: after(lambda: call(166, b'/tmp', flags)))
                look(prefix + 'move', lambda: after(lambda: call(165, b'/tmp', b'/work', None, 8192, None)))
                look(prefix + 'bind', lambda: after(lambda: call(165, b'/', b'/work', None, 4096, None), '/work/tmp'))
                look(prefix + 'clone', lambda: os.stat('tmp', dir_fd=call(428, -100, b'/', 1)))
                look(prefix + 'clone of ..', lambda: os.fstat(call(428, top, b'..', 1)))
                look(prefix + 'move by descriptor', lambda: after(lambda: call(429, top, b'', -100, b'/work', 4)))
                look(prefix + 'pivot', lambda: after(lambda: call(155, b'/tmp', b'/tmp'), '/..'))
            # What is neither of the two, on the same file system: it would be noticed.
            os.mkdir('/tmp/there')
            look('what is there', lambda: os.stat('/tmp/there'))
            ways('')
            try:
                call(272, 0x10020000)
            except OSError as error:
                print('no namespaces:', error.strerror)
            else:
                ways('own ')
            print('end')
            """
    }
}
