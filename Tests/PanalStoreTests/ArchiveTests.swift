import Foundation
import PanalCore
import PanalStore
import Testing

/// Builds the archive `kind` at `path`. Each branch is one archive; `t(name, …)` adds a tar entry, `z(name, …)` a zip entry.
private let builder = """
    import io, struct, sys, tarfile, zipfile, stat
    kind, path = sys.argv[1], sys.argv[2]
    def tar(build, mode='w', **more):
        with tarfile.open(path, mode, **more) as archive:
            def t(name, data=b'x', kind=tarfile.REGTYPE, link='', filemode=0o644):
                info = tarfile.TarInfo(name)
                info.type, info.linkname, info.mode = kind, link, filemode
                info.size = len(data) if kind == tarfile.REGTYPE else 0
                archive.addfile(info, io.BytesIO(data))
            build(t)
    def zip(build):
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
            def z(name, data=b'x', mode=0o100644, system=3):
                info = zipfile.ZipInfo(name)
                info.create_system, info.external_attr = system, mode << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, data)
            build(z)
    cases = {
        'good.tar': lambda: tar(lambda t: (t('./', kind=tarfile.DIRTYPE), t('./bin/', kind=tarfile.DIRTYPE, filemode=0o777),
            t('./bin/tool', b'#!/bin/sh\\n', filemode=0o4755), t('data/ñandú.txt', b'abc', filemode=0o666))),
        'good.tar.gz': lambda: tar(lambda t: (t('bin/tool', b'#!/bin/sh\\n', filemode=0o755), t('data/ñandú.txt', b'abc')), 'w:gz'),
        'pax.tar': lambda: tar(lambda t: (t('bin/tool', b'#!/bin/sh\\n', filemode=0o755), t('data/ñandú.txt', b'abc')), format=tarfile.PAX_FORMAT),
        'good.zip': lambda: zip(lambda z: (z('bin/', b'', 0o40755), z('bin/tool', b'#!/bin/sh\\n', 0o100755), z('data/ñandú.txt', b'abc'))),
        'absolute.tar': lambda: tar(lambda t: t('/etc/evil')),
        'absolute.zip': lambda: zip(lambda z: z('/etc/evil')),
        'up.tar': lambda: tar(lambda t: t('../evil')),
        'up.zip': lambda: zip(lambda z: z('a/../../evil')),
        'up-folder.tar': lambda: tar(lambda t: t('a/..', kind=tarfile.DIRTYPE)),
        'symlink.tar': lambda: tar(lambda t: t('link', kind=tarfile.SYMTYPE, link='/etc/passwd')),
        'symlink.zip': lambda: zip(lambda z: z('link', b'/etc/passwd', 0o120777)),
        'through-link.tar': lambda: tar(lambda t: (t('d', kind=tarfile.SYMTYPE, link='/tmp'), t('d/evil'))),
        'hardlink.tar': lambda: tar(lambda t: (t('a'), t('b', kind=tarfile.LNKTYPE, link='a'))),
        'hardlink-out.tar': lambda: tar(lambda t: t('b', kind=tarfile.LNKTYPE, link='/etc/shadow')),
        'fifo.tar': lambda: tar(lambda t: t('pipe', kind=tarfile.FIFOTYPE)),
        'device.tar': lambda: tar(lambda t: t('disk', kind=tarfile.BLKTYPE)),
        'character.tar': lambda: tar(lambda t: t('null', kind=tarfile.CHRTYPE)),
        'twice.tar': lambda: tar(lambda t: (t('a', b'1'), t('./a', b'2'))),
        'twice.zip': lambda: zip(lambda z: (z('a', b'1'), z('b'), z('a', b'2'))),
        'case.tar': lambda: tar(lambda t: (t('Main'), t('main'))),
        'case-folder.zip': lambda: zip(lambda z: (z('Lib/a'), z('lib/b'))),
        'composed.tar': lambda: tar(lambda t: (t('ma\\u00f1ana'), t('man\\u0303ana')), format=tarfile.GNU_FORMAT),
        'composed.zip': lambda: zip(lambda z: (z('ma\\u00f1ana'), z('man\\u0303ana'))),
        'file-as-folder.tar': lambda: tar(lambda t: (t('a'), t('a/b'))),
        'folder-as-file.tar': lambda: tar(lambda t: (t('a/b'), t('a'))),
        'backslash.zip': lambda: zip(lambda z: z('..\\\\evil')),
        'backslash.tar': lambda: tar(lambda t: t('..\\\\evil')),
        'newline.tar': lambda: tar(lambda t: t('a\\nb')),
        'latin1.tar': lambda: tar(lambda t: t('ma\\u00f1ana'), encoding='latin-1', format=tarfile.USTAR_FORMAT),
        'long.tar': lambda: tar(lambda t: t('x' * 256)),
        'deep.tar': lambda: tar(lambda t: t('d/' * 40 + 'f')),
        'many.tar.gz': lambda: tar(lambda t: [t(f'f{n}', b'') for n in range(2000)], 'w:gz'),
        'folders.zip': lambda: zip(lambda z: [z(f'f{n}/', b'', 0o40755) for n in range(2000)]),
        'big.tar': lambda: tar(lambda t: t('big', bytes(3 << 20))),
        'bomb.tar.gz': lambda: tar(lambda t: t('bomb', bytes(40 << 20)), 'w:gz'),
        'bomb.zip': lambda: zip(lambda z: z('bomb', bytes(40 << 20))),
        'empty.zip': lambda: zip(lambda z: None),
        'empty.tar': lambda: open(path, 'wb').close(),
        'text.tar.gz': lambda: open(path, 'w').write('I am no archive'),
        'text.zip': lambda: open(path, 'w').write('I am no archive'),
        'tar.zip': lambda: tar(lambda t: t('a')),
    }
    def directory(count, told, big=False):
        # Entries that stand in the directory alone, all of one file at the beginning.
        local = struct.pack('<4sHHHHHIIIHH', b'PK\\x03\\x04', 20, 0, 0, 0, 33, 0, 0, 0, 1, 0) + b'a'
        entry = struct.pack('<4sHHHHHHIIIHHHHHII', b'PK\\x01\\x02', 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b'a'
        size, place = count * len(entry), len(local)
        with open(path, 'wb') as file:
            file.write(local + entry * count)
            if big:
                file.write(struct.pack('<4sQHHIIQQQQ', b'PK\\x06\\x06', 44, 45, 45, 0, 0, told, told, size, place))
                file.write(struct.pack('<4sIQI', b'PK\\x06\\x07', 0, place + size, 1))
                size = place = 0xFFFFFFFF
            file.write(struct.pack('<4sHHHHIIH', b'PK\\x05\\x06', 0, 0, told, told, size, place, 0))
    cases['directory.zip'] = lambda: directory(30_000, 30_000)
    cases['directory-lie.zip'] = lambda: directory(30_000, 1)
    cases['directory-64.zip'] = lambda: directory(30_000, 1, True)
    if kind == 'cut.tar.gz':
        tar(lambda t: t('a', bytes(range(256)) * 4000), 'w:gz')
        data = open(path, 'rb').read()
        open(path, 'wb').write(data[:len(data) // 2])
    elif kind == 'cut.zip':
        # The files are whole; the directory at the end is not.
        zip(lambda z: (z('a'), z('b')))
        data = open(path, 'rb').read()
        open(path, 'wb').write(data[:len(data) - 30])
    elif kind == 'sparse.tar':
        # GNU sparse: one byte of data, a terabyte of file.
        def octal(value): return b'%011o\\0' % value
        header = bytearray(512)
        header[0:6] = b'sparse'
        header[100:108], header[124:136], header[136:148] = b'0000644\\0', octal(512), octal(0)
        header[156:157], header[257:265] = b'S', b'ustar  \\0'
        header[386:398], header[398:410] = octal(0), octal(512)
        header[483:495] = b'\\x80' + (1 << 40).to_bytes(11, 'big')
        header[148:156] = b' ' * 8
        header[148:156] = b'%06o\\0 ' % sum(header)
        open(path, 'wb').write(bytes(header) + bytes(512) + bytes(1024))
    else:
        cases[kind]()
    """

