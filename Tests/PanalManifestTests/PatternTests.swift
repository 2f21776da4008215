import Foundation
import PanalCore
import PanalManifest
import Testing

@Suite struct PatternTests {
    private func pattern(_ source: String) throws -> Pattern? {
        let text = String(decoding: try JSONValue.string(source).serialized(), as: UTF8.self)
        return try manifest(inputs: #"{"name": "f", "type": "text", "pattern": \#(text)}"#).inputs[0].pattern
    }

    /// Pattern, what it matches as a whole, and what it does not.
    static let cases: [(String, [String], [String])] = [
        ("abc", ["abc"], ["", "ab", "abcd", "xabc"]), ("^abc$", ["abc"], ["abcd"]),
        ("a*", ["", "a", "aaaa"], ["b", "ab"]),
        ("a+b?", ["a", "ab", "aaab"], ["", "b", "abb"]), ("a|bc|", ["a", "bc", ""], ["b", "abc"]),
        ("(ab)+", ["ab", "abab"], ["", "aba"]), ("(?:a|b){2,3}", ["ab", "bba"], ["a", "abab"]),
        ("a{2}", ["aa"], ["a", "aaa"]), ("a{2,}", ["aa", "aaaaa"], ["a"]), ("a{0,1}", ["", "a"], ["aa"]),
        ("[a-c]", ["a", "c"], ["d", "-", ""]), ("[^a-c]", ["d", "-", "\n"], ["a"]), ("[a-]", ["a", "-"], ["b"]),
        ("[\\d.]+", ["1.5"], ["a", ""]), ("\\d{4}-\\d\\d", ["2026-11"], ["26-11", "٢٠٢٦-11"]),
        ("\\w+", ["aZ_9"], ["ñ", "-"]), ("\\s", [" ", "\t", "\u{A0}", "\u{FEFF}"], ["a"]),
        ("\\S\\D\\W", ["aa-"], ["a1-"]),
        (".", ["a", "ñ", "🙂"], ["", "ab", "\n", "\r"]), ("\\.\\*\\\\\\/", [".*\\/"], ["ab\\/"]),
        ("(a*)*", ["", "aaa"], ["b"]), ("(a?){3}", ["", "a", "aaa"], ["aaaa"]), ("[ñ-ö]", ["ó"], ["a"]),
        ("(a|ab)(c|bcd)", ["ac", "abc", "abcd", "abbcd"], ["ab"]), ("[^\\D]", ["5"], ["a"]),
        ("[\\]\\-]", ["]", "-"], ["\\"]),
    ]

    @Test(arguments: cases) func matchesWholeValues(source: String, right: [String], wrong: [String]) throws {
        let pattern = try #require(try pattern(source))
        for text in right { #expect(pattern.matches(text), "\(source) on \(text)") }
        for text in wrong { #expect(!pattern.matches(text), "\(source) on \(text)") }
    }

    /// What leaves the module means the same to another engine.
    @Test(arguments: cases) func theExpressionMeansTheSameElsewhere(source: String, right: [String], wrong: [String])
        throws
    {
        let pattern = try #require(try pattern(source))
        let other = try NSRegularExpression(pattern: "\\A(?:\(pattern.expression))\\z")
        for (texts, isRight) in [(right, true), (wrong, false)] {
            for text in texts {
                let range = NSRange(text.startIndex..., in: text)
                #expect(
                    (other.firstMatch(in: text, range: range) != nil) == isRight, "\(pattern.expression) on \(text)")
            }
        }
    }

    /// Pattern → character and what is said.
    static let mistaken: [(String, String)] = [
        ("(a", "character 1: this group is not closed; a parenthesis itself is written \\("),
        ("a)", "character 2: ‘)’ cannot stand here; the sign itself is written \\)"),
        ("[a", "character 1: this class is not closed; a bracket itself is written \\["),
        ("[]", "character 1: a class holds at least one character"),
        ("[b-a]", "character 2: this range is none: its end comes before its start"),
        ("*a", "character 1: there is nothing to repeat; the sign itself is written \\*"),
        ("a**", "character 3: there is nothing to repeat; the sign itself is written \\*"),
        ("a{x}", "character 2: repetitions are {3}, {3,} or {3,5}, at most 1000; a brace itself is written \\{"),
        ("a{3,2}", "character 2: repetitions are {3}, {3,} or {3,5}, at most 1000; a brace itself is written \\{"),
        ("\\q", "character 1: there is no escape \\q"),
        ("a^b", "character 2: ‘^’ cannot stand here; the sign itself is written \\^"),
        (
            "(?=a)b",
            "character 1: look-around and back references are not supported: matching has to take time in proportion to the value"
        ),
        (
            "(a)\\1",
            "character 4: look-around and back references are not supported: matching has to take time in proportion to the value"
        ),
        ("(a{100}){100}", "is too large: its repetitions come to more than 500 steps"),
        ("((){1000}){1000}", "is too large: its repetitions come to more than 500 steps"),
    ]

    @Test(arguments: mistaken) func saysWhatIsWrong(source: String, detail: String) throws {
        let text = String(decoding: try JSONValue.string(source).serialized(), as: UTF8.self)
        let found = mistakes(#"{"name": "t", "inputs": [{"name": "f", "type": "text", "pattern": \#(text)}]}"#)
        #expect(found == ["/inputs/0/pattern: " + detail])
    }

    @Test func deepNestingIsRefused() {
        let source = String(repeating: "(", count: 240) + String(repeating: ")", count: 240)
        let found = mistakes(#"{"name": "t", "inputs": [{"name": "f", "type": "text", "pattern": "\#(source)"}]}"#)
        #expect(found.count == 1)
    }

    /// What takes a backtracking engine longer than the universe is old.
    @Test(arguments: ["(a+)+b", "(a|a)*b", "(a*)*b", "(a|aa)+b", "(.*a){12}b"])
    func catastrophesAreQuick(source: String) throws {
        let pattern = try #require(try pattern(source))
        let text = String(repeating: "a", count: 20_000)
        var isMatch = true
        let spent = ContinuousClock().measure { isMatch = pattern.matches(text) }
        #expect(!isMatch && spent < .seconds(30))
        #expect(pattern.matches(text + "b"))
    }

    @Test func aValueThatDoesNotMatchIsRefused() throws {
        let read = try manifest(
            inputs:
                #"{"name": "f", "type": "text", "pattern": "[a-z]+"}, {"name": "s", "type": "secret", "pattern": "x+"}"#
        )
        #expect(
            mistakes(read, ["f": [.text("A%1")], "s": [.text("hunter2")]]) == [
                "/f: ‘A%1’ does not have the form that is wanted here: [a-z]+",
                "/s: the value does not have the form that is wanted here: x+",
            ])
    }
}
