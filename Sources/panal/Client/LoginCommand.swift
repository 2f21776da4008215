import ArgumentParser
import FoundationEssentials
import Glibc
import NIOHTTP1
import PanalClient
import PanalCore

struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Sign in to a server, and keep a key for it.",
        discussion: """
            Asks for your name and password, has the server make an API key for this machine, and keeps that key (never the password) in \
            ~/.config/panal/servers.json, which only you can read. Several servers can be kept, each under a name; the one that was signed \
            in to last is the current one.

            A key that you have already is read from standard input: panal login URL --with-key < file. Without a terminal, a password \
            is: panal login URL --user NAME --password-stdin. In CI set PANAL_URL and PANAL_KEY and do not sign in at all.
            """)

    @Argument(
        help: ArgumentHelp("Address of the server; that of the current server when it is not given.", valueName: "url"))
    var url: String?

    @Option(help: "What to call the server; its host and port when it is not given.")
    var name: String?

    @Option(help: "Your name there; asked for when it is not given.")
    var user: String?

    @Option(help: "What the key is called in the list of your keys.")
    var label: String?

    @Option(
        help: ArgumentHelp(
            "The key holds for so many days; until it is revoked when this is not given.", valueName: "days"))
    var days: Int?

    @Flag(help: "Read a key from standard input rather than have one made.")
    var withKey = false

    @Flag(help: "Read the password from standard input.")
    var passwordStdin = false

    func validate() throws {
        if let name, !ServerList.isName(name) {
            throw ValidationError("--name ‘\(name)’ cannot be the name of a server")
        }
        if let days, !(1...3_660).contains(days) { throw ValidationError("--days is 1 to 3660") }
        if withKey, passwordStdin || user != nil { throw ValidationError("--with-key needs no name and no password") }
    }

    func run() async throws {
        let file = ServerListFile(environment: ServerOptions.environment)
        var list = try file.read()
        let address = try address(list)
        if !address.isEncrypted, !address.isLoopback {
            StandardError.line("\(address) is not encrypted: whoever is on the way can read password and key")
        }
        let entry = withKey ? try await entry(ofKeyAt: address) : try await entry(bySigningInAt: address)
        let name = name ?? list.servers.first { $0.value.url == address.text }?.key ?? ServerList.name(of: address)
        let before = list.servers[name]
        list.add(entry, as: name)
        do {
            try file.write(list)
        } catch {
            // What cannot be kept must not go on existing.
            if entry.isOwnKey { try? await Self.revoke(entry) }
            throw error
        }
        if let before, before.isOwnKey, before.keyID != entry.keyID {
            do {
                try await Self.revoke(before)
            } catch let failure as ClientFailure where Self.isGone(failure) {
                // It is not valid any more, which was the purpose.
            } catch {
                StandardError.line("the key that was kept before (\(before.keyID)) was not revoked: \(error)")
            }
        }
        print("Signed in to \(name) as \(TextWidth.harmless(entry.user)). The key is in \(file.path ?? "").")
    }

    private func address(_ list: ServerList) throws -> ServerAddress {
        if let url { return try ServerAddress(list.servers[url]?.url ?? url) }
        guard let current = list.current.flatMap({ list.servers[$0] }) else {
            throw ValidationError("Which server? panal login \(ServerAddress.standard)")
        }
        return try ServerAddress(current.url)
    }

    private func entry(ofKeyAt address: ServerAddress) async throws -> ServerList.Entry {
        let key =
            Terminal.isTerminal(STDIN_FILENO) ? try Terminal.ask("API key: ", isSecret: true) : try Terminal.inputLine()
        let account = try await PanalClient(address: address, key: key).get("/api/v1/account").document
        // `pnl_<id>_<secret>`
        let parts = key.split(separator: "_")
        guard parts.count == 3 else { throw ClientFailure(.local, "this is no API key") }
        return ServerList.Entry(
            url: address.text, user: try account.text("name"), key: key, keyID: String(parts[1]), isOwnKey: false)
    }

    private func entry(bySigningInAt address: ServerAddress) async throws -> ServerList.Entry {
        let client = PanalClient(address: address, key: nil)
        // Nobody types a password for a server that is not there, and what asks for a key is one.
        do {
            _ = try await client.get("/api/v1/account")
        } catch let failure as ClientFailure where failure.kind == .refused(status: 401) {}
        let user = try user ?? Terminal.ask("Name at \(address): ", isSecret: false)
        let password = try passwordStdin ? Terminal.inputLine() : Terminal.ask("Password: ", isSecret: true)
        var members: [String: JSONValue] = [
            "name": .string(user), "password": .string(password),
            "label": .string(label ?? "panal on \(Self.hostName)"),
        ]
        members["lifetime"] = days.map { .integer($0 * 86_400) }
        let made = try await client.send(ClientRequest(.POST, "/api/v1/sign-in", body: .json(.object(members))))
            .document
        return ServerList.Entry(
            url: address.text, user: user, key: try made.text("secret"), keyID: try made.text("id"), isOwnKey: true)
    }

    static func revoke(_ entry: ServerList.Entry) async throws {
        let client = PanalClient(address: try ServerAddress(entry.url), key: entry.key)
        _ = try await client.send(ClientRequest(.DELETE, "/api/v1/keys/\(PercentCoding.encoded(entry.keyID))"))
    }

    /// Whether the server does not know the key any more.
    static func isGone(_ failure: ClientFailure) -> Bool {
        failure.kind == .refused(status: 401) || failure.kind == .refused(status: 404)
    }

    private static var hostName: String {
        String(ProcessInfo.processInfo.hostName.prefix { $0 != "." }.prefix(60))
    }
}

