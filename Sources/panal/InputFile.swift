import FoundationEssentials
import Glibc
import PanalClient
import PanalCore
import PanalManifest

/// A file of the caller's, read whole; ‘-’ is standard input.
enum InputFile {
    /// Throws `local` when it cannot be read.
    static func bytes(_ path: String) throws(ClientFailure) -> [UInt8] {
        if path == "-" { return try standardInput() }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ClientFailure(.local, "\(path) cannot be read")
        }
        return Array(data)
    }

    /// A pipe has no size by which it could be read whole.
    private static func standardInput() throws(ClientFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe read(STDIN_FILENO, &piece, piece.count)
            if count == 0 { return bytes }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw ClientFailure(
                    .local, "standard input cannot be read: \(unsafe String(cString: strerror(errno)))")
            }
            bytes += piece[..<count]
        }
    }

    /// A JSON object. Throws `local` for anything else.
    static func object(_ path: String) throws(ClientFailure) -> JSONValue {
        let value: JSONValue
        let bytes = try bytes(path)
        do throws(Mistake) {
            value = try JSONReader.read(bytes)
        } catch {
            throw ClientFailure(.local, "\(path) is no JSON: \(error.detail)")
        }
        guard case .object = value else {
            throw ClientFailure(.local, "\(path) is \(value.kind), not an object")
        }
        return value
    }
}
