import ArgumentParser
import FoundationEssentials
import Glibc
import PanalClient
import PanalCore
import PanalRecipes

struct RootfsBuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Make an image of Debian's packages, by a recipe.",
        discussion: """
            Recipes are the files of Rootfs/. mmdebstrap makes them, in a user namespace; packages are kept for the next time. The same
            recipe and the same packages have the same digest.

              panal rootfs build --list
              panal rootfs build base --public --alias base
              panal rootfs build python --to python.tar      without a server
            """)

    @Argument(help: "The recipe.") var recipe: String?
    @Flag(help: "List the recipes.") var list = false
    @Option(help: ArgumentHelp("A folder of recipes.", valueName: "folder"), completion: .directory)
    var recipes: String?
    @Option(
        help: ArgumentHelp(
            "Packages are kept in its panal-packages; a folder of your cache when it is not given.", valueName: "folder"
        ),
        completion: .directory)
    var cache: String?
    @Option(help: "unshare: in a user namespace; root: as the root that one is.")
    var mode: RecipeBuild.Mode = .unshare
    @Option(help: ArgumentHelp("Write the archive there, and send it nowhere.", valueName: "file"))
    var to: String?
    @Option(help: "What to call it; the recipe's name when it is not given.")
    var name: String?

    @OptionGroup var options: RootfsOptions
    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard (recipe == nil) == list else { throw ValidationError("Name a recipe, or say --list.") }
    }

    func run() async throws {
        let folder = try Installation.recipes(given: recipes)
        func read(_ name: String) throws -> Recipe {
            try RecipeReader.read(name) { name in
                let path = "\(folder)/\(name).yaml"
                guard FileManager.default.fileExists(atPath: path) else { return nil }
                return try String(contentsOfFile: path, encoding: .utf8)
            }
        }
        guard let recipe else {
            var table = Table([.fixed("recipe"), .flexible("about")])
            for file in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
                guard file.hasSuffix(".yaml") else { continue }
                let recipe = try read(String(file.dropLast(5)))
                table.add([recipe.name, recipe.summary])
            }
            return StandardOutput.write(table.text(width: Terminal.width))
        }
        let wanted = try read(recipe)
        let place = try TemporaryFolder("panal-rootfs")
        defer { place.remove() }
        let archive = to ?? "\(place.path)/\(recipe).tar"
        try make(wanted, archive, place.path)
        guard to == nil else { return StandardOutput.write("\(archive)\n") }
        try await RootfsUpload(
            server: server, options: options, name: name ?? recipe, format: .tree, environment: wanted.environment
        ).run(archive)
    }

    private func make(_ recipe: Recipe, _ archive: String, _ place: String) throws {
        try ToolRun.need("mmdebstrap", "mmdebstrap")
        let packages = try PackageCache(try cache ?? Self.ownCache(), recipe: recipe.name)
        var files: String?
        for (path, text) in recipe.files {
            let target = "\(place)/files\(path)"
            let folder = target.prefix(upTo: target.lastIndex(of: "/") ?? target.endIndex)
            try FileManager.default.createDirectory(atPath: String(folder), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(filePath: target))
            files = "\(place)/files"
        }
        let build = RecipeBuild(
            recipe: recipe, mode: mode, cache: packages.path, kept: try packages.makePlaceForNext(), archive: archive,
            files: files)
        let display = ProgressDisplay(isOn: true)
        defer { display.clear() }
        let begun = ContinuousClock.now
        var step = "begins"
        var last: [String] = []
        let code = try ToolRun.run("/usr/bin/mmdebstrap", build.arguments, environment: build.environment) { line in
            last = last.suffix(19) + [line]
            if line.hasPrefix("I: ") { step = String(line.dropFirst(3)) }
            display.say("\(recipe.name): \(step) (\(Int((ContinuousClock.now - begun).inSeconds)) s)")
        }
        guard code == 0 else {
            display.clear()
            for line in last { StandardError.line(TextWidth.harmless(line)) }
            throw CommandFailure("mmdebstrap could not make \(recipe.name) (exit code \(code))")
        }
        try packages.takeNext()
    }

    private static func ownCache() throws -> String {
        let environment = ServerOptions.environment
        if let base = environment["XDG_CACHE_HOME"], base.hasPrefix("/") { return "\(base)/panal/packages" }
        guard let home = environment["HOME"], home.hasPrefix("/") else {
            throw CommandFailure("there is no HOME to keep packages in: name a folder with --cache")
        }
        return "\(home)/.cache/panal/packages"
    }
}

extension RecipeBuild.Mode: ExpressibleByArgument {}

extension Installation {
    /// The folder of recipes: the one given, else `Rootfs` in a folder above this executable, else the installed one.
    static func recipes(given: String?) throws -> String {
        if let given {
            guard isFolder(given) else { throw CommandFailure("\(given) is no folder of recipes") }
            return given
        }
        var above = try folder()
        while let slash = above.lastIndex(of: "/") {
            above = String(above[..<slash])
            if FileManager.default.fileExists(atPath: "\(above)/Rootfs/base.yaml") { return "\(above)/Rootfs" }
        }
        let installed = "/usr/local/share/panal/Rootfs"
        guard isFolder(installed) else {
            throw CommandFailure("no folder of recipes was found; name it with --recipes FOLDER")
        }
        return installed
    }
}
