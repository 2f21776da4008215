extension Check {
    static let memoryChecks = [panic, overcommit, hugePages]

    private static let panic = Check(
        "memory.panic", "Out of memory", .both,
        meaning: """
            A cell that reaches its memory limit is killed. With vm.panic_on_oom at 2 the whole host goes down instead, by any \
            program's will; at 1, when the host itself runs out.
            """
    ) { facts in
        let fix = Fix.setting(.panicOnOutOfMemory, "0")
        return switch facts.number(.panicOnOutOfMemory) {
        case nil, 0: .pass("kills, does not panic")
        case 1: .warn("vm.panic_on_oom is 1", fix)
        default: .fail("vm.panic_on_oom is \(facts[.panicOnOutOfMemory] ?? "")", fix)
        }
    }

    private static let overcommit = Check(
        "memory.overcommit", "Overcommit", .both,
        meaning: """
            Java, Node, Go and sanitizers reserve far more addresses than they use. With vm.overcommit_memory at 2 such programs \
            fail by the sum of all reservations on the host, not by their profile.
            """
    ) { facts in
        // Undoing a strict setting changes what every service of the host may count on.
        facts.number(.overcommit) == 2
            ? .warn(
                "vm.overcommit_memory is 2",
                .setting(.overcommit, "0", risk: "other services of this host may count on it"))
            : .pass("vm.overcommit_memory is \(facts[.overcommit] ?? "0")")
    }

    private static let hugePages = Check(
        "memory.huge-pages", "Huge pages", .both,
        meaning: """
            Transparent huge pages for everybody make time and memory of the same run depend on how scattered the host's \
            memory is. With ‘madvise’ only programs that ask get them.
            """
    ) { facts in
        let places: [(setting: KernelSetting, name: String)] = [
            (.hugePages, "enabled"), (.hugePageDefragmentation, "defrag"),
        ]
        let always = places.filter { facts[$0.setting]?.contains("[always]") == true }
        guard !always.isEmpty else {
            return .pass(facts[.hugePages]?.chosen ?? "this kernel has none")
        }
        return .warn(
            always.map { "\($0.name) is always" }.joined(separator: ", "),
            .write(always.map { ($0.setting.rawValue, "madvise") }))
    }
}

extension String {
    /// Of the kernel's way to show a choice, `always [madvise] never`, the one in brackets.
    fileprivate var chosen: String {
        guard let open = firstIndex(of: "["), let close = self[open...].firstIndex(of: "]") else { return self }
        return String(self[index(after: open)..<close])
    }
}
