/// File names out of names that a client said.
package enum FileName {
    /// Bytes that one path component may have.
    static let limit = 255

    /// One harmless path component: the last part of `name`, without control characters and slashes, in at most 255
    /// bytes of UTF-8, its ending kept; never empty, never `.` or `..`.
    package static func sanitised(_ name: String) -> String {
        let last = name.split { $0 == "/" || $0 == "\\" }.last ?? ""
        var kept = String.UnicodeScalarView()
        for scalar in last.unicodeScalars {
            switch scalar.properties.generalCategory {
            // Characters without a look of their own, the marks that turn the direction of writing among them, would
            // let a name show as another.
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: break
            default: kept.append(scalar)
            }
        }
        let clean = String(kept).trimmingWhitespace()
        if clean.isEmpty || clean.allSatisfy({ $0 == "." }) { return "file" }
        return fitted(clean, suffix: "")
    }

    /// The name with ` suffix` before its ending, cut to 255 bytes: `a.png` and `-2` are `a-2.png`.
    static func fitted(_ name: String, suffix: String) -> String {
        var stem = Substring(name)
        var ending = Substring()
        // An ending is short; what follows the point of a hidden file is none.
        if let point = name.lastIndex(of: "."), point != name.startIndex, name[point...].utf8.count <= 32 {
            stem = name[..<point]
            ending = name[point...]
        }
        while stem.utf8.count + suffix.utf8.count + ending.utf8.count > limit, !stem.isEmpty { stem.removeLast() }
        return stem + suffix + ending
    }

    /// The same names where they differ, and `a-2.png`, `a-3.png` for those that stood before.
    static func distinct(_ names: [String]) -> [String] {
        var taken = Set(names)
        var seen: Set<String> = []
        return names.map { name in
            if seen.insert(name).inserted { return name }
            var number = 2
            var candidate = fitted(name, suffix: "-\(number)")
            while !taken.insert(candidate).inserted {
                number += 1
                candidate = fitted(name, suffix: "-\(number)")
            }
            seen.insert(candidate)
            return candidate
        }
    }
}
