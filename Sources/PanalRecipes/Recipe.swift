/// How an image is made of Debian's packages; one file of `Rootfs/`.
package struct Recipe: Hashable, Sendable {
    package var name: String
    /// One line for people.
    package var summary: String
    /// Debian's release.
    package var suite: String
    /// Moment of snapshot.debian.org, `20251101T000000Z`; nil for what the mirror has now.
    package var snapshot: String?
    package var mirror: String
    package var components: [String]
    /// Beside those that every Debian has.
    package var packages: [String]
    /// Paths that are removed at the end, a star for any name.
    package var exclude: [String] = []
    /// `NAME=value`.
    package var environment: [String]
    /// Small files by their paths.
    package var files: [String: String]
}

/// The command that makes a recipe's files: mmdebstrap's, word for word. Pure.
package struct RecipeBuild: Hashable, Sendable {
    /// How mmdebstrap becomes root inside: a user namespace where the caller has one, or the caller's own root.
    package enum Mode: String, Hashable, Sendable {
        case unshare, root
    }

    package var recipe: Recipe
    package var mode: Mode
    /// A folder with packages that are there already, and an empty one for those that this one is made of.
    package var cache: String
    package var kept: String
    /// The tar archive that is made.
    package var archive: String
    /// A folder with the recipe's own files, laid out as in the image; nil where it has none.
    package var files: String?

    package init(recipe: Recipe, mode: Mode, cache: String, kept: String, archive: String, files: String?) {
        self.recipe = recipe
        self.mode = mode
        self.cache = cache
        self.kept = kept
        self.archive = archive
        self.files = files
    }

    /// Debian's tools take it for the time of what they make. Without a snapshot any fixed moment does: times are no part of an image's
    /// digest.
    package var sourceDateEpoch: Int { recipe.snapshot.flatMap(Self.seconds) ?? 1_700_000_000 }

    /// What mmdebstrap finds in its environment; the same for everybody, so that nothing of the caller's gets into the image.
    package var environment: [String] {
        [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
            "SOURCE_DATE_EPOCH=\(sourceDateEpoch)", "DEBIAN_FRONTEND=noninteractive", "PYTHONHASHSEED=0",
        ]
    }

    /// What differs from one making to the next, or is of no use without apt.
    private static let leftOut = [
        "var/cache/apt/*", "var/lib/apt/lists/*", "var/log/*", "var/cache/ldconfig/*", "var/cache/debconf/*-old",
        "var/lib/dpkg/*-old", "etc/machine-id", "etc/hostname", "etc/resolv.conf", "run/*", "tmp/*", "var/tmp/*",
    ]
    private static let documentation = [
        "/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*",
    ]

    /// Packages that are not of this image, such as older versions, are kept no longer.
    private static let prune = """
        cd "$1" && chroot . dpkg-query -W -f '${Package}_${Version}_${Architecture}.deb\\n' | sed 's/:/%3a/g' >tmp/kept \
        && cd var/cache/apt/archives && for file in *.deb; do grep -qxF -- "$file" ../../../../tmp/kept || rm -f -- "$file"; done
        """

    package var arguments: [String] {
        var words = [
            "--mode=\(mode.rawValue)", "--variant=essential", "--format=tar",
            // The packages stay until they are in the cache.
            "--skip=download/empty", "--skip=essential/unlink",
            "--components=\(recipe.components.joined(separator: ","))",
            "--aptopt=APT::Install-Recommends \"false\"",
            // /bin and its like as links into /usr from the beginning: the package that would make them so needs the whole of Perl.
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
            // What a power cut leaves half-made is made again.
            "--dpkgopt=force-unsafe-io",
        ]
        if recipe.snapshot != nil { words.append("--aptopt=Acquire::Check-Valid-Until \"false\"") }
        words += Self.documentation.map { "--dpkgopt=path-exclude=\($0)" }
        // Licences stay with what they are the licences of.
        words.append("--dpkgopt=path-include=/usr/share/doc/*/copyright")
        if !recipe.packages.isEmpty { words.append("--include=\(recipe.packages.joined(separator: ","))") }
        words += [
            "--setup-hook=mkdir -p \"$1\"/var/cache/apt/archives",
            "--setup-hook=sync-in \(ShellText.quoted(cache)) /var/cache/apt/archives",
            "--customize-hook=\(Self.prune)",
            "--customize-hook=sync-out /var/cache/apt/archives \(ShellText.quoted(kept))",
        ]
        if let files { words.append("--customize-hook=sync-in \(ShellText.quoted(files)) /") }
        // Inside, where a link of a package's leads to nothing of this machine.
        if !recipe.exclude.isEmpty {
            let remove = ShellText.quoted("rm -rf -- \(recipe.exclude.joined(separator: " "))")
            words.append("--customize-hook=chroot \"$1\" sh -c \(remove)")
        }
        words.append(
            "--customize-hook=cd \"$1\" && rm -rf -- \(Self.leftOut.joined(separator: " "))")
        return words + [recipe.suite, archive, source]
    }

    /// The line of apt's sources, or the address alone.
    private var source: String {
        guard let snapshot = recipe.snapshot else { return recipe.mirror }
        return "http://snapshot.debian.org/archive/debian/\(snapshot)"
    }

    /// `20251101T000000Z` as seconds since 1970; nil for what is no such moment.
    static func seconds(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            let part = bytes[range]
            guard part.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return part.reduce(0) { $0 * 10 + Int($1) - 0x30 }
        }
        guard let year = number(0..<4), let month = number(4..<6), let day = number(6..<8), let hour = number(9..<11),
            let minute = number(11..<13), let second = number(13..<15), (1970...9999).contains(year),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60
        else { return nil }
        // Days since 1970 by years that begin in March.
        let shifted = month <= 2 ? year - 1 : year
        let (era, place) = (shifted / 400, shifted % 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let days = era * 146_097 + place * 365 + place / 4 - place / 100 + dayOfYear - 719_468
        return days * 86_400 + hour * 3_600 + minute * 60 + second
    }
}

/// Words for a shell and for mmdebstrap's hooks, which split as one does.
enum ShellText {
    static func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
