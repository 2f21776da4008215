import PanalCore
import PanalService
import Testing

/// Which addresses are taken apart, and which of them are anybody's on the internet.
@Suite("Webhook addresses") struct WebhookTargetTests {
    @Test(arguments: [
        ("https://example.com", "https://example.com:443/"),
        ("HTTP://Example.COM:8080/a?b", "http://example.com:8080/a?b"),
        ("https://example.com?x=1", "https://example.com:443/?x=1"),
        ("https://[2606:2800:220:1::]:8443/x", "https://[2606:2800:220:1::]:8443/x"),
        ("http://93.184.216.34", "http://93.184.216.34:80/"),
    ]) func decentOnesAreTaken(text: String, url: String) throws {
        #expect(try WebhookTarget(text).url == url)
    }

    @Test(arguments: [
        "", "example.com", "ftp://example.com/", "file:///etc/passwd", "gopher://a/", "https:/a", "https://",
        "https:///a",
        "http://user@example.com/", "http://user:password@example.com/", "http://example.com@127.0.0.1/",
        "http://example.com#@127.0.0.1/", "http://example.com/#a", "http://exa mple.com/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com/\r\nX: y", "http://example.com/\u{0}", "http://ex\u{e4}mple.com/", "http://①②⑦.0.0.1/",
        "http://%31%32%37.0.0.1/", "http://127。0。0。1/", "http://[::1", "http://[::1]x/", "http://[example.com]/",
        "http://[fe80::1%25eth0]/", "http://::1/", "http://a:b/", "http://a:/", "http://a:0/", "http://a:65536/",
        "http://a:+80/", "http://a:25/", "http://a:22/", "https://a:6379x/", "http://a..b/", "http://.a/",
        "https://\(String(repeating: "a", count: 254))/", "https://a/\(String(repeating: "a", count: 3_000))",
    ]) func doubtfulOnesAreNot(text: String) {
        #expect(throws: ServiceError.self) { try WebhookTarget(text) }
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.0.1", "198.18.0.1",
        "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16", "::", "::1",
        "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
        "100::1",
        "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
        "3fff::1",
        "5f00::1", "4000::1",
    ]) func insideIsRefused(text: String) throws {
        let address = try #require(NetworkAddress(text))
        #expect(WebhookPolicy().refusal(of: address) != nil)
    }

    @Test(arguments: [
        "93.184.216.34", "1.1.1.1", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255",
        "223.255.255.255", "::ffff:1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1",
    ]) func theInternetIsAllowed(text: String) throws {
        let address = try #require(NetworkAddress(text))
        #expect(WebhookPolicy().refusal(of: address) == nil)
    }

    /// What is known without a name server is said when the address is given, not when the first message does not arrive.
    @Test(arguments: [
        "localhost", "LocalHost", "localhost.", "a.localhost", "a.b.localhost.", "127.0.0.1", "127.0.0.1.", "127.1",
        "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "0X7F000001", "2130706433", "017700000001", "0", "10.1",
        "0xa000001", "192.168.257", "169.254.43518", "[::1]", "[::ffff:127.0.0.1]", "[fd00::1]", "[0:0:0:0:0:0:0:1]",
    ]) func insideIsKnownBySpelling(host: String) throws {
        let target = try WebhookTarget("http://\(host):8080/")
        #expect(WebhookPolicy().refusal(of: target)?.contains("public internet") == true)
        let everything = ["0.0.0.0/0", "::/0"].compactMap { Network($0) }
        #expect(WebhookPolicy(allowed: everything).refusal(of: target) == nil)
    }

    @Test(arguments: [
        "example.com", "localhost.example.com", "notlocalhost", "1.example", "0x7f.example", "1.1", "0x1010101",
        "93.184.216.34", "[2606:4700:4700::1111]",
    ]) func whatMayBeOutsideIsTaken(host: String) throws {
        #expect(WebhookPolicy().refusal(of: try WebhookTarget("https://\(host)/")) == nil)
    }

    /// One of its two addresses is enough: which one it has is seen when it is looked up.
    @Test(arguments: ["127.0.0.0/8", "::1"]) func theOperatorAllowsThisMachine(network: String) throws {
        let policy = WebhookPolicy(allowed: [try #require(Network(network))])
        #expect(policy.refusal(of: try WebhookTarget("http://localhost:9000/")) == nil)
    }

    @Test(arguments: ["256.1.1.1", "1.2.3.4.5", "a.1", "0x", "a.0xg1.0x", "1.2.3.256", "0x1ffffffff", "08.1.1.1"])
    func numbersThatAreNoAddressAreNoHost(host: String) {
        #expect(throws: ServiceError.self) { try WebhookTarget("http://\(host)/") }
    }

    @Test func theOperatorAllowsNetworks() throws {
        let policy = WebhookPolicy(allowed: [try #require(Network("10.1.0.0/16")), try #require(Network("fd00::/8"))])
        for (text, isAllowed) in [
            ("10.1.255.255", true), ("10.2.0.0", false), ("::ffff:10.1.0.1", true), ("fd12::1", true),
            ("fe80::1", false),
        ] {
            #expect((policy.refusal(of: try #require(NetworkAddress(text))) == nil) == isAllowed, "\(text)")
        }
        for wrong in ["10.0.0.0/33", "10.0.0.0/-1", "a/8", "10.0.0.0/8/8", "", "::/129"] {
            #expect(Network(wrong) == nil)
        }
    }
}
