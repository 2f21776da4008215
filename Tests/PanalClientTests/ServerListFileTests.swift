import Foundation
import PanalClient
import Testing

@Suite("The file with the keys") final class ServerListFileTests {
    let folder = FileManager.default.temporaryDirectory.appending(path: "panal-keys-\(UUID().uuidString)")
    var path: String { folder.appending(path: "a/b/servers.json").path() }
    var file: ServerListFile { ServerListFile(path: path) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func itIsTheOwnersAlone() throws {
        #expect(try file.read() == ServerList())
        try file.write(ServerChoiceTests.list)
        #expect(try file.read() == ServerChoiceTests.list)
        #expect(try mode(path) == 0o600)
        #expect(try mode(folder.appending(path: "a/b").path()) == 0o700)
        // Replaced as a whole, and nothing beside it.
        try file.write(ServerList())
        #expect(try mode(path) == 0o600)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "a/b").path()) == [
                "servers.json"
            ])
    }

    @Test func oneThatOthersCanReadIsNotBelieved() throws {
        try file.write(ServerChoiceTests.list)
        chmod(path, 0o640)
        let failure = #expect(throws: ClientFailure.self) { try self.file.read() }
        #expect(failure?.description.contains("chmod 600") == true)
    }

    @Test(arguments: [#"{"version": 2, "servers": {}}"#, "{", #"{"version": 1, "servers": 3}"#])
    func whatIsNoListIsNotTakenForAnEmptyOne(text: String) throws {
        try file.write(ServerList())
        try Data(text.utf8).write(to: URL(filePath: path))
        chmod(path, 0o600)
        #expect(throws: ClientFailure.self) { try self.file.read() }
    }

    /// A link that somebody else put there must not have the keys written elsewhere.
    @Test func aLinkIsReplacedNotFollowed() throws {
        try file.write(ServerList())
        let other = folder.appending(path: "other").path()
        try Data().write(to: URL(filePath: other))
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: other)
        try file.write(ServerChoiceTests.list)
        #expect(FileManager.default.contents(atPath: other)?.isEmpty == true)
        #expect(try file.read() == ServerChoiceTests.list)
    }

    @Test(
        arguments: [
            (["PANAL_CONFIG": "/x/y", "HOME": "/h"], "/x/y"),
            (["XDG_CONFIG_HOME": "/c", "HOME": "/h"], "/c/panal/servers.json"),
            (["XDG_CONFIG_HOME": "c", "HOME": "/h"], "/h/.config/panal/servers.json"),
            (["HOME": "/h"], "/h/.config/panal/servers.json"), ([:], nil),
        ] as [([String: String], String?)]) func itsPlace(environment: [String: String], path: String?)
    {
        #expect(ServerListFile(environment: environment).path == path)
    }
}
