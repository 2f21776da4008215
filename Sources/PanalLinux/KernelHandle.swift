internal import Glibc

/// One of the kernel's small files, kept open: a limit that is set again for each run, a counter that is read after it.
final class KernelHandle {
    private let file: Descriptor
    let path: String

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
        let bytes = try bytes()
        guard let number = Self.number(bytes[...]) else {
            throw SystemCallFailure(call: "read(\(path))", errno: EBADMSG)
        }
        return number
    }

    /// The value behind `key` in a file of lines `key value`, or of words `key=value`: the first there is.
    func entry(_ key: String, mark: UInt8 = 32) throws(SystemCallFailure) -> Int64 {
        let bytes = try bytes()
        guard let number = Self.entry(key, mark: mark, in: bytes) else {
            throw SystemCallFailure(call: "read(\(path): \(key))", errno: ENODATA)
        }
        return number
    }

    /// Byte by byte: these files are read several times for each run, for which strings are too slow.
    static func entry(_ key: String, mark: UInt8, in bytes: [UInt8]) -> Int64? {
        let key = Array(key.utf8)
        var start = 0
        while start + key.count < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != 10, mark == 32 || bytes[end] != 32 { end += 1 }
            let value = start + key.count
            if value < end, bytes[value] == mark, bytes[start..<value].elementsEqual(key) {
                return number(bytes[(value + 1)..<end])
            }
            start = end + 1
        }
        return nil
    }

    /// A decimal number without anything before it or after it.
    static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        let isNegative = digits.first == 45
        let digits = isNegative ? digits.dropFirst() : digits
        guard !digits.isEmpty, digits.count <= 19 else { return nil }
        var number: Int64 = 0
        for digit in digits {
            guard (48...57).contains(digit) else { return nil }
            let (tens, isTooMany) = number.multipliedReportingOverflow(by: 10)
            let (sum, isOver) = tens.addingReportingOverflow(Int64(digit - 48))
            guard !isTooMany, !isOver else { return nil }
            number = sum
        }
        return isNegative ? -number : number
    }

    /// Writes without reading back: for files that hold no value of their own.
    func write(_ text: String) throws(SystemCallFailure) {
        var text = text
        let written = text.withUTF8 { bytes in unsafe pwrite(file.raw, bytes.baseAddress, bytes.count, 0) }
        try SystemCallFailure.checkErrno(written, "write(\(path))")
    }

    /// Makes the file say `value` and reads it back; what says so already is not written.
    func set(_ value: String, step: String) throws(StepFailure) {
        let wanted = Array(value.utf8)
        if try StepFailure.naming(step, { () throws(SystemCallFailure) in try bytes() }) == wanted { return }
        try change(to: value, step: step)
    }

    /// The same where it is known to say something else, or may be written again.
    func change(to value: String, step: String) throws(StepFailure) {
        let wanted = Array(value.utf8)
        let found = try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try write(value)
            return try bytes()
        }
        guard found == wanted else {
            let found = String(decoding: found, as: UTF8.self)
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