struct LogoutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logout", abstract: "Revoke this machine's key of a server, and forget it.",
        discussion: "A key that was given to ‘panal login --with-key’ is forgotten here, and stays valid.")

    @Argument(help: "The server's name; the current one when it is not given.")
    var name: String?

    @Flag(help: "Forget the key even when the server cannot be told.")
    var force = false

    func run() async throws {
        let file = ServerListFile(environment: ServerOptions.environment)
        var list = try file.read()
        guard let name = name ?? list.current else {
            throw ClientFailure(.local, list.servers.isEmpty ? "you are signed in nowhere" : "which server?")
        }
        guard let entry = list.remove(name) else { throw list.unknown(name) }
        if entry.isOwnKey {
            do {
                try await LoginCommand.revoke(entry)
            } catch let failure as ClientFailure where LoginCommand.isGone(failure) {
                // It is not valid any more, which was the purpose.
            } catch let failure as ClientFailure where !force {
                throw ClientFailure(
                    failure.kind,
                    "\(failure)\n  the key still is valid; panal logout \(name) --force forgets it nevertheless")
            }
        }
        try file.write(list)
        print(
            entry.isOwnKey
                ? "Signed out of \(name)." : "Signed out of \(name). The key stays valid: panal key revoke ends it.")
    }
}

struct ServerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server", abstract: "The servers that you are signed in to.", subcommands: [List.self, Use.self],
        defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List them; the current one has a star.")

        func run() throws {
            let list = try ServerListFile(environment: ServerOptions.environment).read()
            var table = Table([.fixed(""), .flexible("name"), .flexible("address"), .flexible("user")])
            for (name, entry) in list.servers.sorted(by: { $0.key < $1.key }) {
                table.add([name == list.current ? "*" : "", name, entry.url, entry.user])
            }
            if list.servers.isEmpty { StandardError.line("you are signed in nowhere: panal login URL") }
            StandardOutput.write(table.rows.isEmpty ? "" : table.text(width: Terminal.width))
        }
    }

    struct Use: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make another one the current one.")

        @Argument(help: "Its name.")
        var name: String

        func run() throws {
            let file = ServerListFile(environment: ServerOptions.environment)
            var list = try file.read()
            try list.use(name)
            try file.write(list)
            print("\(name) is the current server.")
        }
    }
}
