import ArgumentParser
import FoundationEssentials
import PanalCore
import PanalManifest

extension ManifestCommand {
    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run a manifest's tests in cells of this machine, as a server does before it publishes.",
            discussion: """
                Nothing is sent to a server: the program is unpacked, looked at and tested here, by the same code. Each test has a line, and below \
                it what is not as it says, with its place in the manifest; in Spanish where the locale is. Cells are those of ‘panal run’: what \
                they need, ‘panal doctor’ says.

                    panal manifest test .
                    panal manifest test filter.py --manifest manifest.json --json

                Exit codes: 0 every test passed; 1 one did not, or the program would be refused; \(ExitStatus.cancelled) interrupted; \
                \(ExitStatus.systemError) no cell could be made, or another failure of Panal's own.
                """)

        @Argument(help: "Folder, archive, executable or script.", completion: .file())
        var program: String

        @Option(
            help: "The manifest; manifest.json in the folder when it is not given.",
            completion: .file(extensions: ["json"]))
        var manifest: String?

        @Option(help: "Run all tests under this hardware profile, whatever the manifest says.")
        var profile: String?

        @Option(
            help: ArgumentHelp(
                "Run all tests in this file system: host, or an image's digest. Needed where the manifest names an image by another name.",
                valueName: "host|digest"))
        var rootfs: String?

        @OptionGroup var place: CellPlace

        @Flag(help: "Print the results as JSON.")
        var json = false

        func run() async throws {
            guard let file = manifest ?? (Installation.isFolder(program) ? "\(program)/manifest.json" : nil) else {
                throw CommandFailure("which manifest? name it with --manifest FILE")
            }
            do {
                let report = try await TestBench(self, file: file).report()
                StandardOutput.write(json ? try report.json() : report.text(file: file))
                if report.isInterrupted { throw ExitCode(ExitStatus.cancelled) }
                if !report.hasPassed { throw ExitCode.failure }
            } catch let refusal as ServiceError {
                try tell(refusal, file: file)
                throw ExitCode.failure
            } catch let failure as SystemError {
                StandardError.line(failure.sentence)
                throw ExitCode(ExitStatus.systemError)
            }
        }

        /// What would be refused before any test is run.
        private func tell(_ refusal: ServiceError, file: String) throws {
            let mistakes =
                refusal.mistakes.isEmpty ? [Mistake(pointer: "", detail: refusal.detail)] : refusal.mistakes
            guard json else {
                for line in ManifestFile.lines(of: mistakes, file: file) { StandardOutput.write(line + "\n") }
                return
            }
            let document: JSONValue = [
                "passed": false, "refused": ManifestFile.document(of: mistakes), "tests": .array([]),
            ]
            StandardOutput.write(try document.serialized(pretty: true))
            StandardOutput.write("\n")
        }
    }
}
