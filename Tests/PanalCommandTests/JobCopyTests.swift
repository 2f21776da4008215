import PanalCore
import Testing

@testable import panal

/// What people read of a copy at a terminal.
@Suite struct JobCopyTests {
    @Test func whileTheyWait() {
        let lines = ["copyRequested", "copying", "running", "finished", "no such state"].map {
            JobCopyCommand.progress(of: $0, after: .milliseconds(2_900))
        }
        #expect(
            lines == [
                "the job is brought to stand still, 2 s", "the job stands still and is copied, 2 s",
                "the job is copied, the image is being made, 2 s", "the job is copied, the image is being made, 2 s",
                "the job is copied, the image is being made, 2 s",
            ])
    }

    @Test func imagesAndJobsNameEachOther() {
        let image: JSONValue = [
            "name": "mine", "state": "available", "job": "01k8zq4m3rh7x2c5w9ta",
            "message": "not taken: x: it is a socket",
        ]
        let text = RootfsCommand.details(image)
        #expect(text.contains("Copied from job") && text.contains("01k8zq4m3rh7x2c5w9ta"))
        #expect(text.contains("But") && !text.contains("Because"))
        let job: JSONValue = ["id": "1", "state": "running", "copies": ["01k8zq4m3rh7x2c5w9ta", "2"]]
        #expect(JobText.details(job).contains("01k8zq4m3rh7x2c5w9ta 2"))
    }
}
