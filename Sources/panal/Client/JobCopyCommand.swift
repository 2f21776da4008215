import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct JobCopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy", abstract: "Make an image of what a running job has made of its file system.",
        discussion: """
            For programs whose manifests say "writable": true. The job stands still while its files are copied, which is neither billed nor
            counted, and goes on behind that. The image is yours; a manifest names it by its digest.

              panal job copy ID --name 'python with my packages' --wait
              panal job copy ID --name snapshot --end

            Where no image can be made of it the job goes on, also with --end; ‘panal rootfs show’ says why.
            """)

    @Argument(help: "The job's id.", completion: .custom { _, _, prefix in await Completions.jobs(prefix) })
    var id: String

    @Option(help: "What to call the image.")
    var name: String

    @Flag(help: "End the job once it is copied.")
    var end = false

    @Flag(help: "Wait until the image is there.")
    var wait = false

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = try server.client
        let display = ProgressDisplay(isOn: !server.json)
        defer { display.clear() }
        var request = ClientRequest(
            .POST, JobCommand.path(id, "/copy"),
            body: .json(["name": .string(name), "then": .string(end ? "end" : "continue")]))
        request.repeatSafely(key: SubmitOptions.freshKey())
        var answer = try await client.send(request)
        let image = try answer.document.text("id")
        let begun = ContinuousClock.now
        while wait, try answer.document["state"]?.text == RootfsState.copying.rawValue {
            let state = try await client.get(JobCommand.path(id)).document["state"]?.text ?? ""
            display.say(Self.progress(of: state, after: ContinuousClock.now - begun))
            try await Task.sleep(for: .milliseconds(250))
            answer = try await client.get(RootfsCommand.path(image))
        }
        display.clear()
        let document = try answer.document
        guard document["state"]?.text != RootfsState.unavailable.rawValue else {
            throw CommandFailure("\(name): \(document["message"]?.text ?? "it could not be made")")
        }
        try server.show(answer, RootfsCommand.details)
    }

    /// What happens while somebody waits, by the job's state.
    static func progress(of state: String, after time: Duration) -> String {
        let what =
            switch JobState(rawValue: state) {
            case .copyRequested: "the job is brought to stand still"
            case .copying: "the job stands still and is copied"
            default: "the job is copied, the image is being made"
            }
        return "\(what), \(Int(time.inSeconds)) s"
    }
}
