import PanalHTTP

/// One address that is to be listened on, as the operator wrote it.
struct ListenerPlan: Hashable, Sendable {
    var host: String
    var port: Int
    var isSecure: Bool
    var faces: Set<Face>

    /// With the port that was taken, where 0 was asked for.
    func url(port taken: Int? = nil) -> String {
        let shown = host.contains(":") ? "[\(host)]" : host
        return "\(isSecure ? "https" : "http")://\(shown):\(taken ?? port)/"
    }

    var url: String { url() }

    /// What the listener is called where it is announced; the one that people open comes first.
    func announcement(port: Int?, isFirst: Bool) -> String {
        let names: [(Face, String)] = [
            (.pages, "the pages"), (.interface, "the programming interface"), (.operations, "operations"),
        ]
        let name =
            isFirst ? "Panal" : "Panal (\(names.filter { faces.contains($0.0) }.map(\.1).joined(separator: ", ")))"
        return "\(name) listens on \(url(port: port))"
    }

    /// The listeners of all faces that are not off; faces at the same address share one. Throws `SettingsMistake`.
    static func all(_ reader: SettingsReader, hasCertificate: Bool) throws -> [ListenerPlan] {
        let common = ListenerPlan(
            host: try reader.text("host"), port: try reader.integer("port"), isSecure: hasCertificate, faces: [])
        var plans: [ListenerPlan] = []
        for (key, face) in [("pages", Face.pages), ("api", .interface), ("operations", .operations)] {
            let text = try reader.text(key)
            guard text != "off" else { continue }
            let plan = text.isEmpty ? common : try read(text, key, reader, hasCertificate: hasCertificate)
            let same = plans.firstIndex {
                // Each free port is another one, but for the common address.
                $0.host == plan.host && $0.port == plan.port && (plan.port != 0 || text.isEmpty)
            }
            if let same {
                guard plans[same].isSecure == plan.isSecure else {
                    throw SettingsMistake(
                        detail: "\(plan.host):\(plan.port) cannot have both http:// and https://; use two ports")
                }
                plans[same].faces.insert(face)
            } else {
                var plan = plan
                plan.faces = [face]
                plans.append(plan)
            }
        }
        guard !plans.isEmpty else {
            throw SettingsMistake(detail: "--pages, --api and --operations are all off: nothing would be listened on")
        }
        return plans
    }

    private static func read(
        _ text: String, _ key: String, _ reader: SettingsReader, hasCertificate: Bool
    ) throws -> ListenerPlan {
        let expected = "an address such as 127.0.0.1:9090, [::1]:9090 or http://127.0.0.1:9090, or off"
        var rest = text[...]
        var isSecure = hasCertificate
        if rest.hasPrefix("http://") {
            rest.removeFirst(7)
            isSecure = false
        } else if rest.hasPrefix("https://") {
            rest.removeFirst(8)
            guard hasCertificate else {
                throw SettingsMistake(detail: "--\(key) \(text) needs --tls-certificate and --tls-key")
            }
        }
        if rest.hasSuffix("/") { rest.removeLast() }
        guard let colon = rest.lastIndex(of: ":"), let port = Int(rest[rest.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw try reader.wrong(try SettingsReader.setting(key), expected) }
        var host = rest[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw try reader.wrong(try SettingsReader.setting(key), expected)
        }
        guard !host.isEmpty, !host.contains("/"), !host.contains("@") else {
            throw try reader.wrong(try SettingsReader.setting(key), expected)
        }
        return ListenerPlan(host: String(host), port: port, isSecure: isSecure, faces: [])
    }
}

/// Where certificate and key are; both or neither is given.
struct CertificateFiles: Hashable, Sendable {
    var certificate: String
    var key: String

    /// Nil where neither is set. Throws `SettingsMistake`.
    init?(_ reader: SettingsReader) throws {
        let certificate = try reader.text("tls-certificate")
        let key = try reader.text("tls-key")
        guard certificate.isEmpty == key.isEmpty else {
            let missing = certificate.isEmpty ? "--tls-certificate" : "--tls-key"
            throw SettingsMistake(detail: "TLS needs --tls-certificate and --tls-key; \(missing) is not set")
        }
        guard !certificate.isEmpty else { return nil }
        self.certificate = Settings.absolute(certificate)
        self.key = Settings.absolute(key)
    }
}