@Suite struct ArchiveTests {
    private static let limits = ArchiveLimits(entries: 1_000, bytes: 64 << 20, ratio: 200, depth: 32)

    private func stage(
        _ kind: String, limits: ArchiveLimits = limits, in fixture: BlobFixture
    ) async throws -> any StagedProgram {
        let path = fixture.folder.path + "/" + kind
        try python(builder, kind, path)
        let content = try await fixture.put(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
        let format = try #require(ArchiveFormat(fileName: kind))
        return try await fixture.blobs.stage(.archive(format, content: content), limits: limits)
    }

    /// The same program in each format: the same files, and modes that are ours whatever the archive says.
    @Test(arguments: ["good.tar", "good.tar.gz", "pax.tar", "good.zip"])
    func goodArchives(kind: String) async throws {
        let fixture = try BlobFixture()
        let staged = try await stage(kind, in: fixture)
        #expect(
            staged.files == [
                ProgramFile(path: "bin/tool", bytes: 10, isExecutable: true, head: Array("#!/bin/sh\n".utf8)),
                ProgramFile(path: "data/ñandú.txt", bytes: 3, isExecutable: false, head: Array("abc".utf8)),
            ])
        let (content, bytes) = try await staged.commit(manifest: Array("{}".utf8), entry: "bin/tool")
        #expect(bytes == 13)
        let tree = try fixture.folder.tree("data/programs").map { $0.replacing(content.hex, with: "P") }
        #expect(tree == ["P 555", "P/bin 555", "P/bin/tool 555", "P/data 555", "P/data/ñandú.txt 444"])
        #expect(try fixture.folder.tree("data/temporary") == [])
        #expect(try await fixture.blobs.program(content).size > 0)
    }

