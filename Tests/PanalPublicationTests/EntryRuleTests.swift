import PanalCore
import Testing

@testable import PanalPublication

@Suite struct EntryRuleTests {
    /// Files as `path`, `path*` for a mode bit, `path!` for a `#!` line without one; the manifest's command; the entry, or a part of
    /// the refusal.
    @Test(
        arguments: [
            // One file is the program, whatever it is called.
            (["anything"], nil, "anything"),
            // The only executable one; a mode bit counts before a `#!` line.
            (["a", "b*", "main"], nil, "b"),
            (["a", "b!", "main"], nil, "b"),
            (["a!", "b*"], nil, "b"),
            // Called like the program, main or run, at the top, in this order; without an ending first.
            (["run*", "main*", "filter.py*"], nil, "filter.py"),
            (["x*", "main.sh*", "main*"], nil, "main"),
            (["x*", "bin/run*", "run*"], nil, "run"),
            (["a", "main", "b"], nil, "main"),
            // A folder around everything is the top.
            (["filter/x*", "filter/main*"], nil, "filter/main"),
            (["x*", "y*"], nil, "2 executable files (x, y)"),
            (["a", "b"], nil, "no file of the upload is executable"),
            ([], nil, "holds no file"),
            // The command decides.
            (["x*", "bin/tool"], ["{@folder}/bin/tool", "{a}"], "bin/tool"),
            (["x*", "bin/tool"], ["/program/bin/tool"], "bin/tool"),
            (["x*"], ["{@folder}/nothing"], "‘nothing’, which the upload does not hold"),
            (["x*", "main"], ["{@program}", "{a}"], "x"),
            // An interpreter of the host's: the file it is given, which need not be executable.
            (["x*", "code.py"], ["python3", "-u", "{@folder}/code.py"], "code.py ~"),
            (["x*", "main"], ["nice", "{@program}"], "x ~"),
            (["b", "a"], ["ls"], "a ~"),
            (["x*"], ["python3", "/program/code.py"], "‘code.py’, which the upload does not hold"),
        ] as [([String], [String]?, String)])
    func entries(files: [String], command: [String]?, expected: String) throws {
        let rule = EntryRule(command: command, slug: "filter")
        let files = files.map { text in
            ProgramFile(
                path: text.trimmingSuffix(while: { $0 == "*" || $0 == "!" }), bytes: 1,
                isExecutable: text.hasSuffix("*"), head: text.hasSuffix("!") ? Array("#!/bin/sh".utf8) : [65])
        }
        let found: String
        do {
            let choice = try rule.choose(among: files)
            found = choice.path + (choice.isStartedDirectly ? "" : " ~")
            #expect(found == expected)
        } catch {
            #expect(error.code == .unsupported)
            #expect(error.detail.contains(expected), "\(error.detail)")
        }
    }
}

extension String {
    fileprivate func trimmingSuffix(while matches: (Character) -> Bool) -> String {
        var text = self
        while let last = text.last, matches(last) { text.removeLast() }
        return text
    }
}
