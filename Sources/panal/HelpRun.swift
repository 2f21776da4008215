import FoundationEssentials
import Glibc
import PanalCore

/// Asks a program for its help: in a cell, or not at all. What a stranger's program does is its own affair there.
struct HelpRun {
    /// Folder of profiles; nil for the usual one.
    let profiles: String?

    /// What the program prints under `--help`, nil when no cell could be made or nothing came; standard error says why.
    func help(of name: String, content: Data) throws -> String? {
        let temporary = try TemporaryFolder("panal-help")
        defer { temporary.remove() }
        let folder = temporary.path
        let program = "\(folder)/program"
        try FileManager.default.createDirectory(atPath: program, withIntermediateDirectories: false)
        try content.write(to: URL(filePath: "\(program)/\(name)"))
        // The cell's user is another one.
        guard unsafe chmod(folder, 0o755) == 0, unsafe chmod(program, 0o755) == 0,
            unsafe chmod("\(program)/\(name)", 0o755) == 0
        else { throw CommandFailure("\(program) cannot be opened to the cell (errno \(errno))") }
        let output = "\(folder)/output"
        let cell = try cellArguments(program: program, name: name)
        let code = try ChildProcess.run("/bin/sh", ["-c", "exec \"$@\" >\"$0\" 2>&1 </dev/null", output] + cell)
        let text = String(
            decoding: (FileManager.default.contents(atPath: output) ?? Data()).prefix(65_536), as: UTF8.self)
        guard code != ExitStatus.systemError else {
            StandardError.line(
                "no cell can be made here, so the program was not run: \(text.split(separator: "\n").last ?? "")")
            return nil
        }
        guard code != ExitStatus.notStarted, code < 128, code != ExitStatus.timeExceeded else {
            StandardError.line("its --help could not be had: it ended with \(code)")
            return nil
        }
        return text
    }

    private func cellArguments(program: String, name: String) throws -> [String] {
        var words = [try Installation.companion("panal"), "run", "--profile", "small", "--program", program]
        if let profiles { words += ["--profiles", profiles] }
        return words + ["--", "/program/\(name)", "--help"]
    }
}