    /// Formats agree on the content's hash; another manifest or entry is another program.
    @Test func theHashIsOverWhatIsInside() async throws {
        let fixture = try BlobFixture()
        func commit(_ kind: String, _ manifest: String, _ entry: String) async throws -> ContentHash {
            let staged = try await stage(kind, in: fixture)
            let content = try await staged.commit(manifest: Array(manifest.utf8), entry: entry).content
            await staged.keep()
            return content
        }
        let first = try await commit("good.tar", "{}", "bin/tool")
        #expect(try await commit("good.zip", "{}", "bin/tool") == first)
        #expect(try await commit("good.tar", "{ }", "bin/tool") != first)
        #expect(try await commit("good.tar", "{}", "data/ñandú.txt") != first)
        #expect(try fixture.folder.tree("data/temporary") == [])
        // Two programs without their files, and then none.
        let later = Timestamp(Date(timeIntervalSinceNow: 60))
        #expect(try await fixture.blobs.removePrograms(except: [first], before: later) == 2)
        #expect(try await fixture.blobs.program(first).size > 0)
    }

    /// What is refused, with a part of the message that names the entry or the cause.
    @Test(arguments: [
        ("absolute.tar", "‘/etc/evil’ is an absolute name"),
        ("absolute.zip", "‘/etc/evil’ is an absolute name"),
        ("up.tar", "‘../evil’ leads out of its folder"),
        ("up.zip", "‘a/../../evil’ leads out of its folder"),
        ("up-folder.tar", "‘a/../’ leads out of its folder"),
        ("symlink.tar", "‘link’ is a symbolic link"),
        ("symlink.zip", "‘link’ is a symbolic link"),
        ("through-link.tar", "‘d’ is a symbolic link"),
        ("hardlink.tar", "‘b’ is a hard link"),
        ("hardlink-out.tar", "‘b’ is a hard link"),
        ("fifo.tar", "‘pipe’ is a FIFO"),
        ("device.tar", "‘disk’ is a device"),
        ("character.tar", "‘null’ is a device"),
        ("twice.tar", "‘./a’ is there twice"),
        ("twice.zip", "‘a’ is there twice"),
        ("case.tar", "‘main’ differs from ‘Main’ only in case"),
        ("case-folder.zip", "‘lib/b’ differs from ‘Lib’ only in case"),
        ("composed.tar", "only in case or in how letters are composed"),
        ("composed.zip", "‘mañana’ is there twice"),
        ("file-as-folder.tar", "‘a/b’ is a file and a folder at once"),
        ("folder-as-file.tar", "‘a’ is a file and a folder at once"),
        ("backslash.zip", "‘../evil’ leads out of its folder"),
        ("backslash.tar", "holds a backslash"),
        ("newline.tar", "‘a?b’ holds a control character"),
        ("latin1.tar", "not UTF-8"),
        ("long.tar", "longer than 255 bytes"),
        ("deep.tar", "lies deeper than 32 folders"),
        ("many.tar.gz", "more than 1000 files and folders"),
        ("folders.zip", "more than 1000 files and folders"),
        ("directory.zip", "its directory has 1410022 bytes"),
        ("directory-lie.zip", "its directory has 1410022 bytes"),
        ("directory-64.zip", "its directory has 1410098 bytes"),
        ("bomb.tar.gz", "‘bomb’ unpacks to more than 200 times"),
        ("bomb.zip", "‘bomb’ unpacks to more than 200 times"),
        ("sparse.tar", "‘sparse’ unpacks to more than 200 times"),
        ("cut.tar.gz", "damaged"),
        ("cut.zip", "damaged"),
        ("empty.zip", "no .zip archive"),
        ("empty.tar", "no .tar archive"),
        ("text.tar.gz", "no .tar.gz archive"),
        ("text.zip", "no .zip archive"),
        ("tar.zip", "no .zip archive"),
    ])
    func hostileArchives(kind: String, message: String) async throws {
        let fixture = try BlobFixture()
        let error = await #expect(throws: ArchiveError.self) { _ = try await stage(kind, in: fixture) }
        #expect(error?.sentence.contains(message) == true, "\(error?.sentence ?? "taken")")
        #expect(try fixture.folder.tree("data/temporary") == [])
        #expect(try fixture.folder.tree("data/programs") == [])
    }

