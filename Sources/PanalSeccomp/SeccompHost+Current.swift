import Glibc

extension SeccompHost {
    /// This machine, for programs without capabilities.
    package static var current: SeccompHost {
        var names = utsname()
        guard unsafe uname(&names) == 0 else { return SeccompHost(kernel: (0, 0)) }
        let release = unsafe withUnsafeBytes(of: &names.release) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return SeccompHost(kernel: version(release) ?? (0, 0))
    }

    /// The first two numbers of `6.18.44-cloud`; nil when there are none.
    static func version(_ release: String) -> (major: Int, minor: Int)? {
        let parts = release.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1].prefix(while: \.isNumber)) else {
            return nil
        }
        return (major, minor)
    }
}

/// The names of `errno` values that policies use.
enum ErrnoName {
    static var notPermitted: UInt16 { UInt16(EPERM) }
    static var notThere: UInt16 { UInt16(ENOSYS) }

    private static let numbers: [String: Int32] = [
        "EPERM": EPERM, "ENOENT": ENOENT, "EIO": EIO, "EAGAIN": EAGAIN, "ENOMEM": ENOMEM, "EACCES": EACCES,
        "EBUSY": EBUSY, "ENODEV": ENODEV, "EINVAL": EINVAL, "EMFILE": EMFILE, "ENOTTY": ENOTTY, "ENOSPC": ENOSPC,
        "EROFS": EROFS, "ENOSYS": ENOSYS, "ENOPROTOOPT": ENOPROTOOPT, "EPROTONOSUPPORT": EPROTONOSUPPORT,
        "EOPNOTSUPP": EOPNOTSUPP, "ENOTSUP": ENOTSUP, "EAFNOSUPPORT": EAFNOSUPPORT, "ENETUNREACH": ENETUNREACH,
    ]

    static func number(_ name: String) -> UInt16? { numbers[name].map { UInt16($0) } }
}
