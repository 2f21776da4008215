import Foundation
import PanalRecipes
import Testing

@Suite struct RecipeTests {
    private static var shipped: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Rootfs").path
    }

    private func read(_ name: String, _ files: [String: String]) throws -> Recipe {
        try RecipeReader.read(name) { files[$0] }
    }

    private func mistakes(_ text: String) -> [String] {
        do {
            _ = try read("a", ["a": text])
            return []
        } catch let error as RecipeMistakes {
            return error.mistakes.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }

    @Test(arguments: ["base", "python", "compilers", "mpi", "media", "r"]) func shippedRecipesAreRight(
        name: String
    ) throws {
        let recipe = try RecipeReader.read(name) {
            try String(contentsOfFile: "\(Self.shipped)/\($0).yaml", encoding: .utf8)
        }
        #expect(recipe.name == name && !recipe.summary.isEmpty)
        #expect(recipe.packages.contains("tzdata"))
        #expect(recipe.environment.contains("LANG=C.UTF-8"))
    }

    @Test func nothingElseIsShipped() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.shipped).sorted()
        #expect(files == ["base.yaml", "compilers.yaml", "media.yaml", "mpi.yaml", "python.yaml", "r.yaml"])
    }

    @Test func oneExtendsAnother() throws {
        let files = [
            "base":
                "summary: x\nsuite: trixie\npackages: [a0, b0]\nexclude: [/a/*]\nenvironment: {A: 1, B: 2}\nfiles: {/etc/m: one}\n",
            "more":
                "summary: y\nextends: base\npackages: [b0, c0]\nexclude: [/b/*, /a/*]\nenvironment: {B: three}\nfiles: {/etc/n: two}\n",
        ]
        let recipe = try read("more", files)
        #expect(recipe.summary == "y" && recipe.suite == "trixie")
        #expect(recipe.packages == ["a0", "b0", "c0"])
        #expect(recipe.exclude == ["/a/*", "/b/*"])
        #expect(recipe.environment == ["A=1", "B=three"])
        #expect(recipe.files == ["/etc/m": "one", "/etc/n": "two"])
    }

    @Test(arguments: [
        ("summary: x\npackages: [--hook]\n", "a.yaml:2: packages: ‘--hook’ should be the name of a Debian package"),
        ("summary: x\npackages: ['a,b']\n", "a.yaml:2: packages: ‘a,b’ should be"),
        ("summary: x\npackages: ['a b; rm']\n", "a.yaml:2: packages: ‘a b; rm’ should be"),
        ("summary: x\npackages: ['$(id)']\n", "a.yaml:2: packages: ‘$(id)’ should be"),
        ("summary: x\npackages: git\n", "a.yaml:2: packages: should be a list"),
        ("summary: x\nsuite: --mode=root\n", "a.yaml:2: suite: should be"),
        ("summary: x\nmirror: file:///etc\n", "a.yaml:2: mirror: should be an address"),
        ("summary: x\nmirror: 'http://x y'\n", "a.yaml:2: mirror: should be an address"),
        ("summary: x\nsnapshot: yesterday\n", "a.yaml:2: snapshot: should be a moment"),
        ("summary: x\nexclude: ['/*']\n", "a.yaml:2: exclude: ‘/*’ should be an absolute path below a folder"),
        ("summary: x\nexclude: ['usr/x']\n", "a.yaml:2: exclude: ‘usr/x’ should be"),
        ("summary: x\nexclude: ['/usr/$(id)']\n", "a.yaml:2: exclude: ‘/usr/$(id)’ should be"),
        ("summary: x\nfiles: {'/../etc/x': y}\n", "a.yaml:2: files: ‘/../etc/x’ should be an absolute path"),
        ("summary: x\nfiles: {'etc/x': y}\n", "a.yaml:2: files: ‘etc/x’ should be an absolute path"),
        ("summary: x\nenvironment: {'A B': y}\n", "a.yaml:2: environment: ‘A B’ should be a variable"),
        ("summary: x\nenvironment: {A: \"b\\nc\"}\n", "a.yaml:2: environment: ‘A’ should be a variable"),
        ("summary: x\nhooks: [rm]\n", "a.yaml:2: ‘hooks’ is no key here; known are summary, extends"),
        ("packages: [git]\n", "a.yaml: summary: is missing"), ("- x\n", "a.yaml: the file should be a mapping"),
        ("a: [\n", "a.yaml: is no YAML"), ("summary: x\nextends: a\n", "a.yaml: it extends itself: a, a"),
        ("summary: x\nextends: ../b\n", "../b.yaml: a recipe's name is"),
        ("summary: x\nextends: nothing\n", "nothing.yaml: there is no such recipe"),
    ]) func mistakesHaveTheirPlace(text: String, begins: String) {
        let found = mistakes(text)
        #expect(found.contains { $0.hasPrefix(begins) }, "\(found)")
    }

    @Test func theCommandIsWordForWord() throws {
        var recipe = try read("a", ["a": "summary: x\npackages: [git, python3]\nexclude: ['/usr/include/boost/*']\n"])
        var build = RecipeBuild(
            recipe: recipe, mode: .unshare, cache: "/var/it's here", kept: "/var/next", archive: "/tmp/a.tar",
            files: "/tmp/f")
        let words = build.arguments
        #expect(words.suffix(3) == ["bookworm", "/tmp/a.tar", "http://deb.debian.org/debian"])
        #expect(words.contains("--include=git,python3"))
        #expect(words.contains("--mode=unshare"))
        #expect(words.contains(#"--setup-hook=sync-in '/var/it'\''s here' /var/cache/apt/archives"#))
        #expect(words.contains("--customize-hook=sync-out /var/cache/apt/archives '/var/next'"))
        #expect(words.contains("--customize-hook=sync-in '/tmp/f' /"))
        #expect(words.contains(#"--customize-hook=chroot "$1" sh -c 'rm -rf -- /usr/include/boost/*'"#))
        #expect(build.environment.contains("SOURCE_DATE_EPOCH=1700000000"))
        recipe.snapshot = "20251101T000000Z"
        build.recipe = recipe
        #expect(build.arguments.last == "http://snapshot.debian.org/archive/debian/20251101T000000Z")
        #expect(build.environment.contains("SOURCE_DATE_EPOCH=1761955200"))
    }
}