    @Test func theSizeIsLimited() async throws {
        let fixture = try BlobFixture()
        let error = await #expect(throws: ArchiveError.self) {
            _ = try await stage("big.tar", limits: ArchiveLimits(bytes: 1 << 20), in: fixture)
        }
        #expect(error == ArchiveError(.tooLarge, "it unpacks to more than 1 MiB"))
        #expect(try fixture.folder.tree("data/temporary") == [])
    }

    /// A staged program that is dropped, in whatever way, leaves nothing; committing it twice is refused.
    @Test(arguments: ["discard", "forgotten"])
    func stagedProgramsAreForgotten(how: String) async throws {
        let fixture = try BlobFixture()
        var staged: (any StagedProgram)? = try await stage("good.zip", in: fixture)
        if how == "discard" {
            await staged?.discard()
            await #expect(throws: BlobError.closed) { _ = try await staged?.commit(manifest: [], entry: "bin/tool") }
        }
        staged = nil
        // The thread that unpacked it may hold it for a moment longer, and remove it while it is listed here.
        let limit = ContinuousClock.now + .seconds(5)
        while (try? fixture.folder.tree("data/temporary")) != [], ContinuousClock.now < limit {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try fixture.folder.tree("data/temporary") == [])
        #expect(try fixture.folder.tree("data/programs") == [])
    }

    @Test func aSingleFileBecomesExecutable() async throws {
        let fixture = try BlobFixture()
        let content = try await fixture.put(Array("#!/bin/sh\n".utf8))
        let source = ProgramSource.file(name: "tool.sh", content: content)
        let first = try await fixture.blobs.stage(source, limits: Self.limits)
        let program = try await first.commit(manifest: [], entry: "tool.sh").content
        // Published again it is the same program, and what was staged is gone.
        let second = try await fixture.blobs.stage(source, limits: Self.limits)
        #expect(try await second.commit(manifest: [], entry: "tool.sh").content == program)
        let tree = try fixture.folder.tree("data/programs").map { $0.replacing(program.hex, with: "P") }
        #expect(tree == ["P 555", "P/tool.sh 555"])
        #expect(try fixture.folder.tree("data/temporary") == [])
        await #expect(throws: BlobError.missing(StoreFixture.hash("0"))) {
            _ = try await fixture.blobs.stage(
                .file(name: "a", content: StoreFixture.hash("0")), limits: Self.limits)
        }
    }
}
