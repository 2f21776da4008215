import PanalClient
import Testing

@Suite("Which server, and with which key") struct ServerChoiceTests {
    @Test(arguments: [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"), ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("https://panal.example/cells//", "https://panal.example/cells"), ("HTTP://a", "http://a"),
        ("http://[::1]:80", "http://[::1]:80"),
    ]) func addresses(given: String, text: String) throws { #expect(try ServerAddress(given).text == text) }

    /// What is no address, and a word of what is said.
    @Test(arguments: [
        ("panal", "not an address"), ("ftp://a", "not an address"), ("http://", "not an address"),
        ("http://a:0", "not an address"), ("http://a:70000", "not an address"), ("http://a:b", "not an address"),
        ("http://a/?x", "not an address"), ("http://a b", "not an address"), ("http://a\r\nX: y", "not an address"),
        ("http://[::1", "not an address"), ("http://ana:secret@a", "no password in an address"),
    ]) func mistakes(given: String, words: String) {
        let failure = #expect(throws: ClientFailure.self) { try ServerAddress(given) }
        #expect(failure?.description.contains(words) == true)
        #expect(failure?.description.contains("secret") == false)
    }

    @Test(arguments: [
        ("http://localhost:1", true), ("http://127.9.9.9", true), ("http://[::1]:5", true),
        ("http://127.evil.example", false),
        ("http://10.0.0.1", false),
    ]) func whatStaysOnThisMachine(url: String, stays: Bool) throws {
        #expect(try ServerAddress(url).isLoopback == stays)
    }

    static var list: ServerList {
        var list = ServerList()
        for (name, url) in [("work", "https://work.example"), ("home", "http://127.0.0.1:8080")] {
            list.add(.init(url: url, user: "ana", key: "key of \(name)", keyID: "1", isOwnKey: true), as: name)
        }
        return list
    }

    struct Case: Sendable {
        var option: String?
        var environment: [String: String] = [:]
        /// Address and key; nil where nothing is to be asked at all.
        var url: String?
        var key: String?
    }

    /// A key goes to the server that it belongs to and to no other.
    @Test(arguments: [
        Case(url: "http://127.0.0.1:8080", key: "key of home"),
        Case(option: "work", url: "https://work.example", key: "key of work"),
        Case(option: "https://work.example/", url: "https://work.example", key: "key of work"),
        Case(option: "https://work.example.evil"),
        Case(option: "http://work.example"),
        Case(option: "nobody"),
        Case(environment: ["PANAL_URL": "https://ci.example", "PANAL_KEY": "k"], url: "https://ci.example", key: "k"),
        Case(environment: ["PANAL_URL": "https://ci.example"]),
        Case(environment: ["PANAL_URL": "https://work.example"], url: "https://work.example", key: "key of work"),
        // Whose would it be?
        Case(environment: ["PANAL_KEY": "k"]),
        Case(environment: ["PANAL_KEY": "", "PANAL_URL": ""], url: "http://127.0.0.1:8080", key: "key of home"),
        // Named by its own name, a server gets its own key.
        Case(option: "work", environment: ["PANAL_KEY": "k"], url: "https://work.example", key: "key of work"),
        Case(option: "https://x.example", environment: ["PANAL_KEY": "k"], url: "https://x.example", key: "k"),
    ]) func choices(_ row: Case) throws {
        guard let url = row.url else {
            #expect(throws: ClientFailure.self) {
                try ServerChoice.make(option: row.option, environment: row.environment, list: Self.list)
            }
            return
        }
        let choice = try ServerChoice.make(option: row.option, environment: row.environment, list: Self.list)
        #expect(choice.address.text == url && choice.key == row.key)
    }

    @Test func theOneThatIsLeftIsTheCurrentOne() throws {
        var list = Self.list
        #expect(list.current == "home")
        #expect(list.remove("home")?.key == "key of home")
        #expect(list.current == "work")
        #expect(throws: ClientFailure.self) { try list.use("home") }
        #expect(list.remove("home") == nil && list.current == "work")
    }
}
