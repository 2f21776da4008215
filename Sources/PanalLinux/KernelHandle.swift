internal import Glibc

/// One of the kernel's small files, kept open: a limit that is set again for each run, a counter that is read after it.
final class KernelHandle {
    private let file: Descriptor
    private let path: String

    /// Opens `path` for what the kernel allows of it: reading, writing or both.
    init(_ path: String, _ flags: Int32 = O_RDONLY) throws(SystemCallFailure) {
        self.path = path
        file = try Descriptor.open(path, flags)
    }

    /// The whole text without its last newline; at most 4 KiB.
    func text() throws(SystemCallFailure) -> String {
        String(decoding: try bytes(), as: UTF8.self)
    }

    /// The file's only word as a number.
    func number() throws(SystemCallFailure) -> Int64 {
        guard let number = Int64(try text()) else { throw SystemCallFailure(call: "read(\(path))", errno: EBADMSG) }
        return number
    }

    /// The value behind `key` in a file of lines `key value`.
    func entry(_ key: String) throws(SystemCallFailure) -> Int64 {
        for line in try text().split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == key, let value = Int64(words[1]) { return value }
        }
        throw SystemCallFailure(call: "read(\(path): \(key))", errno: ENODATA)
    }

    /// Writes without reading back: for files that hold no value of their own.
    func write(_ text: String) throws(SystemCallFailure) {
        var text = text
        let written = text.withUTF8 { bytes in unsafe pwrite(file.raw, bytes.baseAddress, bytes.count, 0) }
        try SystemCallFailure.checkErrno(written, "write(\(path))")
    }

    /// Makes the file say `value` and reads it back; what says so already is not written.
    func set(_ value: String, step: String) throws(StepFailure) {
        var found = try StepFailure.naming(step) { () throws(SystemCallFailure) in try text() }
        if found == value { return }
        found = try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try write(value)
            return try text()
        }
        guard found == value else {
            throw StepFailure(step: step, detail: "\(path) was set to \(value) and reads \(found)", errno: 0)
        }
    }

    private func bytes() throws(SystemCallFailure) -> [UInt8] {
        var failure: Int32 = 0
        var bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4_096) { buffer, count in
            let got = unsafe pread(file.raw, buffer.baseAddress, buffer.count, 0)
            failure = got < 0 ? errno : 0
            count = max(0, got)
        }
        guard failure == 0 else { throw SystemCallFailure(call: "read(\(path))", errno: failure) }
        if bytes.last == 10 { bytes.removeLast() }
        return bytes
    }
}
