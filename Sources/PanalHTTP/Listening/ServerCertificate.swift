import FoundationEssentials
import NIOCore
package import NIOSSL
package import PanalCore
import Synchronization

/// Why a certificate cannot be used: which file, and what is wrong with it.
package struct CertificateMistake: Error, Hashable, Sendable {
    package var detail: String
}

/// A chain of certificates and its key, out of two PEM files that can be read again while the server runs: connections that stand keep
/// what they have, new ones get the new certificate.
package final class ServerCertificate: Sendable {
    private struct Content: Sendable {
        var chain: [NIOSSLCertificate]
        var key: NIOSSLPrivateKey
    }

    private let certificatePath: String
    private let keyPath: String
    private let content: Mutex<Content>

    /// Throws `CertificateMistake`.
    package init(certificate: String, key: String) throws {
        certificatePath = certificate
        keyPath = key
        content = Mutex(try Self.read(certificate, key))
    }

    /// Reads both files again. Where this fails the present certificate stays in use. Throws `CertificateMistake`.
    package func reload() throws {
        let fresh = try Self.read(certificatePath, keyPath)
        content.withLock { $0 = fresh }
    }

    /// When the first certificate of the chain ends.
    package var expires: Timestamp? {
        content.withLock { $0.chain.first.map { Timestamp(microseconds: Int64($0.notValidAfter) * 1_000_000) } }
    }

    /// What the server's side of a handshake begins with; each handshake takes the certificate of its moment.
    package func configuration() -> TLSConfiguration {
        let now = content.withLock { $0 }
        var configuration = Self.configuration(now)
        configuration.sslContextCallback = { [self] _, promise in
            let now = content.withLock { $0 }
            var override = NIOSSLContextConfigurationOverride()
            override.certificateChain = now.chain.map { .certificate($0) }
            override.privateKey = .privateKey(now.key)
            promise.succeed(override)
        }
        return configuration
    }

    private static func configuration(_ content: Content) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: content.chain.map { .certificate($0) }, privateKey: .privateKey(content.key))
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }

    private static func read(_ certificatePath: String, _ keyPath: String) throws -> Content {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(try bytes(of: certificatePath))
        } catch let mistake as CertificateMistake {
            throw mistake
        } catch {
            throw CertificateMistake(detail: "\(certificatePath) holds no certificates in PEM form")
        }
        guard !chain.isEmpty else {
            throw CertificateMistake(detail: "\(certificatePath) holds no certificates in PEM form")
        }
        let key: NIOSSLPrivateKey
        do {
            // Without this, a key with a pass phrase would have somebody asked for it at the terminal.
            key = try NIOSSLPrivateKey(bytes: try bytes(of: keyPath), format: .pem) { setter in setter([]) }
        } catch let mistake as CertificateMistake {
            throw mistake
        } catch {
            throw CertificateMistake(detail: "\(keyPath) holds no private key in PEM form, or one with a pass phrase")
        }
        let content = Content(chain: chain, key: key)
        do {
            _ = try NIOSSLContext(configuration: configuration(content))
        } catch {
            throw CertificateMistake(
                detail: "the key in \(keyPath) is not the one of the first certificate in \(certificatePath)")
        }
        return content
    }

    private static func bytes(of path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CertificateMistake(detail: "\(path) cannot be read")
        }
        return Array(data)
    }
}
